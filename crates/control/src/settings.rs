//! What an operator decides about a platform: its regions and its limits. Values that print; nothing secret.

use std::time::Duration;

use farshore_types::{Error, Plan, RegionName, Result};

/// A named place with a provider, an object store and hosts. The API calls it a cloud.
#[derive(Debug, Clone, PartialEq)]
pub struct Region {
    /// Its name.
    pub name: RegionName,
    /// Who runs it: extra backup regions are of the same provider, by default.
    pub provider: String,
    /// One line for people.
    pub description: String,
    /// A word for the part of the world.
    pub geo_region: String,
    /// Degrees north.
    pub latitude: f64,
    /// Degrees east.
    pub longitude: f64,
    /// URL of its object store.
    pub store: String,
}

/// Settings of a platform.
#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    /// At least one; the first is the default of new projects.
    pub regions: Vec<Region>,
    /// How long backups of a terminated service are kept.
    pub undelete_window: Duration,
    /// Services of one project.
    pub services_max: u32,
    /// Extra backup regions of one service.
    pub backup_regions_max: usize,
    /// Whether extra backup regions may be of another provider than the service's own.
    pub backup_regions_of_any_provider: bool,
    /// How long a copy is kept that is no longer wanted.
    pub copy_grace: Duration,
    /// How long a service keeps a region that was put in place of another, before it may have yet another.
    pub copy_change_wait: Duration,
    /// How far a copy may be behind before it is told.
    pub copy_lag_objective: Duration,
    /// Whether a fork from a copy ends at its newest backup, as documented upstream, and not at the newest moment that was copied.
    pub copies_end_at_backups: bool,
    /// Plans besides the documented ones.
    pub plans: Vec<Plan>,
    /// Bytes of the longest id of a service: hosts have paths with a bound that hold it.
    pub service_id_bytes_max: usize,
    /// The address that clients of services on this machine use.
    pub service_host: String,
}

impl Settings {
    /// The usual limits.
    pub fn new(regions: Vec<Region>) -> Settings {
        Settings {
            regions,
            undelete_window: Duration::from_secs(30 * 24 * 3600),
            services_max: 200,
            backup_regions_max: 1,
            backup_regions_of_any_provider: false,
            copy_grace: Duration::from_secs(24 * 3600),
            copy_change_wait: Duration::from_secs(24 * 3600),
            copy_lag_objective: Duration::from_secs(60),
            copies_end_at_backups: false,
            plans: Vec::new(),
            service_id_bytes_max: 63,
            service_host: "127.0.0.1".to_string(),
        }
    }

    /// A region by its name; the error names those that exist.
    pub fn region(&self, name: &str) -> Result<&Region> {
        self.regions.iter().find(|region| region.name.as_str() == name).ok_or_else(|| {
            let known: Vec<&str> = self.regions.iter().map(|region| region.name.as_str()).collect();
            Error::invalid(format!("cloud {name:?} does not exist")).hint(format!("use one of {}", known.join(", ")))
        })
    }
}
