//! Counts calls, failures and bytes by verb. Counters only grow, are read at any time, and start at zero with the process.

use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use farshore_types::Result;

use crate::layers::verb::{PerVerb, Verb};
use crate::pieces::PieceOf;
use crate::store::{ObjectInfo, ObjectStore};

/// What one verb has done so far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Reading {
    /// Calls that ended, well or badly.
    pub calls: u64,
    /// Those that ended with an error, `Missing` and `Conflict` included.
    pub failures: u64,
    /// Bytes of object bodies moved by calls that ended well.
    pub bytes: u64,
}

#[derive(Debug, Default)]
struct Counters {
    calls: AtomicU64,
    failures: AtomicU64,
    bytes: AtomicU64,
}

/// A store that counts.
#[derive(Debug)]
pub struct Meter {
    inner: Arc<dyn ObjectStore>,
    counters: PerVerb<Counters>,
}

impl Meter {
    /// All counters at zero.
    pub fn new(inner: Arc<dyn ObjectStore>) -> Meter {
        Meter { inner, counters: PerVerb::default() }
    }

    /// What `verb` has done so far.
    pub fn reading(&self, verb: Verb) -> Reading {
        let counters = self.counters.of(verb);
        Reading {
            calls: counters.calls.load(Ordering::Relaxed),
            failures: counters.failures.load(Ordering::Relaxed),
            bytes: counters.bytes.load(Ordering::Relaxed),
        }
    }

    fn count<T>(&self, verb: Verb, ended: Result<T>, bytes: impl FnOnce(&T) -> u64) -> Result<T> {
        let counters = self.counters.of(verb);
        counters.calls.fetch_add(1, Ordering::Relaxed);
        match &ended {
            Ok(value) => counters.bytes.fetch_add(bytes(value), Ordering::Relaxed),
            Err(_) => counters.failures.fetch_add(1, Ordering::Relaxed),
        };
        ended
    }
}

impl ObjectStore for Meter {
    fn put_new(&self, name: &str, body: Bytes) -> Result<()> {
        let size = body.len() as u64;
        self.count(Verb::PutNew, self.inner.put_new(name, body), |()| size)
    }

    fn get(&self, name: &str) -> Result<Bytes> {
        self.count(Verb::Get, self.inner.get(name), |body| body.len() as u64)
    }

    fn get_range(&self, name: &str, range: Range<u64>) -> Result<Bytes> {
        self.count(Verb::GetRange, self.inner.get_range(name, range), |body| body.len() as u64)
    }

    fn head(&self, name: &str) -> Result<ObjectInfo> {
        self.count(Verb::Head, self.inner.head(name), |_| 0)
    }

    fn list(&self, prefix: &str, each: &mut dyn FnMut(ObjectInfo) -> Result<()>) -> Result<()> {
        self.count(Verb::List, self.inner.list(prefix, each), |()| 0)
    }

    fn delete(&self, name: &str) -> Result<()> {
        self.count(Verb::Delete, self.inner.delete(name), |()| 0)
    }

    fn put_pieces(&self, name: &str, size: u64, piece: &mut PieceOf<'_>) -> Result<()> {
        self.count(Verb::PutPieces, self.inner.put_pieces(name, size, piece), |()| size)
    }
}
