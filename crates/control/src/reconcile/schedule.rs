//! Backups on time. The time of the next one is data in the service's row: a platform that was down catches a missed one up, once.

use farshore_runs::{NewRun, enqueue};
use farshore_store::services::{self, Service};
use farshore_store::{backups, runs};
use farshore_types::{Plan, Result, ServiceType, Timestamp};
use serde_json::json;

use super::each_service;
use crate::kinds::config;
use crate::policy::{retention, schedule};
use crate::services::state;
use crate::{Control, catalog, kinds};

/// Asks for every backup that is due. One that still runs holds the next one back.
pub fn due_backups(control: &Control) -> Result<()> {
    each_service(control, "a backup on time", |service| {
        let Some(next) = service.next_backup_at.filter(|_| service.state == state::RUNNING) else { return Ok(()) };
        let interval = interval_hours(control, &service)?;
        if !schedule::is_due(next, control.clock.now(), interval) {
            return Ok(());
        }
        control.store.write(|tx| {
            let busy = !runs::unfinished_of_subject(tx, service.id.as_str(), 1)?.is_empty();
            let Some(mut now) = services::get(tx, &service.id)?.filter(|row| !busy && row.next_backup_at == Some(next))
            else {
                return Ok(());
            };
            // Moved on before it is taken: if we die, the run is there and the time is not due again.
            let times = (now.backup_hour, now.backup_minute);
            now.next_backup_at = Some(schedule::next(tx.now(), times, interval));
            services::update(tx, &now)?;
            let (project, subject) = (now.project_id.clone(), now.id.to_string());
            let run = NewRun { kind: kinds::BACK_UP, project, subject, input: json!({ "reason": "it was due" }) };
            enqueue(tx, &run, control.entropy.as_ref(), &control.signal).map(drop)
        })
    })
}

/// When the next backup of a service is due after one that was just taken; `None` where it takes none, or is off.
pub fn next_backup(control: &Control, service: &Service, now: Timestamp) -> Result<Option<Timestamp>> {
    let service_type: ServiceType = service.service_type.parse()?;
    if !service.powered || !farshore_types::backup_policy::has_backups(service_type) {
        return Ok(None);
    }
    let newest = control.store.read(|tx| backups::of_region(tx, &service.id, &service.region, 1))?;
    let last = newest.first().map_or(now, |backup| backup.taken_at.max(now));
    let times = (service.backup_hour, service.backup_minute);
    Ok(Some(schedule::next(last, times, interval_hours(control, service)?)))
}

fn interval_hours(control: &Control, service: &Service) -> Result<u32> {
    let service_type: ServiceType = service.service_type.parse()?;
    let plans = catalog::plans(control, service_type);
    Ok(retention::interval_hours(Plan::find(&plans, service_type, &service.plan)?, &config(service)?))
}
