//! Power off and on. Off takes a last backup and ships the log to its end before the node goes; on restores the newest state.

use farshore_runs::{NewRun, enqueue};
use farshore_store::services::Service;
use farshore_store::{Tx, backups};
use farshore_types::{Error, Result};
use serde_json::{Value, json};

use super::back_up::must_run;
use super::fork::no_backup;
use super::{Actor, state, under_way};
use crate::hosts::NodeState;
use crate::kinds::{self, Start};
use crate::upkeep::next_backup;
use crate::{Control, copies, events};

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
    if let Some(waited) = waits_for(control, service) {
        return stay_on(tx, control, actor, service, &waited);
    }
    if let Err(error) = service.regions().try_for_each(|region| control.regions.must_be_up(region)) {
        return Err(error.hint(copies::hint_elsewhere(control, service)?));
    }
    (service.powered, service.state, service.off_since) = (true, state::REBUILDING.to_string(), None);
    let start = restored(control, service)?;
    let text = format!("Service {} is being powered on", service.name);
    ask(tx, control, actor, service, (kinds::RESTORE, start.input()?), ("service_poweron_request", &text))
}

/// What a power-off waits for while the node is still there, for as long as that takes.
fn waits_for(control: &Control, service: &Service) -> Option<String> {
    if service.state != state::REBALANCING {
        return None;
    }
    match control.hosts.view(&service.id).ok()?.state {
        NodeState::Ready => {
            control.regions.is_down(service.stored_in()).then(|| format!("region {}", service.stored_in()))
        }
        // What it has not shipped is nowhere else: to make the node again would lose it.
        NodeState::Crashed => Some("its server, which does not start, to ship its log".to_string()),
        _ => None,
    }
}

/// The power-off is taken back. If it ends all the same, the service is made again from what it stored.
fn stay_on(tx: &mut Tx<'_>, control: &Control, actor: &Actor, service: &mut Service, waited: &str) -> Result<()> {
    under_way::give_up(tx, service, |kind| kind == kinds::POWER_OFF)?;
    (service.powered, service.state, service.off_since) = (true, state::RUNNING.to_string(), None);
    service.next_backup_at = next_backup(control, service, tx.now())?;
    let text = format!("Service {} stays on: its power-off still waited for {waited}", service.name);
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
