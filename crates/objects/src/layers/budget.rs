//! Bytes a second that any number of throttled stores share: a bucket that holds one second's worth.
//!
//! Who takes more than is there goes into debt and says how long it must be waited for; what is taken later comes after it,
//! so that a wait that has begun grows no longer. The urgent take what they need and wait for nothing: the debt that they
//! leave, at most [`BUDGET_URGENT_DEBT_MAX`], is waited for by everybody who comes after them. The rate can be changed or
//! lifted at any time, which forgives every debt. Kept in memory: a process that starts anew has a full bucket.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use farshore_types::Clock;

/// The deepest debt that the urgent leave to others, in time at the present rate: under an urgent load beyond the rate the
/// others go on slowly instead of never, and the rate is exceeded by so much.
pub const BUDGET_URGENT_DEBT_MAX: Duration = Duration::from_secs(60);

/// Longest wait that is named at once; a division by a tiny rate gives no more.
const BUDGET_WAIT_MAX: Duration = Duration::from_secs(24 * 3600);

/// A bound on bytes a second, shared by all that hold it.
pub struct Budget {
    /// Time is read here alone: two clocks need not have started together.
    clock: Arc<dyn Clock>,
    bucket: Mutex<Bucket>,
    /// How often somebody was told to wait.
    waits: AtomicU64,
}

/// Where a call stands in the debt: what it waits for is paid when as many bytes have been earned.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Turn {
    earned: f64,
}

struct Bucket {
    /// Bytes a second; `None` for no bound.
    rate: Option<u64>,
    /// Bytes that were allowed to pass so far, those that may pass now included. A double counts 9 PB exactly.
    earned: f64,
    /// Bytes that have passed so far; where it is more than was earned, the difference is debt.
    taken: f64,
    /// On the monotonic clock.
    filled_at: Duration,
}

impl Budget {
    /// `bytes_per_second` of `None` or zero lets everything pass. The bucket starts full.
    pub fn new(clock: Arc<dyn Clock>, bytes_per_second: Option<u64>) -> Budget {
        let bucket = Bucket { rate: None, earned: 0.0, taken: 0.0, filled_at: clock.monotonic() };
        let budget = Budget { clock, bucket: Mutex::new(bucket), waits: AtomicU64::new(0) };
        budget.set_rate(bytes_per_second);
        budget
    }

    /// Changes the bound; every debt is forgiven and the bucket is full. The rate that is set already changes nothing.
    pub fn set_rate(&self, bytes_per_second: Option<u64>) {
        let now = self.clock.monotonic();
        self.bucket().change(bytes_per_second.filter(|rate| *rate > 0), now);
    }

    /// The bound, in bytes a second; `None` for none.
    pub fn rate(&self) -> Option<u64> {
        self.bucket().rate
    }

    /// Takes the bytes. They may pass when nothing is left of [`Budget::wait_for`].
    pub(super) fn take(&self, bytes: usize) -> Turn {
        let now = self.clock.monotonic();
        self.bucket().take(bytes, now)
    }

    /// Takes the bytes, which pass at once.
    pub(super) fn take_urgently(&self, bytes: usize) {
        let now = self.clock.monotonic();
        self.bucket().take_urgently(bytes, now);
    }

    /// How long is still to be waited for what was taken, at the present rate.
    pub(super) fn wait_for(&self, turn: Turn) -> Duration {
        let now = self.clock.monotonic();
        let wait = self.bucket().wait_for(turn, now);
        if !wait.is_zero() {
            self.waits.fetch_add(1, Ordering::Relaxed);
        }
        wait
    }

    /// Grows while somebody waits for the bytes of this budget, once a second or more often: so long nobody waits for a store.
    pub fn waits(&self) -> u64 {
        self.waits.load(Ordering::Relaxed)
    }

    fn bucket(&self) -> MutexGuard<'_, Bucket> {
        self.bucket.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Budget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Budget").field("rate", &self.rate()).finish_non_exhaustive()
    }
}

impl Bucket {
    fn change(&mut self, rate: Option<u64>, now: Duration) {
        if rate != self.rate {
            let earned = self.taken + rate.map_or(0.0, |rate| rate as f64);
            *self = Bucket { rate, earned, taken: self.taken, filled_at: now };
        }
    }

    /// Adds what was earned since the last look, up to one second's worth.
    fn fill(&mut self, rate: f64, now: Duration) {
        let since = now.saturating_sub(self.filled_at).as_secs_f64();
        // Two threads may have read the clock in one order and come here in the other.
        self.filled_at = self.filled_at.max(now);
        self.earned = (self.earned + since * rate).min(self.taken + rate);
    }

    fn take(&mut self, bytes: usize, now: Duration) -> Turn {
        if let Some(rate) = self.rate {
            self.fill(rate as f64, now);
            self.taken += bytes as f64;
        }
        Turn { earned: self.taken }
    }

    fn take_urgently(&mut self, bytes: usize, now: Duration) {
        if let Some(rate) = self.rate.map(|rate| rate as f64) {
            self.fill(rate, now);
            let deepest = self.earned + rate * BUDGET_URGENT_DEBT_MAX.as_secs_f64();
            self.taken = (self.taken + bytes as f64).min(deepest.max(self.taken));
        }
    }

    fn wait_for(&mut self, turn: Turn, now: Duration) -> Duration {
        let Some(rate) = self.rate.map(|rate| rate as f64) else { return Duration::ZERO };
        self.fill(rate, now);
        match turn.earned > self.earned {
            true => Duration::try_from_secs_f64((turn.earned - self.earned) / rate).unwrap_or(BUDGET_WAIT_MAX),
            false => Duration::ZERO,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn full(rate: u64) -> Bucket {
        Bucket { rate: Some(rate), earned: rate as f64, taken: 0.0, filled_at: Duration::ZERO }
    }

    #[test]
    fn what_is_taken_later_is_waited_for_after_what_was_taken_before() {
        let mut bucket = full(100);
        let turns = [100, 50, 100].map(|bytes| bucket.take(bytes, Duration::ZERO));
        let waits = |bucket: &mut Bucket, now| turns.map(|turn| bucket.wait_for(turn, now).as_millis());
        assert_eq!(waits(&mut bucket, Duration::ZERO), [0, 500, 1500]);
        bucket.take_urgently(1000, Duration::ZERO);
        assert_eq!(waits(&mut bucket, SECOND), [0, 0, 500], "the urgent make nobody wait who waited before");
        let turn = bucket.take(10, SECOND);
        assert_eq!(bucket.wait_for(turn, SECOND).as_millis(), 10_600, "but those who come after them");
    }

    #[test]
    fn the_debt_of_the_urgent_has_a_bottom() {
        let bottom_s = BUDGET_URGENT_DEBT_MAX.as_secs();
        // Urgent bytes, bytes after them, seconds to wait for those; one second's worth was there.
        let table = [(0, 200, 1), (100, 100, 1), (6000, 100, 60), (1_000_000, 100, bottom_s + 1)];
        for (urgent, bytes, expect_s) in table {
            let mut bucket = full(100);
            for _ in 0..2 {
                bucket.take_urgently(urgent / 2, Duration::ZERO);
            }
            let turn = bucket.take(bytes, Duration::ZERO);
            assert_eq!(bucket.wait_for(turn, Duration::ZERO).as_secs(), expect_s, "after {urgent} urgent bytes");
        }
        let mut bucket = full(100);
        bucket.take(1_000_000, Duration::ZERO);
        bucket.take_urgently(5, Duration::ZERO);
        assert_eq!(bucket.taken, 1_000_000.0, "a debt that is deeper already stays as it is");
    }

    #[test]
    fn a_changed_rate_forgives_the_debt_and_the_same_rate_does_not() {
        for (rate, expect) in [(Some(100), 10), (Some(101), 0), (Some(1), 0), (None, 0)] {
            let mut bucket = full(100);
            let turn = bucket.take(1100, Duration::ZERO);
            bucket.change(rate, Duration::ZERO);
            assert_eq!(bucket.wait_for(turn, Duration::ZERO).as_secs(), expect, "{rate:?}");
        }
    }

    #[test]
    fn a_clock_that_is_read_late_earns_nothing_twice() {
        let mut bucket = full(100);
        bucket.take(1000, SECOND * 2);
        bucket.take(0, SECOND);
        let turn = bucket.take(0, SECOND * 2);
        assert_eq!(bucket.wait_for(turn, SECOND * 2).as_secs(), 9);
    }
}
