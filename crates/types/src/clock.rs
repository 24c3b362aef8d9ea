//! The injected clock: wall time for what people read, monotonic time for deadlines, and the only way to wait.

use std::time::{Duration, Instant, SystemTime};

use crate::timestamp::Timestamp;

/// Wall clock, monotonic clock and pause. Everything outside this file takes it as a value.
pub trait Clock: Send + Sync {
    /// Wall time, UTC, in microseconds. May jump; decides nothing.
    fn now(&self) -> Timestamp;
    /// Time since an arbitrary start; never goes back. Deadlines are counted on it.
    fn monotonic(&self) -> Duration;
    /// Waits; a manual clock returns at once and moves on.
    fn pause(&self, length: Duration);
}

/// The machine's clock.
#[derive(Debug, Clone, Copy)]
pub struct SystemClock {
    start: Instant,
}

impl SystemClock {
    /// The machine's clock; `monotonic` counts from here.
    #[allow(clippy::disallowed_methods, reason = "this is the one place where the machine's clock is read")]
    pub fn new() -> Self {
        SystemClock { start: Instant::now() }
    }
}

impl Default for SystemClock {
    fn default() -> Self {
        SystemClock::new()
    }
}

impl Clock for SystemClock {
    #[allow(clippy::disallowed_methods, reason = "this is the one place where the machine's clock is read")]
    fn now(&self) -> Timestamp {
        let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        Timestamp::from_micros(i64::try_from(since.as_micros()).unwrap_or(i64::MAX))
    }

    fn monotonic(&self) -> Duration {
        self.start.elapsed()
    }

    #[allow(clippy::disallowed_methods, reason = "this is the one place that waits by time")]
    fn pause(&self, length: Duration) {
        std::thread::sleep(length);
    }
}
