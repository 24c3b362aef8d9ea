//! Wakes whoever waits for something to happen, and loses no call between looking and waiting.

use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

/// A counter that can be waited for. Clones are the same signal.
#[derive(Clone, Default)]
pub struct Signal {
    inner: Arc<(Mutex<u64>, Condvar)>,
}

impl Signal {
    /// How often it was given. Read before looking, passed to [`Signal::wait`] afterwards.
    pub fn count(&self) -> u64 {
        *self.inner.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Wakes all who wait.
    pub fn give(&self) {
        *self.inner.0.lock().unwrap_or_else(PoisonError::into_inner) += 1;
        self.inner.1.notify_all();
    }

    /// Waits until it was given more often than `seen`, at most `length`.
    pub fn wait(&self, seen: u64, length: Duration) {
        let count = self.inner.0.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = self.inner.1.wait_timeout_while(count, length, |count| *count == seen);
        drop(waited.unwrap_or_else(PoisonError::into_inner));
    }
}
