//! A store whose every verb answers within a bound: the caller waits for a thread that carries the call out, and not longer
//! than its patience.
//!
//! A caller whose patience is over gets `Transient`; the call is left behind and may still be carried out: a put succeeds
//! late, which its next try takes for its own, and a delete may take away what was put again under the name meanwhile, as
//! with any store whose answer was lost. While a call that was left behind has not returned, one further call at a time
//! tries the store; all others fail at once. When a trial is answered, or all that were left have returned, everything flows.
//! The pieces of a put are made in the caller's thread and without a bound: where they come from another store, that has its own.
//!
//! Waiting for a place among [`DEADLINE_CALLS_MAX`] calls has the same bound once more, so that a call waits at most twice its
//! patience. Memory: one object for each of those calls, also when it is stuck; half a MB for each of
//! [`DEADLINE_LISTINGS_MAX`] listings, names of the greatest length assumed. On a crash nothing is lost that was promised.

mod books;
mod desk;
mod listing;
mod pieces;

use std::fmt;
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use farshore_types::error::ErrorContext;
use farshore_types::{Clock, Result, Timestamp};

use crate::layers::verb::{Verb, about};
use crate::name;
use crate::pieces::PieceOf;
use crate::store::{ObjectInfo, ObjectStore};

use self::books::Sort;
pub use self::books::{DEADLINE_CALLS_MAX, DEADLINE_LISTINGS_MAX};
use self::desk::Desk;
use self::listing::Listed;
use self::pieces::Put;

/// A store that answers in time, or says that it does not.
pub struct Deadline {
    inner: Arc<dyn ObjectStore>,
    desk: Arc<Desk>,
}

impl Deadline {
    /// Each call waits at most `patience` for its answer, a listing for its next batch,
    /// a put in pieces until the store asks for the next; machine time, whatever `clock` says.
    /// `clock` tells since when a store has been silent, and paces the batches of a listing.
    pub fn new(inner: Arc<dyn ObjectStore>, clock: Arc<dyn Clock>, patience: Duration) -> Deadline {
        Deadline { inner, desk: Arc::new(Desk::new(clock, patience)) }
    }

    /// Calls that were left behind inside the store and have not returned.
    pub fn stuck(&self) -> usize {
        self.desk.stuck()
    }

    /// Since when the store has not answered; `None` where it does, as far as is known.
    pub fn silent_since(&self) -> Option<Timestamp> {
        self.desk.silent_since()
    }

    fn call<T: Send + 'static>(
        &self,
        verb: Verb,
        name: &str,
        run: impl FnOnce(&dyn ObjectStore, &str) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        // A refused name says nothing about the store: it must not count as its answer.
        name::check(name)?;
        let (inner, own_name) = (self.inner.clone(), name.to_string());
        let ticket = self.desk.hand_over(Sort::Call, move || run(&*inner, &own_name));
        ticket.and_then(|ticket| self.desk.wait_for(&ticket)).doing(verb.doing(), about(name))?
    }
}

impl Drop for Deadline {
    fn drop(&mut self) {
        self.desk.close();
    }
}

impl fmt::Debug for Deadline {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Deadline")
            .field("inner", &self.inner)
            .field("patience", &self.desk.patience)
            .finish_non_exhaustive()
    }
}

impl ObjectStore for Deadline {
    fn put_new(&self, name: &str, body: Bytes) -> Result<()> {
        self.call(Verb::PutNew, name, |inner, name| inner.put_new(name, body))
    }

    fn get(&self, name: &str) -> Result<Bytes> {
        self.call(Verb::Get, name, |inner, name| inner.get(name))
    }

    fn get_range(&self, name: &str, range: Range<u64>) -> Result<Bytes> {
        self.call(Verb::GetRange, name, |inner, name| inner.get_range(name, range))
    }

    fn head(&self, name: &str) -> Result<ObjectInfo> {
        self.call(Verb::Head, name, |inner, name| inner.head(name))
    }

    fn list(&self, prefix: &str, each: &mut dyn FnMut(ObjectInfo) -> Result<()>) -> Result<()> {
        name::check_prefix(prefix)?;
        match listing::list(&self.desk, &self.inner, prefix, each).doing(Verb::List.doing(), about(prefix))? {
            Listed::Ended(ended) => ended,
            Listed::Stopped(error) => Err(error),
        }
    }

    fn delete(&self, name: &str) -> Result<()> {
        self.call(Verb::Delete, name, |inner, name| inner.delete(name))
    }

    fn put_pieces(&self, name: &str, size: u64, piece: &mut PieceOf<'_>) -> Result<()> {
        name::check(name)?;
        let put = pieces::put(&self.desk, &self.inner, (name, size), piece);
        match put.doing(Verb::PutPieces.doing(), about(name))? {
            Put::Ended(ended) => ended,
            Put::Stopped(error) => Err(error),
        }
    }
}
