//! A store inside a store: every name gets a prefix, and nothing outside that prefix can be reached or seen.
//!
//! Names are checked before the prefix is added. Prefix and name together must fit the limit of a name. Keeps no state.

use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use farshore_types::{Error, Result};

use crate::name;
use crate::pieces::PieceOf;
use crate::store::{ObjectInfo, ObjectStore};

/// The objects below one prefix.
#[derive(Debug)]
pub struct Scoped {
    inner: Arc<dyn ObjectStore>,
    prefix: String,
}

impl Scoped {
    /// The objects of `inner` below `prefix`, which ends with `/` (or is empty: everything). `Invalid` for another prefix.
    pub fn new(inner: Arc<dyn ObjectStore>, prefix: &str) -> Result<Scoped> {
        name::check_prefix(prefix)?;
        Ok(Scoped { inner, prefix: prefix.to_string() })
    }

    fn full(&self, name: &str) -> Result<String> {
        name::check(name)?;
        Ok(format!("{}{name}", self.prefix))
    }

    fn own(&self, mut object: ObjectInfo) -> Result<ObjectInfo> {
        match object.name.strip_prefix(&self.prefix) {
            Some(name) => object.name = name.to_string(),
            None => return Err(Error::bug(format!("a listing below {} gave {}", self.prefix, object.name))),
        }
        Ok(object)
    }
}

impl ObjectStore for Scoped {
    fn put_new(&self, name: &str, body: Bytes) -> Result<()> {
        self.inner.put_new(&self.full(name)?, body)
    }

    fn get(&self, name: &str) -> Result<Bytes> {
        self.inner.get(&self.full(name)?)
    }

    fn get_range(&self, name: &str, range: Range<u64>) -> Result<Bytes> {
        self.inner.get_range(&self.full(name)?, range)
    }

    fn head(&self, name: &str) -> Result<ObjectInfo> {
        self.own(self.inner.head(&self.full(name)?)?)
    }

    fn list(&self, prefix: &str, each: &mut dyn FnMut(ObjectInfo) -> Result<()>) -> Result<()> {
        name::check_prefix(prefix)?;
        self.inner.list(&format!("{}{prefix}", self.prefix), &mut |object| each(self.own(object)?))
    }

    fn delete(&self, name: &str) -> Result<()> {
        self.inner.delete(&self.full(name)?)
    }

    fn put_pieces(&self, name: &str, size: u64, piece: &mut PieceOf<'_>) -> Result<()> {
        self.inner.put_pieces(&self.full(name)?, size, piece)
    }
}
