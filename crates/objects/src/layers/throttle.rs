//! At most so many bytes a second, both directions together, over all callers of one value.
//!
//! A bucket holds one second's worth. A call takes its bytes at once and, where the bucket goes below zero, waits until the
//! debt is paid: a put before it starts, a get after it has its bytes (only then is their number known). The rate can be
//! changed or lifted while calls run; a call that is waiting keeps the wait it began.

use std::fmt;
use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use farshore_types::{Clock, Result};

use crate::copy::copy_through;
use crate::store::{ObjectInfo, ObjectStore};

/// Longest single wait, so that a rate set far too low can still be corrected.
const THROTTLE_PAUSE_MAX: Duration = Duration::from_secs(60);

/// A store with a bound on bytes a second.
pub struct Throttle {
    inner: Arc<dyn ObjectStore>,
    clock: Arc<dyn Clock>,
    bucket: Mutex<Bucket>,
}

struct Bucket {
    /// Bytes a second; `None` for no bound.
    rate: Option<u64>,
    /// Bytes that may pass now; below zero is debt.
    level: f64,
    /// On the monotonic clock.
    filled_at: Duration,
}

impl Throttle {
    /// `bytes_per_second` of `None` or zero lets everything pass.
    pub fn new(inner: Arc<dyn ObjectStore>, clock: Arc<dyn Clock>, bytes_per_second: Option<u64>) -> Throttle {
        let throttle = Throttle {
            bucket: Mutex::new(Bucket { rate: None, level: 0.0, filled_at: clock.monotonic() }),
            inner,
            clock,
        };
        throttle.set_rate(bytes_per_second);
        throttle
    }

    /// Changes the bound; the bucket starts full.
    pub fn set_rate(&self, bytes_per_second: Option<u64>) {
        let rate = bytes_per_second.filter(|rate| *rate > 0);
        let level = rate.map_or(0.0, |rate| rate as f64);
        let mut bucket = self.bucket.lock().unwrap_or_else(PoisonError::into_inner);
        *bucket = Bucket { rate, level, filled_at: self.clock.monotonic() };
    }

    fn take(&self, bytes: usize) {
        let wait = {
            let mut bucket = self.bucket.lock().unwrap_or_else(PoisonError::into_inner);
            bucket.take(bytes, self.clock.monotonic())
        };
        if !wait.is_zero() {
            self.clock.pause(wait.min(THROTTLE_PAUSE_MAX));
        }
    }
}

impl Bucket {
    /// Takes the bytes and returns how long to wait for them.
    fn take(&mut self, bytes: usize, now: Duration) -> Duration {
        let Some(rate) = self.rate.map(|rate| rate as f64) else { return Duration::ZERO };
        let since = now.saturating_sub(self.filled_at).as_secs_f64();
        self.filled_at = now;
        self.level = (self.level + since * rate).min(rate) - bytes as f64;
        match self.level < 0.0 {
            true => Duration::try_from_secs_f64(-self.level / rate).unwrap_or(THROTTLE_PAUSE_MAX),
            false => Duration::ZERO,
        }
    }
}

impl fmt::Debug for Throttle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Throttle").field("inner", &self.inner).finish_non_exhaustive()
    }
}

impl ObjectStore for Throttle {
    fn put_new(&self, name: &str, body: Bytes) -> Result<()> {
        self.take(body.len());
        self.inner.put_new(name, body)
    }

    fn get(&self, name: &str) -> Result<Bytes> {
        let body = self.inner.get(name)?;
        self.take(body.len());
        Ok(body)
    }

    fn get_range(&self, name: &str, range: Range<u64>) -> Result<Bytes> {
        let body = self.inner.get_range(name, range)?;
        self.take(body.len());
        Ok(body)
    }

    fn head(&self, name: &str) -> Result<ObjectInfo> {
        self.inner.head(name)
    }

    fn list(&self, prefix: &str, each: &mut dyn FnMut(ObjectInfo) -> Result<()>) -> Result<()> {
        self.inner.list(prefix, each)
    }

    fn delete(&self, name: &str) -> Result<()> {
        self.inner.delete(name)
    }

    fn copy_from(&self, source: &dyn ObjectStore, source_name: &str, name: &str) -> Result<u64> {
        copy_through(self, source, source_name, name)
    }
}
