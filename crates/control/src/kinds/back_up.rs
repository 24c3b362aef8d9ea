//! Takes a backup, and reads back what the region holds then.

use farshore_runs::{Done, Step, StepContext};
use farshore_store::services;
use farshore_types::Result;

use super::step::{begin, change};
use crate::hosts::BackupReport;
use crate::{Control, events, upkeep};

/// In order.
pub fn steps() -> Vec<Step<Control>> {
    vec![Step { name: "take", act: take_if_on, undo: None }, Step { name: "record", act: record, undo: None }]
}

/// A service that was powered off or terminated since has had its last backup, or needs none.
fn take_if_on(step: &StepContext<Control>) -> Result<Done> {
    let id = step.service()?;
    let service = step.context().store.read(|tx| services::get(tx, &id))?;
    match service.is_some_and(|service| service.powered) {
        true => take(step),
        false => Ok(Done::nothing()),
    }
}

/// Takes it.
pub fn take(step: &StepContext<Control>) -> Result<Done> {
    let (service, generation) = begin(step)?;
    let report = step.context().hosts.back_up(&service.id, generation, step.run(), step.progress())?;
    Done::with(&report)
}

/// Shows it, and says when the next one is due.
pub fn record(step: &StepContext<Control>) -> Result<Done> {
    let control = step.context();
    let (service, _) = begin(step)?;
    // None was taken where none was needed.
    let report: Option<BackupReport> = step.output_if_done::<Option<BackupReport>>("take")?.flatten();
    let stock = control.hosts.stock(&control.settings.region(service.stored_in())?.name, &service.id)?;
    let (now, events) = (control.clock.now(), events::Recorder::of(control));
    let next = upkeep::next_backup(control, &service, now)?;
    Ok(Done::nothing().and(move |tx| {
        upkeep::keep_stock(tx, &service.id, service.stored_in(), &stock, now)?;
        change(tx, &service.id, |service| service.next_backup_at = next)?;
        let Some(report) = report else { return Ok(()) };
        let text = format!("Backup {} of service {} was taken", report.name, service.name);
        events.record(tx, &service.project_id, "farshore", "service_backup", Some(&service.name), &text)?;
        if report.bad_pages > 0 {
            let text = format!("Backup {} holds {} damaged pages", report.name, report.bad_pages);
            events.record(tx, &service.project_id, "farshore", "service_backup_flagged", Some(&service.name), &text)?;
        }
        Ok(())
    }))
}
