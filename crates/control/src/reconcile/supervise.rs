//! Nodes that were lost, and journals that broke. A service that shall run and whose data is gone is rebuilt from its newest backup and log;
//! one whose log was broken gets a full backup at once. A rebuilding that failed is asked for again. Hosts start crashed servers by
//! themselves.

use farshore_runs::{NewRun, enqueue};
use farshore_store::services::{self, Service};
use farshore_store::{Tx, backups, runs};
use farshore_types::{Generation, Result};
use serde_json::{Value, json};

use super::{each_service, troubles};
use crate::hosts::NodeState;
use crate::service::state;
use crate::services::restored;
use crate::{Control, events, kinds, passwords};

/// Between a rebuilding that failed and the next, in microseconds.
const REBUILD_AGAIN_US: i64 = 5 * 60 * 1_000_000;

/// Looks at every node once.
pub fn supervise(control: &Control) -> Result<()> {
    each_service(control, "the supervision of a service", |service| {
        // Whether its node is there nobody can say now: it is not rebuilt beside a living one.
        if control.regions.is_down(&service.region) {
            return Ok(());
        }
        if service.state == state::REBUILDING {
            return rebuild_again(control, &service);
        }
        if service.state != state::RUNNING {
            return Ok(());
        }
        let view = control.hosts.view(&service.id)?;
        troubles::tell(control, &service, &view)?;
        match view.state {
            NodeState::Lost | NodeState::Absent => rebuild(control, &service),
            NodeState::Stopped => start_again(control, &service),
            NodeState::Ready if passwords::are_due(&service) => passwords::apply(control, &service.id),
            _ if view.breaks != seen_breaks(&service) => broken(control, &service, view.breaks),
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

/// A rebuilding that failed for good, as on a host that had no room, is asked for again after a while: somebody may have made room. A
/// service without a backup was never there; its owner sees why, and makes another.
fn rebuild_again(control: &Control, service: &Service) -> Result<()> {
    let before = control.clock.now().micros().saturating_sub(REBUILD_AGAIN_US);
    let failed = |tx: &mut Tx<'_>| {
        let newest = runs::of_subject(tx, service.id.as_str(), 1)?.into_iter().next();
        let newest = newest.filter(|run| {
            [kinds::RESTORE, kinds::MOVE].contains(&run.kind.as_str()) && run.situation.state == runs::State::Failed
        });
        let ended = newest.and_then(|run| run.situation.finished_at).is_some_and(|at| at.micros() <= before);
        Ok(ended && !backups::of_region(tx, &service.id, service.stored_in(), 1)?.is_empty())
    };
    if !control.store.read(failed)? {
        return Ok(());
    }
    let input = restored(control, service)?.input()?;
    control.store.write(|tx| {
        let row = services::get(tx, &service.id)?.filter(|row| row.state == state::REBUILDING && row.powered);
        let Some(row) = row.filter(|row| row.deleted_at.is_none()) else { return Ok(()) };
        if !failed(tx)? {
            return Ok(());
        }
        let text = format!("The rebuilding of service {} failed, and is tried again", row.name);
        ask(tx, control, &row, (kinds::RESTORE, input), ("service_rebuild_again", &text))
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
        if breaks == 0 {
            // The agent is a new one, and counts anew.
            return Ok(());
        }
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

/// Breaks that were answered by a backup. An agent that starts anew counts anew: any other number is new, at worst one backup too many.
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
