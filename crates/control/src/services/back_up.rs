//! A backup on request, beside the schedule.

use farshore_runs::{NewRun, enqueue};
use farshore_store::services::Service;
use farshore_types::{Error, Result};
use serde_json::json;

use super::read::in_project;
use super::{Actor, state};
use crate::{Control, events, kinds};

/// Asks for a backup; gives the run's id. Refused where no server runs: what a powered-off service had is stored already.
pub fn back_up(control: &Control, actor: &Actor, project: &str, name: &str) -> Result<String> {
    control.store.write(|tx| {
        let service = in_project(tx, project, name)?;
        must_run(&service)?;
        service.regions().try_for_each(|region| control.regions.must_be_up(region))?;
        let text = format!("A backup of service {name} was asked for");
        events::record(tx, control, &service.project_id, &actor.user, "service_backup_request", Some(name), &text)?;
        let run = NewRun {
            kind: kinds::BACK_UP,
            project: service.project_id.clone(),
            subject: service.id.to_string(),
            input: json!({ "reason": "asked for" }),
        };
        enqueue(tx, &run, control.entropy.as_ref(), &control.signal)
    })
}

/// Refuses what needs a running server.
pub fn must_run(service: &Service) -> Result<()> {
    if service.powered && matches!(service.state.as_str(), state::RUNNING | state::REBALANCING) {
        return Ok(());
    }
    if !service.powered && service.state == state::REBALANCING {
        let what = format!("Service {} is being powered off", service.name);
        return Err(Error::conflict(what).hint("power it on again"));
    }
    if !service.powered {
        return Err(Error::conflict(format!("Service {} is powered off", service.name)).hint("power it on first"));
    }
    let what = format!("Service {} is not running: its state is {}", service.name, service.state);
    Err(Error::conflict(what).hint("wait until it is RUNNING"))
}
