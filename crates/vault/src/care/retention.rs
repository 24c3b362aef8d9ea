//! Retention: which backups are kept. Pure: no store, no clock of its own; nothing is deleted here.
//!
//! A window of N days means that every moment of the last N × 24 hours restores, so the backup from which its first moment is reached
//! stays although it is older. Whatever the policy: the newest backup stays, and the newest without flags. Every backup is
//! complete by itself, so parents may go before their children.

use std::collections::BTreeSet;

use farshore_types::Timestamp;

use crate::format::manifest::Custody;
use crate::names::BackupId;

/// Microseconds of a day.
const DAY_MICROS: i64 = 24 * 3600 * 1_000_000;

/// What retention needs to know of a backup.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Candidate {
    /// Which.
    pub id: BackupId,
    /// When it was consistent, by the database server's clock.
    pub finished: Timestamp,
    /// Whether anything was wrong with it, for example pages that were damaged on the source.
    pub flagged: bool,
}

impl Candidate {
    /// Of a backup's custody.
    pub fn of(id: BackupId, custody: &Custody) -> Candidate {
        Candidate { id, finished: custody.finished, flagged: !custody.flags.is_empty() }
    }
}

/// A stretch of moments that restore without a hole: from the end of a backup to the end of its unbroken journal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    /// First moment.
    pub from: Timestamp,
    /// Last moment.
    pub to: Timestamp,
}

/// What is to be kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Keep {
    /// Every moment of so many days of 24 hours.
    Days(u32),
    /// So many backups without flags, and the flagged ones between them.
    Count(u32),
}

/// What is kept and what may go, each oldest first.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Choice {
    /// Kept.
    pub keep: Vec<BackupId>,
    /// No longer needed.
    pub expire: Vec<BackupId>,
}

/// Sorts backups, which come in any order, into those that stay and those that may go. `windows` are the stretches of moments
/// that restore; none where the engine has no journal.
pub fn choose(backups: &[Candidate], keep: Keep, now: Timestamp, windows: &[Window]) -> Choice {
    let mut sorted = backups.to_vec();
    sorted.sort_by_key(|backup| backup.id);
    let mut kept: BTreeSet<BackupId> = match keep {
        Keep::Days(days) => by_days(&sorted, now.plus_micros(-i64::from(days).saturating_mul(DAY_MICROS)), windows),
        Keep::Count(count) => by_count(&sorted, count),
    };
    kept.extend(sorted.last().map(|backup| backup.id));
    kept.extend(sorted.iter().rfind(|backup| !backup.flagged).map(|backup| backup.id));
    let (keep, expire) = sorted.iter().map(|backup| backup.id).partition(|id| kept.contains(id));
    Choice { keep, expire }
}

fn by_days(backups: &[Candidate], start: Timestamp, windows: &[Window]) -> BTreeSet<BackupId> {
    // By moment and by order: where clocks or histories went back these differ, and either may be the one that is needed.
    let newest = |fits: &dyn Fn(&Candidate) -> bool| {
        let base = || backups.iter().filter(|backup| backup.finished <= start && fits(backup));
        [base().max_by_key(|backup| (backup.finished, backup.id)), base().next_back()].into_iter().flatten()
    };
    let mut kept: BTreeSet<_> =
        backups.iter().filter(|backup| backup.finished > start).map(|backup| backup.id).collect();
    kept.extend(newest(&|_| true).map(|backup| backup.id));
    kept.extend(newest(&|backup| !backup.flagged).map(|backup| backup.id));
    for window in windows.iter().filter(|window| window.from <= start && start <= window.to) {
        kept.extend(newest(&|backup| !backup.flagged && backup.finished >= window.from).map(|backup| backup.id));
    }
    kept
}

fn by_count(backups: &[Candidate], count: u32) -> BTreeSet<BackupId> {
    let mut left = count.max(1);
    let mut kept = BTreeSet::new();
    for backup in backups.iter().rev() {
        if left == 0 {
            break;
        }
        kept.insert(backup.id);
        left -= u32::from(!backup.flagged);
    }
    kept
}

#[cfg(test)]
mod tests {
    use farshore_types::{Generation, SessionId};

    use super::*;

    const DAY: i64 = DAY_MICROS;

    fn id(sequence: u32) -> BackupId {
        BackupId { generation: Generation(1), sequence, session: SessionId([0; 16]) }
    }

    /// Backups 1, 2, … finished on these days; a negative day marks a flagged one.
    fn check(days: &[i64], keep: Keep, now: i64, windows: &[(i64, i64)], kept: &[u32]) {
        let backups: Vec<_> = days
            .iter()
            .zip(1..)
            .map(|(day, sequence)| Candidate {
                id: id(sequence),
                finished: Timestamp::from_micros(day.abs() * DAY),
                flagged: *day < 0,
            })
            .collect();
        let at = |day: i64| Timestamp::from_micros(day * DAY);
        let windows: Vec<_> = windows.iter().map(|(from, to)| Window { from: at(*from), to: at(*to) }).collect();
        let mut reversed = backups.clone();
        reversed.reverse();
        let choice = choose(&reversed, keep, at(now), &windows);
        assert_eq!(choice.keep, kept.iter().map(|at| id(*at)).collect::<Vec<_>>(), "{days:?} {keep:?}");
        assert_eq!(choice.keep.len() + choice.expire.len(), backups.len());
        assert!(choice.expire.iter().all(|id| !choice.keep.contains(id)));
    }

    #[test]
    fn a_window_of_days_keeps_the_backup_that_its_first_moment_is_reached_from() {
        check(&[], Keep::Days(2), 10, &[], &[]);
        check(&[1], Keep::Days(2), 100, &[], &[1]);
        check(&[1, 2, 3, 4, 5, 6], Keep::Days(2), 6, &[(1, 6)], &[4, 5, 6]);
        // A backup that finished exactly at the start serves the start.
        check(&[1, 2, 3, 4], Keep::Days(2), 5, &[(1, 5)], &[3, 4]);
        check(&[1, 2, 8, 9], Keep::Days(3), 10, &[(1, 10)], &[2, 3, 4]);
        check(&[1, 2, 3], Keep::Days(0), 10, &[], &[3]);
        check(&[1, 2, 3], Keep::Days(u32::MAX), 10, &[], &[1, 2, 3]);
    }

    #[test]
    fn the_newest_stays_and_the_newest_without_flags() {
        check(&[1, -2, -3], Keep::Days(1), 100, &[], &[1, 3]);
        check(&[1, 2, -3, -8, 9], Keep::Days(5), 10, &[(1, 10)], &[2, 3, 4, 5]);
        check(&[-1, -2], Keep::Count(1), 10, &[], &[1, 2]);
        check(&[1, -2, -3], Keep::Count(1), 10, &[], &[1, 2, 3]);
    }

    #[test]
    fn a_count_counts_backups_without_flags() {
        check(&[1, 2, 3, 4], Keep::Count(2), 10, &[], &[3, 4]);
        check(&[1, 2, -3, 4], Keep::Count(2), 10, &[], &[2, 3, 4]);
        check(&[1, 2], Keep::Count(0), 10, &[], &[2]);
        check(&[1, 2], Keep::Count(9), 10, &[], &[1, 2]);
    }

    #[test]
    fn where_the_clock_went_back_the_backup_of_the_window_stays_too() {
        // Backup 2 finished at a later moment than 3; the journal that reaches the start begins at backup 3.
        check(&[1, 7, 6, 9], Keep::Days(2), 10, &[(6, 10)], &[2, 3, 4][..]);
    }
}
