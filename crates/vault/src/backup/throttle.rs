//! A bound on bytes per second, shared by all readers of one backup.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use farshore_types::Clock;

/// Hands out time slots: each taker waits until its bytes are due. No burst is saved up.
pub struct Throttle {
    bytes_per_second: Option<u64>,
    clock: Arc<dyn Clock>,
    next: Mutex<Duration>,
}

impl Throttle {
    /// `None` never waits.
    pub fn new(bytes_per_second: Option<u64>, clock: Arc<dyn Clock>) -> Throttle {
        let next = Mutex::new(clock.monotonic());
        Throttle { bytes_per_second, clock, next }
    }

    /// Waits until this many bytes may be read.
    pub fn take(&self, bytes: u64) {
        let Some(rate) = self.bytes_per_second else { return };
        let now = self.clock.monotonic();
        let slot = {
            let mut next = self.next.lock().unwrap_or_else(PoisonError::into_inner);
            let slot = (*next).max(now);
            *next = slot + Duration::from_secs_f64(bytes as f64 / rate.max(1) as f64);
            slot
        };
        if slot > now {
            self.clock.pause(slot - now);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::ManualClock;

    #[test]
    fn a_throttle_spreads_bytes_over_time() {
        let clock = Arc::new(ManualClock::default());
        let throttle = Throttle::new(Some(1000), clock.clone());
        (0..5).for_each(|_| throttle.take(500));
        assert_eq!(clock.monotonic(), Duration::from_secs(2));
    }
}
