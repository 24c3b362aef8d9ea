//! Which further regions a service may have (public documentation, "About backup to another region for Aiven services", heading
//! "Limitations"): other ones than its own, of the same provider unless that is lifted. How many is a rule of the option itself.

use farshore_types::{Error, RegionName, Result};

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
