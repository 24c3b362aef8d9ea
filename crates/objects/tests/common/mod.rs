//! For the tests of this crate: a clock that moves only when told or waited on, and a wait for other threads.

use std::sync::Mutex;
use std::thread;
use std::time::Duration;

use farshore_types::{Clock, Timestamp};

/// Starts at zero; a pause returns at once, moves the time on and is remembered.
#[derive(Debug, Default)]
pub struct ManualClock {
    pauses: Mutex<Vec<Duration>>,
}

impl ManualClock {
    /// Every pause so far.
    #[allow(dead_code, reason = "not every test file that shares this module asks")]
    pub fn pauses(&self) -> Vec<Duration> {
        self.pauses.lock().unwrap().clone()
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_micros(i64::try_from(self.monotonic().as_micros()).unwrap())
    }

    fn monotonic(&self) -> Duration {
        self.pauses.lock().unwrap().iter().sum()
    }

    fn pause(&self, length: Duration) {
        self.pauses.lock().unwrap().push(length);
    }
}

/// Lets the other threads go on until `true`.
#[allow(dead_code, reason = "not every test file that shares this module waits")]
pub fn until(reached: impl Fn() -> bool) {
    while !reached() {
        thread::yield_now();
    }
}
