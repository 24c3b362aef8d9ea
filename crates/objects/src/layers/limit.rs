//! At most so many calls at once; further ones wait their turn.
//!
//! Listings are not counted: they ask for one page at a time, and their `each` may call the store again, which would wait
//! for itself. A put in pieces gives its slot back while its caller makes the next piece, perhaps out of the very same store.
//! A panic in a call gives its slot back.

use std::num::NonZeroUsize;
use std::ops::Range;
use std::sync::{Arc, Condvar, Mutex, PoisonError};

use bytes::Bytes;
use farshore_types::Result;

use crate::pieces::PieceOf;
use crate::store::{ObjectInfo, ObjectStore};

/// A store with a bound on concurrent calls.
#[derive(Debug)]
pub struct Limit {
    inner: Arc<dyn ObjectStore>,
    free: Mutex<usize>,
    returned: Condvar,
}

impl Limit {
    /// At most `calls_max` calls at once.
    pub fn new(inner: Arc<dyn ObjectStore>, calls_max: NonZeroUsize) -> Limit {
        Limit { inner, free: Mutex::new(calls_max.get()), returned: Condvar::new() }
    }

    fn slot(&self) -> Slot<'_> {
        let free = self.free.lock().unwrap_or_else(PoisonError::into_inner);
        let mut free = self.returned.wait_while(free, |free| *free == 0).unwrap_or_else(PoisonError::into_inner);
        *free -= 1;
        Slot { limit: self }
    }
}

struct Slot<'a> {
    limit: &'a Limit,
}

impl Drop for Slot<'_> {
    fn drop(&mut self) {
        *self.limit.free.lock().unwrap_or_else(PoisonError::into_inner) += 1;
        self.limit.returned.notify_one();
    }
}

impl ObjectStore for Limit {
    fn put_new(&self, name: &str, body: Bytes) -> Result<()> {
        let _slot = self.slot();
        self.inner.put_new(name, body)
    }

    fn get(&self, name: &str) -> Result<Bytes> {
        let _slot = self.slot();
        self.inner.get(name)
    }

    fn get_range(&self, name: &str, range: Range<u64>) -> Result<Bytes> {
        let _slot = self.slot();
        self.inner.get_range(name, range)
    }

    fn head(&self, name: &str) -> Result<ObjectInfo> {
        let _slot = self.slot();
        self.inner.head(name)
    }

    fn list(&self, prefix: &str, each: &mut dyn FnMut(ObjectInfo) -> Result<()>) -> Result<()> {
        self.inner.list(prefix, each)
    }

    fn delete(&self, name: &str) -> Result<()> {
        let _slot = self.slot();
        self.inner.delete(name)
    }

    fn put_pieces(&self, name: &str, size: u64, piece: &mut PieceOf<'_>) -> Result<()> {
        let mut slot = Some(self.slot());
        self.inner.put_pieces(name, size, &mut |at| {
            // Its caller may need the slot to make the piece.
            slot = None;
            let piece = piece(at);
            slot = Some(self.slot());
            piece
        })
    }
}
