//! Which regions answer, as it was seen last. Kept in memory: a platform that starts takes every region for reachable until it has looked.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use farshore_types::{Error, Result, Timestamp};

/// So many looks in a row must fail before a region counts as down: one lost answer is no disaster.
const LOOKS: u32 = 2;

/// So long after its return a region counts as just returned, in microseconds.
const RETURN_US: i64 = 60 * 1_000_000;

/// A region that does not answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Down {
    /// Since when.
    pub since: Timestamp,
    /// What it answered, if anything.
    pub reason: String,
}

#[derive(Debug, Clone)]
struct Failing {
    down: Down,
    looks: u32,
}

/// Regions that do not answer, by name, and what is remembered of those that do again.
#[derive(Debug, Default)]
pub struct Regions {
    failing: Mutex<BTreeMap<String, Failing>>,
    returned: Mutex<BTreeMap<String, Timestamp>>,
    told: Mutex<BTreeMap<String, BTreeSet<String>>>,
}

/// What a look has changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Turn {
    /// Nothing.
    None,
    /// The region has gone down.
    Down(Down),
    /// The region answers again; since when it did not.
    Up(Timestamp),
}

impl Regions {
    /// Keeps the outcome of a look.
    pub fn looked(&self, region: &str, outcome: &Result<()>, now: Timestamp) -> Turn {
        let mut failing = lock(&self.failing);
        match outcome {
            Ok(()) => match failing.remove(region) {
                Some(failed) if failed.looks >= LOOKS => {
                    lock(&self.returned).insert(region.to_string(), now);
                    Turn::Up(failed.down.since)
                }
                _ => Turn::None,
            },
            Err(error) => {
                let first = || Failing { down: Down { since: now, reason: error.to_string() }, looks: 0 };
                let failed = failing.entry(region.to_string()).or_insert_with(first);
                failed.looks = failed.looks.saturating_add(1);
                failed.down.reason = error.to_string();
                if failed.looks == LOOKS { Turn::Down(failed.down.clone()) } else { Turn::None }
            }
        }
    }

    /// Since when a region does not answer, and why; `None` while it does.
    pub fn down(&self, region: &str) -> Option<Down> {
        lock(&self.failing).get(region).filter(|failed| failed.looks >= LOOKS).map(|failed| failed.down.clone())
    }

    /// Whether a region answers again since a moment ago: what waited for it goes on only now.
    pub fn has_just_returned(&self, region: &str, now: Timestamp) -> bool {
        lock(&self.returned).get(region).is_some_and(|at| at.plus_micros(RETURN_US) > now)
    }

    /// Projects that were told that a region went down; they are told of its return as well, whatever they have there then.
    pub fn told(&self, region: &str, projects: &BTreeSet<String>) {
        lock(&self.told).insert(region.to_string(), projects.clone());
    }

    /// Those projects, once.
    pub fn take_told(&self, region: &str) -> BTreeSet<String> {
        lock(&self.told).remove(region).unwrap_or_default()
    }

    /// The first of some regions that does not answer.
    pub fn first_down<'a>(&self, mut regions: impl Iterator<Item = &'a str>) -> Option<(&'a str, Down)> {
        regions.find_map(|region| Some((region, self.down(region)?)))
    }

    /// Whether a region does not answer.
    pub fn is_down(&self, region: &str) -> bool {
        self.down(region).is_some()
    }

    /// Refuses a region that does not answer.
    pub fn must_be_up(&self, region: &str) -> Result<()> {
        match self.down(region) {
            None => Ok(()),
            Some(down) => {
                let what = format!("region {region} has not answered since {}: {}", down.since, down.reason);
                Err(Error::conflict(what).hint("try again once it is back, or use another region"))
            }
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_region_is_down_after_two_looks_in_a_row_and_up_after_one() {
        let (regions, at) = (Regions::default(), Timestamp::from_micros);
        let lost = || Err(Error::transient("no answer"));
        assert_eq!(regions.looked("north", &lost(), at(1)), Turn::None);
        assert_eq!(regions.looked("north", &Ok(()), at(2)), Turn::None);
        assert_eq!(regions.looked("north", &lost(), at(3)), Turn::None);
        assert!(!regions.is_down("north"));
        let down = Down { since: at(3), reason: lost().unwrap_err().to_string() };
        assert_eq!(regions.looked("north", &lost(), at(4)), Turn::Down(down.clone()));
        assert_eq!(regions.looked("north", &lost(), at(5)), Turn::None);
        assert_eq!((regions.down("north"), regions.down("south")), (Some(down), None));
        let error = regions.must_be_up("north").unwrap_err();
        assert!(error.to_string().contains("region north has not answered since 1970-"), "{error}");
        assert_eq!(regions.looked("north", &Ok(()), at(6)), Turn::Up(at(3)));
        for (now, just) in [(6, true), (5 + RETURN_US, true), (6 + RETURN_US, false)] {
            assert_eq!(regions.has_just_returned("north", at(now)), just, "{now}");
        }
        assert!(!regions.has_just_returned("south", at(6)));
        regions.must_be_up("north").unwrap();
    }
}
