//! Backups, and the moments to which a service can be brought back.

use schemars::JsonSchema;
use serde::Serialize;

use super::progress::ProgressUpdate;
use crate::wire::common::Time;

/// A backup.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Backup {
    /// Its name.
    pub backup_name: String,
    /// When it was begun: what it holds is at least as new.
    pub backup_time: Time,
    /// Bytes before compression and encryption.
    pub data_size: u64,
    /// The region that holds it.
    pub storage_location: String,
    /// Further regions that hold it, whole and checked.
    pub additional_regions: Vec<BackupRegion>,
    /// Whether it stores only what changed since its parent. Left out where all are alike.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub incremental: Option<bool>,
}

/// A further region of a backup.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct BackupRegion {
    /// The region.
    pub cloud: String,
    /// The region's store.
    pub region: String,
    /// Whether copying rests.
    pub paused: bool,
    /// Why. Left out if it does not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pause_reason: Option<String>,
}

/// All backups of a service.
#[derive(Debug, Serialize, JsonSchema)]
pub struct BackupsAnswer {
    /// The backups, the oldest first.
    pub backups: Vec<Backup>,
    /// The moments to which it can be brought back. Left out for types that know only backups.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pitr: Option<Pitr>,
    /// When the next one is due. Left out for types without a schedule.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scheduled_backup_time: Option<ScheduledBackupTime>,
    /// The one that is being taken. Left out if none is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub backup_progress: Option<ProgressUpdate>,
}

/// The moments to which a service can be brought back.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Pitr {
    /// From the first region.
    pub primary_region: PitrRange,
    /// From further regions.
    pub additional_regions: Vec<PitrRegion>,
}

/// From when to when.
#[derive(Debug, Serialize, JsonSchema)]
pub struct PitrRange {
    /// Null: there is no backup.
    pub pitr_range_start: Option<Time>,
    /// Null: now.
    pub pitr_range_end: Option<Time>,
}

/// From when to when, in a further region.
#[derive(Debug, Serialize, JsonSchema)]
pub struct PitrRegion {
    /// The region.
    pub cloud: String,
    /// The region's store.
    pub region: String,
    /// Null: there is no backup.
    pub pitr_range_start: Option<Time>,
    /// Null: now.
    pub pitr_range_end: Option<Time>,
}

/// When backups are due, UTC.
#[derive(Debug, Serialize, JsonSchema)]
pub struct ScheduledBackupTime {
    /// 0 to 23.
    pub backup_hour: u8,
    /// 0 to 59.
    pub backup_minute: u8,
    /// Hours from one to the next.
    pub backup_interval_hours: u32,
}

/// The copies of a service in further regions. An addition of ours.
#[derive(Debug, Serialize, JsonSchema)]
pub struct CopiesAnswer {
    /// The copies, in the order of their regions' names.
    pub copies: Vec<CopyState>,
}

/// What a copy is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum CopyCondition {
    /// It holds everything that its source holds.
    Complete,
    /// Something is on its way.
    Copying,
    /// It rests.
    Paused,
    /// It is no longer wanted, and is deleted soon.
    Leaving,
}

/// One copy.
#[derive(Debug, Serialize, JsonSchema)]
pub struct CopyState {
    /// Where.
    pub region: String,
    /// What it is doing.
    pub state: CopyCondition,
    /// How old the newest work may be that would be lost with the first region. Null: nothing can be restored from here yet.
    pub lag_seconds: Option<f64>,
    /// Nothing that was acknowledged before is missing.
    pub newest_moment: Option<Time>,
    /// Backups that it holds.
    pub backups: u64,
    /// Backups that are still to be copied.
    pub pending_backups: u64,
    /// Their objects.
    pub pending_objects: u64,
    /// The bytes of these objects.
    pub pending_bytes: u64,
    /// When the oldest of these backups was taken.
    pub oldest_uncopied_backup_time: Option<Time>,
    /// Why it rests.
    pub pause_reason: Option<String>,
    /// When it is deleted.
    pub deleted_at: Option<Time>,
}
