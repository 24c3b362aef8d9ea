//! Backups and the moments to which a service can be brought back.

use farshore_control::config::Config;
use farshore_control::copies::Shown;
use farshore_control::hosts::{NodeState, NodeView};
use farshore_control::policy::retention;
use farshore_control::services::Overview;
use farshore_control::{Control, catalog, kinds, rows, services};
use farshore_types::backup_policy::RecoveryMode;
use farshore_types::{Plan, Result, ServiceType, Timestamp};
use serde_json::Value;

use super::run;
use crate::wire::common::Time;
use crate::wire::service::backup::{
    Backup, BackupRegion, BackupsAnswer, Pitr, PitrRange, PitrRegion, ScheduledBackupTime,
};

/// Backups of a service, the oldest first: those of the region that they are made in with the further regions that hold them, too, and those that only a
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
    let mut shown: Vec<Backup> = overview.backups.iter().map(|backup| one(backup, service.stored_in())).collect();
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

/// The last unbroken stretch of a further region, as far as forks may go there.
fn further(copy: &Shown, ends_at_backups: bool) -> PitrRegion {
    let last = copy.window();
    let newest = copy.backups.first().filter(|_| ends_at_backups).map(|backup| backup.taken_at);
    let end = |to: Timestamp| newest.map_or(to, |newest| newest.min(to));
    PitrRegion {
        cloud: copy.region.clone(),
        region: copy.region.clone(),
        pitr_range_start: last.map(|(from, _)| Time(from)),
        pitr_range_end: last.map(|(_, to)| Time(end(to))),
    }
}

/// All that is told about the backups of a service.
pub(crate) fn answer(control: &Control, overview: &Overview) -> Result<BackupsAnswer> {
    let service = &overview.service;
    let service_type: ServiceType = service.service_type.parse()?;
    let plans = catalog::plans(control, service_type);
    let plan = Plan::find(&plans, service_type, &service.plan)?;
    let policy = plan.backup_policy().filter(|policy| policy.takes_backups());
    let (_, windows) = services::backups_of(control, service, service.stored_in())?;
    let exact = policy.is_some_and(|policy| policy.recovery_mode == RecoveryMode::Pitr);
    // Its log may wait for a region, as may whoever looks at it.
    let up = overview.region_down.is_none() && overview.backups_down.is_none();
    let live = overview.node.as_ref().filter(|_| up);
    let shown = overview.copies.iter().filter(|copy| holds_or_will(copy));
    let pitr = exact.then(|| Pitr {
        primary_region: range(service, live, &windows),
        additional_regions: shown.map(|copy| further(copy, control.settings.copies_end_at_backups)).collect(),
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

#[cfg(test)]
mod tests {
    use farshore_control::copies::Condition;
    use farshore_control::hosts::CopyView;

    use super::*;

    #[test]
    fn the_range_of_a_further_region_ends_where_forks_may_go() {
        let at = Timestamp::from_micros;
        let backup = |name: &str, taken_at: i64| rows::Backup {
            name: name.to_string(),
            taken_at: at(taken_at),
            sequence: 1,
            raw_bytes: 1,
            stored_bytes: 1,
            full: true,
            verified_at: None,
            details: Value::Null,
        };
        let window =
            rows::Window { from_at: at(10), to_at: at(30), at_risk_bytes: 0, at_risk_us: 0, checked_at: at(30) };
        let copy = Shown {
            region: "south".to_string(),
            condition: Condition::Complete,
            lag_s: Some(0.0),
            complete: Some(at(30)),
            backups: vec![backup("b", 20), backup("a", 10)],
            windows: vec![window],
            view: CopyView::default(),
            paused: None,
            ends_at: None,
        };
        for (ends_at_backups, expect) in [(false, 30), (true, 20)] {
            let range = further(&copy, ends_at_backups);
            let ends = (range.pitr_range_start.map(|time| time.0), range.pitr_range_end.map(|time| time.0));
            assert_eq!(ends, (Some(at(10)), Some(at(expect))), "{ends_at_backups}");
        }
    }
}
