//! Progress of long work: counters that any thread may add to and any other may read.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use crate::error::{Error, Result};

/// Bytes done, bytes expected, and a wish to stop. Cheap enough to update for every frame.
#[derive(Debug, Default)]
pub struct Progress {
    done_bytes: AtomicU64,
    total_bytes: AtomicU64,
    stopped: AtomicBool,
}

impl Progress {
    /// Adds to the bytes done.
    pub fn add_bytes(&self, bytes: u64) {
        self.done_bytes.fetch_add(bytes, Ordering::Relaxed);
    }

    /// Adds to the bytes expected; may grow while the work is listed.
    pub fn expect_bytes(&self, bytes: u64) {
        self.total_bytes.fetch_add(bytes, Ordering::Relaxed);
    }

    /// Bytes done and bytes expected.
    pub fn bytes(&self) -> (u64, u64) {
        (self.done_bytes.load(Ordering::Relaxed), self.total_bytes.load(Ordering::Relaxed))
    }

    /// Asks the work to stop at its next step.
    pub fn stop(&self) {
        self.stopped.store(true, Ordering::Relaxed);
    }

    /// Fails with `Busy` once a stop was asked for; called between steps.
    pub fn go_on(&self) -> Result<()> {
        match self.stopped.load(Ordering::Relaxed) {
            true => Err(Error::busy("stopped on request")),
            false => Ok(()),
        }
    }
}
