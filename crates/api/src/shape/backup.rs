//! Backups and the moments to which a service can be brought back.

use farshore_control::config::Config;
use farshore_control::copies::Shown;
use farshore_control::hosts::{NodeState, NodeView};
use farshore_control::policy::retention;
use farshore_control::services::Overview;
use farshore_control::{Control, catalog, kinds, rows, services};
use farshore_types::backup_policy::RecoveryMode;
use farshore_types::{Plan, Result, ServiceType};
use serde_json::Value;

use super::run;
use crate::wire::common::Time;
use crate::wire::service::backup::{
    Backup, BackupRegion, BackupsAnswer, Pitr, PitrRange, PitrRegion, ScheduledBackupTime,
};

/// Backups of a service, the oldest first: those of its own region with the further regions that hold them, too, and those that only a
/// further region holds.
pub(crate) fn backups(overview: &Overview) -> Vec<Backup> {
    let (service, copies) = (&overview.service, &overview.copies);
    let holds = |copy: &Shown, name: &str| copy.backups.iter().any(|held| held.name == name);
    let region = |copy: &Shown| BackupRegion {
        cloud: copy.region.clone(),
        region: copy.region.clone(),
        paused: copy.paused.is_some(),
        pause_reason: copy.paused.clone(),
    };
    let one = |backup: &rows::Backup, at: &str| Backup {
        backup_name: backup.name.clone(),
        backup_time: Time(backup.taken_at),
        data_size: backup.raw_bytes,
        storage_location: at.to_string(),
        additional_regions: copies
            .iter()
            .filter(|copy| copy.region != at && holds(copy, &backup.name))
            .map(region)
            .collect(),
        incremental: Some(!backup.full),
    };
    let mut shown: Vec<Backup> = overview.backups.iter().map(|backup| one(backup, &service.region)).collect();
    for copy in copies {
        for backup in &copy.backups {
            if !shown.iter().any(|there| there.backup_name == backup.name) {
                shown.push(one(backup, &copy.region));
            }
        }
    }
    shown.sort_by(|one, other| (one.backup_time.0, &one.backup_name).cmp(&(other.backup_time.0, &other.backup_name)));
    shown
}

/// One that leaves before it held anything will never hold anything.
fn holds_or_will(copy: &Shown) -> bool {
    copy.ends_at.is_none() || !copy.windows.is_empty()
}

/// The last unbroken stretch of a further region.
fn further(copy: &Shown) -> PitrRegion {
    let last = copy.windows.last();
    PitrRegion {
        cloud: copy.region.clone(),
        region: copy.region.clone(),
        pitr_range_start: last.map(|window| Time(window.from_at)),
        pitr_range_end: last.map(|window| Time(window.to_at)),
    }
}

/// All that is told about the backups of a service.
pub(crate) fn answer(control: &Control, overview: &Overview) -> Result<BackupsAnswer> {
    let service = &overview.service;
    let service_type: ServiceType = service.service_type.parse()?;
    let plans = catalog::plans(control, service_type);
    let plan = Plan::find(&plans, service_type, &service.plan)?;
    let policy = plan.backup_policy().filter(|policy| policy.takes_backups());
    let (_, windows) = services::backups_of(control, service, &service.region)?;
    let exact = policy.is_some_and(|policy| policy.recovery_mode == RecoveryMode::Pitr);
    let pitr = exact.then(|| Pitr {
        primary_region: range(service, overview.node.as_ref(), &windows),
        additional_regions: overview.copies.iter().filter(|copy| holds_or_will(copy)).map(further).collect(),
    });
    let config = Config::from_map(service.user_config.as_object().cloned().unwrap_or_default());
    let scheduled_backup_time = policy.map(|_| ScheduledBackupTime {
        backup_hour: service.backup_hour,
        backup_minute: service.backup_minute,
        backup_interval_hours: retention::interval_hours(plan, &config),
    });
    let under_way = overview.runs.iter().find(|run| run.kind == kinds::BACK_UP && !run.situation.state.is_final());
    Ok(BackupsAnswer {
        backups: backups(overview),
        pitr,
        scheduled_backup_time,
        backup_progress: under_way.map(run::backup_progress),
    })
}

/// The last unbroken stretch: every moment in it restores. It ends now while the server runs and its log is shipped.
fn range(service: &rows::Service, node: Option<&NodeView>, windows: &[rows::Window]) -> PitrRange {
    let Some(last) = windows.last() else { return PitrRange { pitr_range_start: None, pitr_range_end: None } };
    let runs = [services::state::RUNNING, services::state::REBALANCING].contains(&service.state.as_str());
    let live = node.is_some_and(|node| {
        let whole = service.facts.get("breaks").and_then(Value::as_u64).unwrap_or(0) >= node.breaks;
        node.state == NodeState::Ready && node.archived_to.is_some() && whole
    });
    let end = if runs && live { None } else { Some(Time(last.to_at)) };
    PitrRange { pitr_range_start: Some(Time(last.from_at)), pitr_range_end: end }
}
