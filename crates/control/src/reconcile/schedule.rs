//! Backups on time. The time of the next one is data in the service's row: a platform that was down catches a missed one up, once.

use farshore_runs::{NewRun, enqueue};
use farshore_store::runs;
use farshore_store::services;
use farshore_types::Result;
use serde_json::json;

use super::each_service;
use crate::policy::schedule;
use crate::service::state;
use crate::upkeep::interval_hours;
use crate::{Control, kinds};

/// Asks for every backup that is due. One that still runs holds the next one back.
pub fn due_backups(control: &Control) -> Result<()> {
    each_service(control, "a backup on time", |service| {
        let runs = service.state == state::RUNNING && control.regions.first_down(service.regions()).is_none();
        let Some(next) = service.next_backup_at.filter(|_| runs) else { return Ok(()) };
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
