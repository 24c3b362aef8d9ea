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
