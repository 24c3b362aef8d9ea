//! The seam: seven verbs that every store and every layer implements.

use std::fmt::Debug;
use std::ops::Range;

use bytes::Bytes;
use farshore_types::{Result, Timestamp};

use crate::pieces::{self, PieceOf};

/// What a listing says of one object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ObjectInfo {
    /// Full name below the store's root, `/` between parts.
    pub name: String,
    /// Bytes stored.
    pub size: u64,
    /// When it was put, by the store's own clock. Ages are differences of two of these, never of a local clock.
    pub modified: Timestamp,
}

/// One region's object store. Calls block; they may be made from any number of threads at once.
///
/// Names are parts of `a-z 0-9 . _ -` joined by `/`, at most 512 bytes; a name outside that is `Invalid`.
/// An object becomes visible whole or not at all, and is durable when `put_new` or `put_pieces` returns.
pub trait ObjectStore: Debug + Send + Sync {
    /// Puts an object that does not exist yet. `Conflict` where the name is taken and the store can tell; correctness never
    /// rests on it. A retry of the same bytes under the same name after an unclear outcome is `Ok`.
    fn put_new(&self, name: &str, body: Bytes) -> Result<()>;

    /// The whole object. `Missing` where there is none; never an empty answer for an error.
    fn get(&self, name: &str) -> Result<Bytes>;

    /// Exactly the bytes of `range`. `Missing` where there is no such object, `Corrupt` where it is shorter than `range.end`.
    fn get_range(&self, name: &str, range: Range<u64>) -> Result<Bytes>;

    /// Size and age, or `Missing`.
    fn head(&self, name: &str) -> Result<ObjectInfo>;

    /// Gives every object whose name starts with `prefix` (a text prefix that ends with `/`, or is empty for all), in no
    /// particular order. Memory is bounded by the store's page size, not by the number of objects. Stops at the first error
    /// of `each`.
    fn list(&self, prefix: &str, each: &mut dyn FnMut(ObjectInfo) -> Result<()>) -> Result<()>;

    /// Deletes an object; `Ok` where there is none.
    fn delete(&self, name: &str) -> Result<()>;

    /// As [`ObjectStore::put_new`], an object of `size` bytes that come in pieces, front to back, so that nobody holds it whole. Asked
    /// for the bytes at an offset, `piece` gives at least one of them and none beyond the end (`Bug` otherwise); asked for those at
    /// 0 again, it begins anew. Its error ends the put and is given back: nothing has been put. Not asked at all for an empty object.
    ///
    /// A store that has no better way gathers the pieces and puts them as one.
    fn put_pieces(&self, name: &str, size: u64, piece: &mut PieceOf<'_>) -> Result<()> {
        self.put_new(name, pieces::gather(name, size, piece)?)
    }
}
