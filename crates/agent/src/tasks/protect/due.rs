//! When the next backup is due. Pure; the clock is the caller's.

use std::time::Duration;

/// Pause before a backup that failed is tried again.
pub const RETRY: Duration = Duration::from_secs(60);

/// The state of a schedule, on a monotonic clock.
#[derive(Debug)]
pub struct Schedule {
    every: Duration,
    due: Duration,
    seen_breaks: u64,
    must_be_full: bool,
    protected: bool,
}

impl Schedule {
    /// `age` is that of the newest backup, so that an agent that is often started anew takes its backups all the same; without one
    /// the first is due at once.
    pub fn new(now: Duration, every: Duration, age: Option<Duration>) -> Schedule {
        let wait = age.map_or(Duration::ZERO, |age| every.saturating_sub(age));
        Schedule { every, due: now.saturating_add(wait), seen_breaks: 0, must_be_full: false, protected: age.is_some() }
    }

    /// Whether a backup is due now. One is due at once when the journal was broken; if that fails, after the same pause as any other.
    pub fn is_due(&mut self, now: Duration, breaks: u64) -> bool {
        if breaks > self.seen_breaks {
            (self.seen_breaks, self.must_be_full, self.due) = (breaks, true, now);
        }
        now >= self.due
    }

    /// Whether it must be a full one: the journal was broken since the last.
    pub fn must_be_full(&self) -> bool {
        self.must_be_full
    }

    /// Whether any backup exists.
    pub fn is_protected(&self) -> bool {
        self.protected
    }

    /// A backup was taken, or has failed.
    pub fn ended(&mut self, now: Duration, well: bool) {
        self.due = now.saturating_add(if well { self.every } else { RETRY });
        if well {
            (self.protected, self.must_be_full) = (true, false);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: Duration = Duration::from_secs(86_400);

    fn at(seconds: u64) -> Duration {
        Duration::from_secs(1000 + seconds)
    }

    #[test]
    fn the_age_of_the_newest_backup_counts_across_restarts() {
        let first_due = |age: Option<u64>| {
            let mut schedule = Schedule::new(at(0), DAY, age.map(Duration::from_secs));
            [0, 3599, 3600, 86_399, 86_400].into_iter().find(|now| schedule.is_due(at(*now), 0))
        };
        let table = [(None, 0), (Some(0), 86_400), (Some(86_400 - 3600), 3600), (Some(86_400), 0), (Some(u64::MAX), 0)];
        for (age, expected) in table {
            assert_eq!(first_due(age), Some(expected), "{age:?}");
        }
    }

    #[test]
    fn nothing_is_protected_by_a_backup_that_failed() {
        let mut schedule = Schedule::new(at(0), DAY, None);
        schedule.ended(at(1), false);
        assert!(!schedule.is_protected());
        schedule.ended(at(2), true);
        assert!(schedule.is_protected() && Schedule::new(at(0), DAY, Some(DAY)).is_protected());
    }

    #[test]
    fn after_a_break_a_full_backup_is_due_at_once_and_tried_again_after_a_pause() {
        let mut schedule = Schedule::new(at(0), DAY, Some(Duration::ZERO));
        assert!(!schedule.is_due(at(10), 0));
        assert!(schedule.is_due(at(11), 1) && schedule.must_be_full());
        schedule.ended(at(12), false);
        assert!(!schedule.is_due(at(13), 1) && schedule.must_be_full());
        assert!(schedule.is_due(at(12) + RETRY, 1));
        schedule.ended(at(100), true);
        assert!(!schedule.is_due(at(200), 1) && !schedule.must_be_full());
        assert!(schedule.is_due(at(201), 2));
    }
}
