//! Which further regions a service may have (public documentation, "About backup to another region for Aiven services", heading
//! "Limitations"): other ones than its own, of the same provider unless that is lifted, and another one once in 24 hours. How many is a
//! rule of the option itself.

use std::time::Duration;

use farshore_store::copies::Copy;
use farshore_types::{Error, RegionName, Result, Timestamp};
use serde::{Deserialize, Serialize};

use crate::settings::{Region, Settings};

/// The option.
pub const OPTION: &str = "additional_backup_regions";

/// The regions that were asked for, or why they cannot be had.
pub fn check(settings: &Settings, own: &Region, asked: &[&str]) -> Result<Vec<RegionName>> {
    let mut regions: Vec<RegionName> = Vec::new();
    for name in asked {
        let Ok(region) = settings.region(name) else {
            let what = format!("{OPTION}: cloud {name:?} does not exist");
            return Err(Error::invalid(what).hint(others(settings, own)));
        };
        if region.name == own.name {
            let what = format!("{OPTION}: {name} is the region in which the service keeps its backups already");
            return Err(Error::invalid(what).hint(others(settings, own)));
        }
        if region.provider != own.provider && !settings.backup_regions_of_any_provider {
            let what = format!(
                "{OPTION}: {name} is of provider {}, the service's region {} is of {}",
                region.provider, own.name, own.provider
            );
            return Err(Error::invalid(what).hint(others(settings, own)));
        }
        if regions.contains(&region.name) {
            return Err(Error::invalid(format!("{OPTION}: {name} is named twice")).hint("name it once"));
        }
        regions.push(region.name.clone());
    }
    Ok(regions)
}

/// The further regions that a service has or had.
pub struct Known<'a> {
    /// Those that hold a copy, also one that is being left.
    pub held: &'a [Copy],
    /// Those whose copy is destroyed already.
    pub gone: &'a [Departed],
}

/// A further region whose copy was destroyed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Departed {
    /// Where it was.
    pub region: String,
    /// Since when it was wanted.
    pub enabled_at: Timestamp,
    /// When it was no longer wanted.
    pub left_at: Timestamp,
}

/// Refuses one region more in place of another that was put in place of another less than `wait` ago. Neither the first region, nor one
/// that is added to others, nor a return to one whose copy is still there counts as a change; what was left longer ago does not count.
pub fn may_change(known: &Known<'_>, asked: &[RegionName], now: Timestamp, wait: Duration) -> Result<()> {
    let later = |at: Timestamp| at.plus_micros(i64::try_from(wait.as_micros()).unwrap_or(i64::MAX));
    let is_held = |region: &RegionName| known.held.iter().any(|copy| copy.region == region.as_str());
    let Some(new) = asked.iter().find(|region| !is_held(region)) else { return Ok(()) };
    let gone: Vec<&Departed> = known.gone.iter().filter(|gone| later(gone.left_at) > now).collect();
    let begun = || known.held.iter().map(|copy| copy.enabled_at).chain(gone.iter().map(|gone| gone.enabled_at));
    let first = begun().min();
    let changed = begun().max().filter(|last| Some(*last) > first);
    let left = !gone.is_empty() || known.held.iter().any(|copy| copy.ends_at.is_some());
    match (changed, changed.map(later).filter(|again| *again > now)) {
        (Some(changed), Some(again)) if left => {
            let what = format!("{OPTION}: {new} comes too soon, the region was changed at {changed} already");
            Err(Error::invalid(what).hint(format!("ask again after {again}, or set change_hours of copies")))
        }
        _ => Ok(()),
    }
}

fn others(settings: &Settings, own: &Region) -> String {
    let fits = |region: &&Region| region.provider == own.provider || settings.backup_regions_of_any_provider;
    let fits = settings.regions.iter().filter(fits).filter(|region| region.name != own.name);
    let names: Vec<&str> = fits.map(|region| region.name.as_str()).collect();
    match names.is_empty() {
        true => format!("there is no other region of provider {}", own.provider),
        false => format!("use one of {}", names.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn region(name: &str, provider: &str) -> Region {
        Region {
            name: name.parse().unwrap(),
            provider: provider.to_string(),
            description: String::new(),
            geo_region: String::new(),
            latitude: 0.0,
            longitude: 0.0,
            store: String::new(),
        }
    }

    #[test]
    fn a_region_is_put_in_place_of_another_once_in_a_while() {
        const LIVE: bool = false;
        const LEFT: bool = true;
        // Regions with when they were begun and whether they are being left; what is asked for; the hour; whether it may be.
        type Row = (&'static [(&'static str, i64, bool)], &'static [&'static str], i64, bool);
        const TABLE: &[Row] = &[
            (&[], &["a"], 1, true),
            (&[("a", 1, LIVE)], &["b"], 2, true),
            (&[("a", 1, LEFT)], &["b"], 2, true),
            (&[("a", 1, LEFT), ("b", 2, LIVE)], &["c"], 3, false),
            (&[("a", 1, LEFT), ("b", 2, LEFT)], &["c"], 3, false),
            (&[("a", 1, LEFT), ("b", 2, LIVE)], &["a"], 3, true),
            (&[("a", 1, LEFT), ("b", 2, LIVE)], &["b"], 3, true),
            (&[("a", 1, LEFT), ("b", 2, LIVE)], &[], 3, true),
            (&[("a", 1, LEFT), ("b", 2, LIVE)], &["b", "c"], 3, false),
            (&[("a", 1, LEFT), ("b", 2, LIVE)], &["c"], 25, false),
            (&[("a", 1, LEFT), ("b", 2, LIVE)], &["c"], 26, true),
            (&[("a", 1, LIVE), ("b", 2, LIVE)], &["a", "b", "c"], 3, true),
        ];
        for (known, asked, now, may) in TABLE {
            let held: Vec<Copy> = known
                .iter()
                .map(|(region, begun, left)| Copy {
                    service: "s-1".parse().unwrap(),
                    region: region.to_string(),
                    enabled_at: hour(*begun),
                    ends_at: left.then(|| hour(40)),
                    late_since: None,
                })
                .collect();
            assert_eq!(outcome(&Known { held: &held, gone: &[] }, asked, *now), *may, "{known:?} {asked:?} {now}");
        }
    }

    fn hour(hour: i64) -> Timestamp {
        Timestamp::from_micros(hour * 3_600_000_000)
    }

    /// Whether it may be; a refusal says that it may be at hour 26.
    fn outcome(known: &Known<'_>, asked: &[&str], now: i64) -> bool {
        let asked: Vec<RegionName> = asked.iter().map(|name| name.parse().unwrap()).collect();
        let outcome = may_change(known, &asked, hour(now), Duration::from_secs(24 * 3600));
        let error = outcome.err().map(|error| error.to_string());
        let says = format!("ask again after {}", hour(26));
        assert!(error.as_ref().is_none_or(|error| error.contains(&says)), "{error:?}");
        error.is_none()
    }

    #[test]
    fn a_change_is_remembered_when_the_copy_that_was_left_is_gone() {
        let live = |region: &str, begun: i64| Copy {
            service: "s-1".parse().unwrap(),
            region: region.to_string(),
            enabled_at: hour(begun),
            ends_at: None,
            late_since: None,
        };
        let gone = [Departed { region: "a".to_string(), enabled_at: hour(1), left_at: hour(2) }];
        for (held, asked, now, may) in [
            (vec![], "b", 3, true),
            (vec![live("b", 2)], "b", 3, true),
            (vec![live("b", 2)], "c", 3, false),
            (vec![live("b", 2)], "a", 3, false),
            (vec![live("b", 2)], "c", 25, false),
            (vec![live("b", 2)], "c", 26, true),
            // The first one after a long time without any.
            (vec![live("b", 30)], "c", 31, true),
        ] {
            assert_eq!(outcome(&Known { held: &held, gone: &gone }, &[asked], now), may, "{held:?} {asked} {now}");
        }
    }

    #[test]
    fn a_further_region_is_another_one_of_the_same_provider() {
        let regions = vec![region("north", "local"), region("south", "local"), region("far", "other")];
        let mut settings = Settings::new(regions);
        let own = settings.region("north").unwrap().clone();
        let refused = |settings: &Settings, asked: &[&str]| check(settings, &own, asked).unwrap_err().to_string();
        for (asked, says) in [
            (&["nowhere"][..], "cloud \"nowhere\" does not exist (use one of south)"),
            (&["north"], "north is the region in which the service keeps its backups already (use one of south)"),
            (&["far"], "far is of provider other, the service's region north is of local (use one of south)"),
            (&["south", "south"], "south is named twice"),
        ] {
            let error = refused(&settings, asked);
            assert!(error.contains(says) && error.contains(OPTION), "{asked:?}: {error}");
        }
        assert_eq!(check(&settings, &own, &["south"]).unwrap(), ["south".parse().unwrap()]);
        assert_eq!(check(&settings, &own, &[]).unwrap(), []);
        settings.backup_regions_of_any_provider = true;
        assert_eq!(check(&settings, &own, &["south", "far"]).unwrap().len(), 2);
        assert!(refused(&settings, &["north"]).contains("use one of south, far"));
    }
}
