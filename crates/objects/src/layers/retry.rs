//! Tries passing faults again, a bounded number of times, with growing pauses.
//!
//! Only `Transient` is tried again; every verb of a store may run twice. A listing that has already given an entry is not
//! started again (the caller would see entries twice), nor is an error of the caller's own `each`. Killed during a pause:
//! as if the last try had been the last.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use farshore_types::{Clock, ErrorKind, Result};

use crate::pieces::PieceOf;
use crate::store::{ObjectInfo, ObjectStore};

/// Calls made at most for one asked, the first included.
pub const RETRY_TRIES_MAX: u32 = 6;

/// Pause after the first failure; each further one is twice as long.
pub const RETRY_PAUSE_FIRST: Duration = Duration::from_millis(100);

/// Longest pause between two tries.
pub const RETRY_PAUSE_MAX: Duration = Duration::from_secs(5);

/// A store whose passing faults are tried again.
pub struct Retry {
    inner: Arc<dyn ObjectStore>,
    clock: Arc<dyn Clock>,
}

impl Retry {
    /// Pauses are made on `clock`.
    pub fn new(inner: Arc<dyn ObjectStore>, clock: Arc<dyn Clock>) -> Retry {
        Retry { inner, clock }
    }

    fn again<T>(&self, mut run: impl FnMut() -> Result<T>) -> Result<T> {
        let mut pause = RETRY_PAUSE_FIRST;
        for _ in 1..RETRY_TRIES_MAX {
            match run() {
                Err(error) if error.kind() == ErrorKind::Transient => {}
                ended => return ended,
            }
            self.clock.pause(pause);
            pause = pause.saturating_mul(2).min(RETRY_PAUSE_MAX);
        }
        run()
    }
}

impl fmt::Debug for Retry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Retry").field("inner", &self.inner).finish_non_exhaustive()
    }
}

impl ObjectStore for Retry {
    fn put_new(&self, name: &str, body: Bytes) -> Result<()> {
        self.again(|| self.inner.put_new(name, body.clone()))
    }

    fn get(&self, name: &str) -> Result<Bytes> {
        self.again(|| self.inner.get(name))
    }

    fn get_range(&self, name: &str, range: Range<u64>) -> Result<Bytes> {
        self.again(|| self.inner.get_range(name, range.clone()))
    }

    fn head(&self, name: &str) -> Result<ObjectInfo> {
        self.again(|| self.inner.head(name))
    }

    fn list(&self, prefix: &str, each: &mut dyn FnMut(ObjectInfo) -> Result<()>) -> Result<()> {
        self.again(|| {
            let mut given = false;
            let listed = self.inner.list(prefix, &mut |object| {
                given = true;
                each(object)
            });
            // The inner result is passed on as it is where starting again would repeat an entry.
            match listed {
                Err(error) if !given => Err(error),
                ended => Ok(ended),
            }
        })?
    }

    fn delete(&self, name: &str) -> Result<()> {
        self.again(|| self.inner.delete(name))
    }

    fn put_pieces(&self, name: &str, size: u64, piece: &mut PieceOf<'_>) -> Result<()> {
        self.again(|| {
            let mut stopped = false;
            let put = self.inner.put_pieces(name, size, &mut |at| piece(at).inspect_err(|_| stopped = true));
            // The caller's own error is passed on as it is.
            match put {
                Err(error) if !stopped => Err(error),
                ended => Ok(ended),
            }
        })?
    }
}
