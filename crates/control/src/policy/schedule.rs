//! When the next backup is due. Pure: a time of day (UTC), an interval, what happened, and now.
//!
//! Slots stand at the given hour and minute and every interval from there. A missed slot is caught up once; a slot is skipped when a
//! backup was taken shortly before it, which is why a change of the time may take one more cycle. A clock that jumps back makes
//! nothing due that was taken already, and one that jumps ahead makes one backup due, not many.

use farshore_types::{Entropy, Result, Timestamp};

use crate::config::Config;

const MINUTE_US: i64 = 60 * 1_000_000;
const HOUR_US: i64 = 60 * MINUTE_US;
const DAY_US: i64 = 24 * HOUR_US;

/// Hour and minute of the day: those that the options give, else drawn once, so that not all services start at the same moment.
pub fn times(config: &Config, entropy: &dyn Entropy) -> Result<(u8, u8)> {
    let mut drawn = [0; 2];
    entropy.fill(&mut drawn)?;
    let given = |key: &str, below: u8| config.integer(key).and_then(|n| u8::try_from(n).ok()).filter(|n| *n < below);
    // 256 is no multiple of 24 or 60: some moments are a little likelier, which harms nobody.
    Ok((given("backup_hour", 24).unwrap_or(drawn[0] % 24), given("backup_minute", 60).unwrap_or(drawn[1] % 60)))
}

/// The first slot after `last` that is at least half an interval away from it; `last` is the newest backup, or the service's creation.
pub fn next(last: Timestamp, (hour, minute): (u8, u8), interval_hours: u32) -> Timestamp {
    let interval = i64::from(interval_hours.max(1)) * HOUR_US;
    let anchor = i64::from(hour) * HOUR_US + i64::from(minute) * MINUTE_US;
    let earliest = last.micros().saturating_add(interval / 2);
    let day = earliest.div_euclid(DAY_US) * DAY_US;
    // The slots of a day start anew at its anchor: intervals that do not divide a day leave a shorter one at its end.
    let of_day = |day: i64| {
        (0..).map(move |n| day + anchor + n * interval).take_while(move |slot| *slot < day + anchor + DAY_US)
    };
    let slots = of_day(day - DAY_US).chain(of_day(day)).chain(of_day(day + DAY_US));
    Timestamp::from_micros(slots.into_iter().find(|slot| *slot > earliest).unwrap_or(earliest + interval))
}

/// Whether a backup is due: its slot has come, or the clock has jumped so far back that no slot would come for longer than an interval.
pub fn is_due(next: Timestamp, now: Timestamp, interval_hours: u32) -> bool {
    let far = i64::from(interval_hours.max(1)) * HOUR_US * 2;
    now >= next || next.micros().saturating_sub(now.micros()) > far
}

/// Whether the newest backup is older than it can be while all goes well: two intervals, since the next slot is up to one and a half
/// away when a backup ends. A clock that jumped back makes none late.
pub fn is_late(newest: Timestamp, now: Timestamp, interval_hours: u32) -> bool {
    let bound = i64::from(interval_hours.max(1)) * HOUR_US * 2;
    now.micros().saturating_sub(newest.micros()) > bound
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn the_next_slot_follows_time_interval_and_the_last_backup() {
        let table = [
            // last backup, time of day, interval, next
            ("2026-11-20T10:00:00Z", (10, 0), 24, "2026-11-21T10:00:00Z"),
            ("2026-11-20T10:07:00Z", (10, 0), 24, "2026-11-21T10:00:00Z"),
            ("2026-11-20T10:00:00Z", (23, 30), 24, "2026-11-20T23:30:00Z"),
            // A change shortly after a backup takes one more cycle.
            ("2026-11-20T10:00:00Z", (12, 0), 24, "2026-11-21T12:00:00Z"),
            ("2026-11-20T10:00:00Z", (9, 0), 24, "2026-11-21T09:00:00Z"),
            // A missed day: the slot lies in the past and is caught up once.
            ("2026-11-15T10:00:00Z", (10, 0), 24, "2026-11-16T10:00:00Z"),
            ("2026-11-20T10:00:00Z", (4, 15), 6, "2026-11-20T16:15:00Z"),
            ("2026-11-20T10:15:00Z", (4, 15), 6, "2026-11-20T16:15:00Z"),
            ("2026-11-20T22:15:00Z", (4, 15), 6, "2026-11-21T04:15:00Z"),
            ("2026-12-31T23:59:00Z", (0, 0), 24, "2027-01-02T00:00:00Z"),
        ];
        for (last, times, interval, expected) in table {
            assert_eq!(next(at(last), times, interval), at(expected), "{last} {times:?} {interval}");
        }
    }

    #[test]
    fn one_backup_is_due_after_a_jump_ahead_and_none_is_taken_twice_after_a_jump_back() {
        let slot = next(at("2026-11-20T10:00:00Z"), (10, 0), 24);
        assert!(!is_due(slot, at("2026-11-21T09:59:59Z"), 24) && is_due(slot, at("2026-11-21T10:00:00Z"), 24));
        assert!(is_due(slot, at("2027-03-01T00:00:00Z"), 24));
        let after = next(at("2027-03-01T00:00:00Z"), (10, 0), 24);
        assert!(!is_due(after, at("2027-03-01T00:00:01Z"), 24), "one, not many");
        assert!(!is_due(slot, at("2026-11-20T08:00:00Z"), 24), "two hours back");
        assert!(is_due(after, at("2026-11-20T08:00:00Z"), 24), "a backup of the future does not stop them for months");
    }

    #[test]
    fn a_backup_is_late_after_two_intervals_and_not_for_a_clock_that_jumped_back() {
        let newest = at("2026-11-20T10:00:00Z");
        for (now, interval, late) in [
            ("2026-11-20T10:00:00Z", 24, false),
            ("2026-11-22T10:00:00Z", 24, false),
            ("2026-11-22T10:00:01Z", 24, true),
            ("2026-11-20T16:00:01Z", 3, true),
            ("2026-11-01T00:00:00Z", 3, false),
        ] {
            assert_eq!(is_late(newest, at(now), interval), late, "{now}");
        }
    }

    #[test]
    fn times_are_those_of_the_options_and_else_drawn() {
        let config = |text: &str| Config::from_text(text).unwrap();
        assert_eq!(
            times(&config(r#"{"backup_hour":3,"backup_minute":0}"#), &farshore_types::SystemEntropy).unwrap(),
            (3, 0)
        );
        let drawn: std::collections::BTreeSet<_> =
            (0..50).map(|_| times(&config("{}"), &farshore_types::SystemEntropy).unwrap()).collect();
        assert!(drawn.len() > 10 && drawn.iter().all(|(hour, minute)| *hour < 24 && *minute < 60));
    }
}
