//! Nodes that were lost, and journals that broke. A service that shall run and whose data is gone is rebuilt from its newest backup and log;
//! one whose log was broken gets a full backup at once. Hosts start crashed servers by themselves.

use farshore_runs::{NewRun, enqueue};
use farshore_store::services::{self, Service};
use farshore_store::{Tx, runs};
use farshore_types::{Generation, Result};
use serde_json::{Value, json};

use super::each_service;
use crate::hosts::NodeState;
use crate::service::state;
use crate::services::restored;
use crate::{Control, events, kinds};

/// Looks at every node once.
pub fn supervise(control: &Control) -> Result<()> {
    each_service(control, "the supervision of a service", |service| {
        if service.state != state::RUNNING {
            return Ok(());
        }
        let view = control.hosts.view(&service.id)?;
        match view.state {
            NodeState::Lost | NodeState::Absent => rebuild(control, &service),
            NodeState::Stopped => start_again(control, &service),
            _ if view.breaks > seen_breaks(&service) => broken(control, &service, view.breaks),
            _ => Ok(()),
        }
    })
}

fn rebuild(control: &Control, service: &Service) -> Result<()> {
    let input = restored(control, service)?.input()?;
    control.store.write(|tx| {
        let Some(mut row) = idle(tx, service)? else { return Ok(()) };
        row.state = state::REBUILDING.to_string();
        services::update(tx, &row)?;
        let text =
            format!("The node of service {} is lost; the service is rebuilt from its newest backup and log", row.name);
        ask(tx, control, &row, (kinds::RESTORE, input), ("service_node_lost", &text))
    })
}

/// Somebody stopped the server on its host (`farshore down`), and the service shall run. No run is asked for: one that is under way, such
/// as a backup, may be waiting for this very server. If the service is powered off meanwhile, the host refuses our generation.
fn start_again(control: &Control, service: &Service) -> Result<()> {
    control.hosts.provision(&kinds::node_order(control, service, Generation(service.generation))?)?;
    control.store.write(|tx| {
        let text = format!("The server of service {} was stopped on its host, and is started again", service.name);
        let (project, name) = (&service.project_id, Some(service.name.as_str()));
        events::record(tx, control, project, "farshore", "service_node_start", name, &text)
    })
}

fn broken(control: &Control, service: &Service, breaks: u64) -> Result<()> {
    control.store.write(|tx| {
        let Some(mut row) = idle(tx, service)? else { return Ok(()) };
        if let Value::Object(facts) = &mut row.facts {
            facts.insert("breaks".to_string(), json!(breaks));
        }
        services::update(tx, &row)?;
        let text = format!(
            "The log of service {} has a gap: moments inside it cannot be restored, a backup is taken now",
            row.name
        );
        ask(tx, control, &row, (kinds::BACK_UP, json!({ "reason": "the log was broken" })), ("service_log_gap", &text))
    })
}

/// The row as it is now, if nothing is being done with the service.
fn idle(tx: &mut Tx<'_>, service: &Service) -> Result<Option<Service>> {
    if !runs::unfinished_of_subject(tx, service.id.as_str(), 1)?.is_empty() {
        return Ok(None);
    }
    Ok(services::get(tx, &service.id)?.filter(|row| row.state == state::RUNNING && row.deleted_at.is_none()))
}

/// Breaks that were answered by a backup. An agent that starts anew counts anew.
fn seen_breaks(service: &Service) -> u64 {
    service.facts.get("breaks").and_then(Value::as_u64).unwrap_or(0)
}

fn ask(
    tx: &mut Tx<'_>,
    control: &Control,
    row: &Service,
    (kind, input): (&'static str, Value),
    (event, text): (&str, &str),
) -> Result<()> {
    events::record(tx, control, &row.project_id, "farshore", event, Some(&row.name), text)?;
    let run = NewRun { kind, project: row.project_id.clone(), subject: row.id.to_string(), input };
    enqueue(tx, &run, control.entropy.as_ref(), &control.signal).map(drop)
}
