//! `--config`: a TOML file becomes settings. What is wrong in it is refused with its line, its key and what is allowed.

mod faults;
mod mail;
mod raw;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::Duration;

use farshore_control::settings::{Region, Settings};
use farshore_types::backup_policy::backup_policy;
use farshore_types::error::ErrorContext;
use farshore_types::{Error, Plan, RegionName, Result};

use super::place::Place;
use faults::Fault;
pub use mail::Mail;
pub use raw::Encryption;

/// Bytes of the largest file that is read.
const FILE_BYTES_MAX: u64 = 1 << 20;
/// Regions of one platform.
const REGIONS_MAX: usize = 100;
/// Further plans of one platform.
const PLANS_MAX: usize = 1000;
/// Bytes of the longest name of a region here: files and folders are called after it.
const REGION_NAME_BYTES_MAX: usize = 100;
/// The recovery key lies beside the keys of regions under this name.
const RESERVED: &str = "recovery";
/// The regions that are always there: name, description, latitude, longitude.
const LOCAL: [(&str, &str, f64, f64); 3] = [
    ("local-north", "North, a folder on this machine", 60.0, 25.0),
    ("local-south", "South, a folder on this machine", -34.0, 18.0),
    ("local-east", "East, a folder on this machine", 35.0, 139.0),
];
/// Seconds of a day.
const DAY_S: u64 = 24 * 3600;

/// What the operator decided.
#[derive(Debug, Clone, PartialEq)]
pub struct Config {
    /// Regions, plans, limits.
    pub settings: Settings,
    /// Bytes a second between two regions, where that has a bound: from, to.
    pub routes: BTreeMap<(String, String), u64>,
    /// How letters are sent, if at all.
    pub mail: Option<Mail>,
    /// Host names under which the API is reached.
    pub names: Vec<String>,
    /// How long a worker may be silent.
    pub lease: Duration,
    /// Runs at the same time.
    pub workers: usize,
}

impl Config {
    /// Reads the file, if there is one, for a platform at a place.
    pub fn read(file: Option<&Path>, place: &Place) -> Result<Config> {
        let Some(file) = file else { return Config::of(raw::File::default(), place).map_err(|fault| bug(&fault)) };
        let size = std::fs::metadata(file).doing("read", file.display())?.len();
        if size > FILE_BYTES_MAX {
            return Err(Error::invalid(format!(
                "{} has {size} bytes, at most {FILE_BYTES_MAX} are read",
                file.display()
            )));
        }
        let text = std::fs::read_to_string(file).doing("read", file.display())?;
        let config = toml::from_str(&text).map_err(|error| Fault::of(&error)).and_then(|raw| Config::of(raw, place));
        config.map_err(|fault| fault.explain(file, &text))
    }

    fn of(raw: raw::File, place: &Place) -> Result<Config, Fault> {
        let mut regions = if raw.default_regions.unwrap_or(true) { local(place)? } else { Vec::new() };
        let mut names: BTreeSet<String> = regions.iter().map(|region| region.name.to_string()).collect();
        for region in raw.regions {
            regions.push(self::region(region, &mut names)?);
        }
        if regions.is_empty() || regions.len() > REGIONS_MAX {
            let message = format!("there are {} regions, allowed are 1 to {REGIONS_MAX}", regions.len());
            return Err(Fault { span: 0..0, message });
        }
        let mail = raw.smtp.map(Mail::of).transpose()?;
        let routes = routes(&regions, &raw.copies)?;
        let mut settings = Settings::new(regions);
        settings.plans = plans(raw.plans)?;
        let names: Vec<&str> = settings.regions.iter().map(|region| region.name.as_str()).collect();
        settings.service_id_bytes_max = place.id_bytes_max(&names);
        copies(&mut settings, &raw.copies);
        let limits = raw.limits;
        if let Some(count) = limits.services_max {
            settings.services_max = u32::try_from(count.0).unwrap_or(u32::MAX);
        }
        if let Some(count) = limits.backup_regions_max {
            settings.backup_regions_max = usize::try_from(count.0).unwrap_or(usize::MAX);
        }
        if let Some(days) = limits.undelete_days {
            settings.undelete_window = Duration::from_secs(days.0 * DAY_S);
        }
        Ok(Config {
            settings,
            mail,
            routes,
            names: raw.names.into_iter().map(|name| name.0.0).collect(),
            lease: Duration::from_secs(limits.lease_s.map_or(60, |seconds| seconds.0)),
            workers: limits.workers.map_or(4, |count| usize::try_from(count.0).unwrap_or(4)),
        })
    }
}

/// What is decided about copies.
fn copies(settings: &mut Settings, raw: &raw::Copies) {
    settings.backup_regions_of_any_provider = raw.any_provider;
    settings.copies_end_at_backups = raw.end_at_backups;
    if let Some(hours) = &raw.grace_hours {
        settings.copy_grace = Duration::from_secs(hours.0 * 3600);
    }
    if let Some(hours) = &raw.change_hours {
        settings.copy_change_wait = Duration::from_secs(hours.0 * 3600);
    }
    if let Some(seconds) = &raw.lag_objective_s {
        settings.copy_lag_objective = Duration::from_secs(seconds.0);
    }
}

/// The bounds between regions, each of which must exist.
fn routes(regions: &[Region], raw: &raw::Copies) -> Result<BTreeMap<(String, String), u64>, Fault> {
    let mut routes = BTreeMap::new();
    for route in &raw.routes {
        for end in [&route.from, &route.to] {
            if !regions.iter().any(|region| region.name.as_str() == end.get_ref().0) {
                let known: Vec<&str> = regions.iter().map(|region| region.name.as_str()).collect();
                let message = format!("there is no region {:?}, allowed are {}", end.get_ref().0, known.join(", "));
                return Err(Fault { span: end.span(), message });
            }
        }
        let ends = (route.from.get_ref().0.clone(), route.to.get_ref().0.clone());
        if routes.insert(ends, route.bytes_per_second.0).is_some() {
            return Err(Fault {
                span: route.from.span(),
                message: "the route has two bounds, allowed is one".to_string(),
            });
        }
    }
    Ok(routes)
}

/// The regions that need no settings file.
fn local(place: &Place) -> Result<Vec<Region>, Fault> {
    let region = |(name, description, latitude, longitude): (&str, &str, f64, f64)| {
        let folder = place.regions().join(name);
        Ok(Region {
            name: name.parse::<RegionName>().map_err(|error| Fault { span: 0..0, message: error.to_string() })?,
            provider: "local".to_string(),
            description: description.to_string(),
            geo_region: "local".to_string(),
            latitude,
            longitude,
            store: format!("file://{}", folder.display()).replace(' ', "%20"),
        })
    };
    LOCAL.into_iter().map(region).collect()
}

fn region(raw: raw::Region, names: &mut BTreeSet<String>) -> Result<Region, Fault> {
    let span = raw.name.span();
    let name = raw.name.into_inner();
    let fault = |message: String| Err(Fault { span: span.clone(), message });
    if name.as_str() == RESERVED || name.as_str().len() > REGION_NAME_BYTES_MAX {
        return fault(format!(
            "a region cannot be called {name}, allowed are up to {REGION_NAME_BYTES_MAX} bytes other than {RESERVED:?}"
        ));
    }
    if !names.insert(name.to_string()) {
        let hint = "allowed is each name once; `default_regions = false` frees local-north, local-south and local-east";
        return fault(format!("there are two regions {name}, {hint}"));
    }
    Ok(Region {
        name,
        provider: raw.provider.0,
        description: raw.description.0,
        geo_region: raw.geo_region.0,
        latitude: raw.latitude.0,
        longitude: raw.longitude.0,
        store: raw.store.0,
    })
}

fn plans(raw: Vec<raw::Plan>) -> Result<Vec<Plan>, Fault> {
    let mut plans: Vec<Plan> = Vec::new();
    for plan in raw {
        let span = plan.name.span();
        let fault = |span, message: String| Err(Fault { span, message });
        let (name, service_type) = (plan.name.into_inner().0, plan.service_type.0);
        let same = |known: &Plan| known.service_type == service_type && known.name == name;
        if plans.iter().chain(&Plan::documented(service_type)).any(same) {
            return fault(span, format!("there is a plan {name} of {service_type} already, allowed is another name"));
        }
        if plans.len() == PLANS_MAX {
            return fault(span, format!("there are too many plans, allowed are {PLANS_MAX}"));
        }
        if backup_policy(service_type, plan.tier.0).is_none() {
            return fault(
                span,
                format!("{service_type} has no plans of tier {}, allowed is another tier", plan.tier.0),
            );
        }
        let disk_mib = plan.disk_mib.0;
        let disk_cap_mib = match plan.disk_cap_mib {
            Some(cap) if cap.get_ref().0 < disk_mib => {
                return fault(cap.span(), format!("less than disk_mib, allowed is {disk_mib} or more"));
            }
            Some(cap) => cap.into_inner().0,
            None => disk_mib,
        };
        let small = |number: u64| u32::try_from(number).unwrap_or(u32::MAX);
        plans.push(Plan {
            service_type,
            name,
            tier: plan.tier.0,
            node_count: small(plan.node_count.0),
            memory_mib: small(plan.memory_mib.0),
            cpu_count: small(plan.cpu_count.0),
            disk_mib,
            disk_cap_mib,
            disk_step_mib: plan.disk_step_mib.map_or(0, |step| step.0),
        });
    }
    Ok(plans)
}

fn bug(fault: &Fault) -> Error {
    Error::bug(format!("the settings without a file are wrong: {}", fault.message))
}
