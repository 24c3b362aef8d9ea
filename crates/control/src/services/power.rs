//! Power off and on. Off takes a last backup and ships the log to its end before the node goes; on restores the newest state.

use farshore_runs::{NewRun, enqueue};
use farshore_store::services::Service;
use farshore_store::{Tx, backups, runs};
use farshore_types::{Error, Result};
use serde_json::{Value, json};

use super::back_up::must_run;
use super::fork::no_backup;
use super::{Actor, state};
use crate::hosts::NodeState;
use crate::kinds::{self, Start};
use crate::upkeep::next_backup;
use crate::{Control, copies, events};

/// Runs of one service that are under way or wait.
const RUNS_MAX: u32 = 1000;

/// Changes the row of a service that is to be powered off. The caller writes it.
pub fn off(tx: &mut Tx<'_>, control: &Control, actor: &Actor, service: &mut Service) -> Result<()> {
    if service.termination_protection {
        return Err(protected());
    }
    must_run(service)?;
    if backups::of_region(tx, &service.id, service.stored_in(), 1)?.is_empty() {
        return Err(no_backup(service));
    }
    // It answers until its last backup is taken.
    (service.powered, service.state, service.off_since) = (false, state::REBALANCING.to_string(), Some(tx.now()));
    service.next_backup_at = None;
    let text = format!("Service {} is being powered off", service.name);
    ask(tx, control, actor, service, (kinds::POWER_OFF, json!({})), ("service_poweroff_request", &text))
}

/// Changes the row of a service that is to be powered on. The caller writes it.
pub fn on(tx: &mut Tx<'_>, control: &Control, actor: &Actor, service: &mut Service) -> Result<()> {
    if is_still_there(control, service)? {
        return stay_on(tx, control, actor, service);
    }
    if let Err(error) = service.regions().try_for_each(|region| control.regions.must_be_up(region)) {
        return Err(error.hint(copies::hint_elsewhere(control, service)?));
    }
    (service.powered, service.state, service.off_since) = (true, state::REBUILDING.to_string(), None);
    let start = restored(control, service)?;
    let text = format!("Service {} is being powered on", service.name);
    ask(tx, control, actor, service, (kinds::RESTORE, start.input()?), ("service_poweron_request", &text))
}

/// Whether a power-off waits for a region to take the end of the log, and the server answers all the while.
fn is_still_there(control: &Control, service: &Service) -> Result<bool> {
    let waits = service.state == state::REBALANCING && control.regions.is_down(service.stored_in());
    Ok(waits && control.hosts.view(&service.id)?.state == NodeState::Ready)
}

/// The power-off is taken back. If it ends all the same, the service is made again from what it stored.
fn stay_on(tx: &mut Tx<'_>, control: &Control, actor: &Actor, service: &mut Service) -> Result<()> {
    for run in runs::unfinished_of_subject(tx, service.id.as_str(), RUNS_MAX)? {
        if run.kind == kinds::POWER_OFF {
            runs::cancel(tx, &run.id)?;
        }
    }
    (service.powered, service.state, service.off_since) = (true, state::RUNNING.to_string(), None);
    service.next_backup_at = next_backup(control, service, tx.now())?;
    let text =
        format!("Service {} stays on: its power-off still waited for region {}", service.name, service.stored_in());
    events::record(tx, control, &service.project_id, &actor.user, "service_poweron_request", Some(&service.name), &text)
}

/// The newest state of the service itself.
pub fn restored(control: &Control, service: &Service) -> Result<Start> {
    let region = control.settings.region(service.stored_in())?.name.clone();
    Ok(Start { region, source: service.id.clone(), moment: None, backup: None, assured: None, fork: false })
}

/// The answer to who wants to end a protected service. Clients know this text.
pub fn protected() -> Error {
    Error::denied("Service is protected against termination and shutdown. Remove termination protection first.")
}

fn ask(
    tx: &mut Tx<'_>,
    control: &Control,
    actor: &Actor,
    service: &Service,
    (kind, input): (&'static str, Value),
    (event, text): (&str, &str),
) -> Result<()> {
    events::record(tx, control, &service.project_id, &actor.user, event, Some(&service.name), text)?;
    let run = NewRun { kind, project: service.project_id.clone(), subject: service.id.to_string(), input };
    enqueue(tx, &run, control.entropy.as_ref(), &control.signal).map(drop)
}
