//! Which further regions a service may have (public documentation, "About backup to another region for Aiven services", heading
//! "Limitations"): other ones than its own, of the same provider unless that is lifted, and another one once in 24 hours. How many is a
//! rule of the option itself.

use std::time::Duration;

use farshore_store::copies::Copy;
use farshore_types::{Error, RegionName, Result, Timestamp};

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

/// Refuses one region more in place of another that was put in place of another less than `wait` ago. Neither the first region, nor one
/// that is added to others, nor a return to one whose copy is still there counts as a change.
pub fn may_change(known: &[Copy], asked: &[RegionName], now: Timestamp, wait: Duration) -> Result<()> {
    let is_known = |region: &RegionName| known.iter().any(|copy| copy.region == region.as_str());
    let Some(new) = asked.iter().find(|region| !is_known(region)) else { return Ok(()) };
    let first = known.iter().map(|copy| copy.enabled_at).min();
    let changed = known.iter().map(|copy| copy.enabled_at).max().filter(|last| Some(*last) > first);
    let again = changed.map(|at| at.plus_micros(i64::try_from(wait.as_micros()).unwrap_or(i64::MAX)));
    match (changed, again.filter(|again| *again > now)) {
        (Some(changed), Some(again)) if known.iter().any(|copy| copy.ends_at.is_some()) => {
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
        let hour = |hour: i64| Timestamp::from_micros(hour * 3_600_000_000);
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
            let known: Vec<Copy> = known
                .iter()
                .map(|(region, begun, left)| Copy {
                    service: "s-1".parse().unwrap(),
                    region: region.to_string(),
                    enabled_at: hour(*begun),
                    ends_at: left.then(|| hour(40)),
                    late_since: None,
                })
                .collect();
            let asked: Vec<RegionName> = asked.iter().map(|name| name.parse().unwrap()).collect();
            let outcome = may_change(&known, &asked, hour(*now), Duration::from_secs(24 * 3600));
            assert_eq!(outcome.is_ok(), *may, "{known:?} {asked:?} {now}");
            let error = outcome.err().map(|error| error.to_string());
            assert!(error.is_none_or(|error| error.contains(&format!("ask again after {}", hour(26)))));
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
