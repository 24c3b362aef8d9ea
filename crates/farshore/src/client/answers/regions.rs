//! What is read about regions, and about the copies that further regions hold.

use serde::Deserialize;

/// What a further region holds of a service.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct ServiceCopy {
    pub region: String,
    /// `complete`, `copying`, `paused` or `leaving`.
    pub state: String,
    /// How old the newest work may be that would be lost with the first region. `None`: nothing can be restored there yet.
    pub lag_seconds: Option<f64>,
    pub newest_moment: Option<String>,
    pub backups: u64,
    pub pending_backups: u64,
    pub pending_objects: u64,
    pub pending_bytes: u64,
    pub oldest_uncopied_backup_time: Option<String>,
    pub pause_reason: Option<String>,
    /// When a copy that is leaving is deleted.
    pub deleted_at: Option<String>,
}

/// A region, and what of the project is in it.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct Region {
    pub region: String,
    pub provider: String,
    /// `up` or `down`.
    pub state: String,
    pub since: Option<String>,
    pub reason: Option<String>,
    pub services: Vec<RegionService>,
    /// Services whose node is elsewhere and whose backups and log go there.
    pub backups_of: Vec<String>,
    /// Services of which a copy is there.
    pub copies_of: Vec<String>,
}

impl Region {
    /// Whether nothing in it can be reached.
    pub fn is_down(&self) -> bool {
        self.state == "down"
    }
}

/// A service whose first region it is.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct RegionService {
    pub service_name: String,
    pub state: String,
    /// The region in which its backups are made.
    pub backup_region: String,
    pub restorable: Vec<Restorable>,
}

/// The moments that can be restored in a region.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct Restorable {
    pub region: String,
    pub from: Option<String>,
    /// `None`: now.
    pub to: Option<String>,
}

/// A further region of a backup.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct BackupRegion {
    pub cloud: String,
    pub paused: bool,
    pub pause_reason: Option<String>,
}

/// The moments that can be restored from a further region.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct PitrRegion {
    pub cloud: String,
    /// `None`: there is no backup.
    pub pitr_range_start: Option<String>,
    /// `None`: now.
    pub pitr_range_end: Option<String>,
}
