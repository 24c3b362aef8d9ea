//! What the client reads of the API's answers. Everything may be absent: a platform of another version is still understood, and what
//! it does not say is not shown. Tests compare these with what the platform of this version writes.

mod regions;

use std::collections::BTreeMap;

use farshore_types::{Error, Result};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

pub use regions::{BackupRegion, PitrRegion, Region, RegionService, Restorable, ServiceCopy};

/// Reads one part of an answer.
pub fn part<T: DeserializeOwned>(answer: &Value, key: &str) -> Result<T> {
    let missing = || newer(Error::invalid(format!("the platform's answer holds no {key}")));
    T::deserialize(answer.get(key).ok_or_else(missing)?)
        .map_err(|error| newer(Error::invalid(format!("{key} in the platform's answer cannot be read: {error}"))))
}

fn newer(error: Error) -> Error {
    error.hint("is AIVEN_WEB_URL right, and `farshore --version` the same here and there? --json shows the answer")
}

/// A service.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct Service {
    pub service_id: String,
    pub service_name: String,
    pub service_type: String,
    pub service_type_description: String,
    pub state: String,
    pub plan: String,
    pub cloud_name: String,
    pub create_time: String,
    pub termination_protection: bool,
    pub service_uri: String,
    pub service_uri_params: BTreeMap<String, String>,
    pub user_config: Value,
    pub users: Vec<User>,
    pub databases: Vec<String>,
    pub node_states: Vec<Node>,
    pub service_notifications: Vec<Notification>,
    pub metadata: Metadata,
}

/// What is known of a service's version, and of its node.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct Metadata {
    pub version: Option<Value>,
    pub major: Option<Value>,
    /// Seconds of data that would be lost with the node now.
    pub data_at_risk_seconds: Option<f64>,
    /// Since when its region does not answer.
    pub region_down_since: Option<String>,
    /// The region in which its backups are made.
    pub backup_region: Option<String>,
    /// Since when that does not answer, where it is another one.
    pub backup_region_down_since: Option<String>,
}

impl Service {
    /// The region of its backups, while that does not answer.
    pub fn backups_away(&self) -> Option<&str> {
        let known = &self.metadata;
        let stored_in = known.backup_region.as_deref().unwrap_or(&self.cloud_name);
        let down =
            if stored_in == self.cloud_name { &known.region_down_since } else { &known.backup_region_down_since };
        down.as_ref().map(|_| stored_in)
    }
}

/// A node.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct Node {
    pub name: String,
    pub state: String,
    pub progress_updates: Vec<Phase>,
}

/// A phase of a node's making.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct Phase {
    pub phase: String,
    pub min: u64,
    pub max: u64,
    pub current: u64,
    pub unit: String,
    pub completed: bool,
}

/// A sentence for the owner of a service.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct Notification {
    pub level: String,
    pub message: String,
}

/// An account of a service.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct User {
    pub username: String,
    pub password: String,
    #[serde(rename = "type")]
    pub kind: String,
}

/// A service that was terminated.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct Deleted {
    pub service_id: String,
    pub service_name: String,
    pub service_type: String,
    pub plan: String,
    pub cloud_name: String,
    pub delete_time: String,
    pub kept_until: String,
}

/// All that is told about backups.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct Backups {
    pub backups: Vec<Backup>,
    pub pitr: Option<Pitr>,
    pub scheduled_backup_time: Option<Schedule>,
    pub backup_progress: Option<Phase>,
}

/// A backup.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct Backup {
    pub backup_name: String,
    pub backup_time: String,
    pub data_size: u64,
    pub storage_location: String,
    pub additional_regions: Vec<BackupRegion>,
    pub incremental: Option<bool>,
}

/// The moments that can be restored.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct Pitr {
    pub primary_region: Range,
    pub additional_regions: Vec<PitrRegion>,
}

/// From when to when.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct Range {
    /// `None`: there is no backup.
    pub pitr_range_start: Option<String>,
    /// `None`: now.
    pub pitr_range_end: Option<String>,
}

/// When backups are due.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct Schedule {
    pub backup_hour: u8,
    pub backup_minute: u8,
    pub backup_interval_hours: u32,
}

/// A run.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct Run {
    pub id: String,
    pub kind: String,
    pub service_name: String,
    pub state: String,
    pub create_time: String,
    pub end_time: Option<String>,
    pub step: String,
    pub steps_done: u32,
    pub steps: u32,
    pub progress: Counted,
    pub error: Option<String>,
}

/// How far a step is.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct Counted {
    pub bytes_done: u64,
    pub bytes_expected: Option<u64>,
    pub bytes_per_second: u64,
    pub seconds_left: Option<u64>,
}

/// A line of a log.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct LogLine {
    pub time: String,
    pub hostname: String,
    pub unit: String,
    pub msg: String,
}

/// A project.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct Project {
    pub project_name: String,
    pub default_cloud: String,
    pub organization_id: String,
}

/// A region.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct Cloud {
    pub cloud_name: String,
    pub cloud_description: String,
    pub provider: String,
    pub geo_region: String,
}

#[cfg(test)]
mod tests {
    use farshore_api::wire::common::Time;
    use farshore_api::wire::run as wire;
    use farshore_api::wire::service::backup as backups;
    use farshore_types::Timestamp;

    use super::*;

    fn written(answer: &impl serde::Serialize) -> Value {
        serde_json::to_value(answer).unwrap()
    }

    fn time() -> Time {
        Time(Timestamp::parse_or_utc("2026-11-21 10:15:00").unwrap())
    }

    #[test]
    fn a_run_that_the_platform_writes_is_read_in_full() {
        let progress =
            wire::RunProgress { bytes_done: 1, bytes_expected: Some(2), bytes_per_second: 3, seconds_left: Some(4) };
        let answer = written(&wire::RunAnswer {
            run: wire::Run {
                id: "r1".to_string(),
                kind: "restore".to_string(),
                service_name: "pg-1".to_string(),
                state: "running".to_string(),
                create_time: time(),
                end_time: Some(time()),
                step: "files".to_string(),
                steps_done: 1,
                steps: 3,
                progress,
                error: Some("no".to_string()),
            },
        });
        let run: Run = part(&answer, "run").unwrap();
        let read =
            (run.id.as_str(), run.kind.as_str(), run.service_name.as_str(), run.state.as_str(), run.step.as_str());
        assert_eq!(read, ("r1", "restore", "pg-1", "running", "files"));
        assert_eq!((run.steps_done, run.steps, run.error.as_deref()), (1, 3, Some("no")));
        let counted = run.progress;
        assert_eq!((counted.bytes_done, counted.bytes_expected, counted.bytes_per_second), (1, Some(2), 3));
        assert!(counted.seconds_left == Some(4) && run.end_time.is_some() && !run.create_time.is_empty());
    }

    #[test]
    fn backups_that_the_platform_writes_are_read_in_full() {
        let answer = written(&backups::BackupsAnswer {
            backups: vec![backups::Backup {
                backup_name: "b".to_string(),
                backup_time: time(),
                data_size: 7,
                storage_location: "local-north".to_string(),
                additional_regions: vec![backups::BackupRegion {
                    cloud: "local-south".to_string(),
                    region: "south".to_string(),
                    paused: true,
                    pause_reason: Some("full".to_string()),
                }],
                incremental: Some(true),
            }],
            pitr: Some(backups::Pitr {
                primary_region: backups::PitrRange { pitr_range_start: Some(time()), pitr_range_end: None },
                additional_regions: vec![backups::PitrRegion {
                    cloud: "local-south".to_string(),
                    region: "south".to_string(),
                    pitr_range_start: Some(time()),
                    pitr_range_end: Some(time()),
                }],
            }),
            scheduled_backup_time: Some(backups::ScheduledBackupTime {
                backup_hour: 3,
                backup_minute: 17,
                backup_interval_hours: 24,
            }),
            backup_progress: None,
        });
        let read = Backups::deserialize(&answer).unwrap();
        let backup = read.backups.first().unwrap();
        let text = (backup.backup_name.as_str(), backup.storage_location.as_str(), backup.data_size);
        assert_eq!((text, backup.incremental), (("b", "local-north", 7), Some(true)));
        assert!(!backup.backup_time.is_empty());
        let copy = backup.additional_regions.first().unwrap();
        assert_eq!(
            (copy.cloud.as_str(), copy.paused, copy.pause_reason.as_deref()),
            ("local-south", true, Some("full"))
        );
        let pitr = read.pitr.unwrap();
        let further = pitr.additional_regions.first().unwrap();
        assert_eq!((further.cloud.as_str(), &further.pitr_range_start), ("local-south", &further.pitr_range_end));
        let range = pitr.primary_region;
        assert!(range.pitr_range_start.is_some() && range.pitr_range_end.is_none());
        let schedule = read.scheduled_backup_time.unwrap();
        assert_eq!((schedule.backup_hour, schedule.backup_minute, schedule.backup_interval_hours), (3, 17, 24));
    }

    #[test]
    fn what_is_not_there_is_named() {
        for (answer, expect) in [("{}", "holds no service"), ("{\"service\":3}", "service in the platform's answer")] {
            let answer: Value = serde_json::from_str(answer).unwrap();
            let error = part::<Service>(&answer, "service").unwrap_err();
            assert!(error.message().contains(expect), "{error}");
        }
    }
}
