//! The end of a service, and its return. The name is free at once; backups and keys are kept for a window of days, then destroyed.

use farshore_runs::{NewRun, enqueue};
use farshore_store::services::{self, Service};
use farshore_store::{backups, integrations, projects};
use farshore_types::{Error, Plan, Result, ServiceId, ServiceType};
use serde_json::json;

use super::power::{protected, restored};
use super::read::in_project;
use super::{Actor, state};
use crate::access::no_project;
use crate::{Control, catalog, events, kinds};

/// Deleted services that are shown.
const DELETED_MAX: u32 = 1000;

/// Ends a service. Answers at once; the node goes in a run.
pub fn terminate(control: &Control, actor: &Actor, project: &str, name: &str) -> Result<()> {
    control.store.write(|tx| {
        let mut service = in_project(tx, project, name)?;
        if service.termination_protection {
            return Err(protected());
        }
        (service.deleted_at, service.powered, service.next_backup_at) = (Some(tx.now()), false, None);
        service.state = state::POWEROFF.to_string();
        services::update(tx, &service)?;
        integrations::delete_of_service(tx, &service.project_id, name)?;
        let days = control.settings.undelete_window.as_secs() / (24 * 3600);
        let text = format!("Service {name} was terminated; its backups are kept for {days} days as {}", service.id);
        events::record(tx, control, &service.project_id, &actor.user, "service_delete", Some(name), &text)?;
        let (project, subject) = (service.project_id.clone(), service.id.to_string());
        let run = NewRun { kind: kinds::TERMINATE, project, subject, input: json!({}) };
        enqueue(tx, &run, control.entropy.as_ref(), &control.signal).map(drop)
    })
}

/// Services that can still be brought back, newest first.
pub fn deleted(control: &Control, project: &str) -> Result<Vec<Service>> {
    control.store.read(|tx| {
        let project = projects::by_name(tx, project)?.ok_or_else(|| no_project(project))?;
        let mut found = services::deleted_until(tx, tx.now(), DELETED_MAX)?;
        let window = i64::try_from(control.settings.undelete_window.as_micros()).unwrap_or(i64::MAX);
        let now = tx.now();
        let is_kept = |service: &Service| service.deleted_at.is_some_and(|at| at.plus_micros(window) > now);
        found.retain(|service| service.project_id == project.id && service.shredded_at.is_none() && is_kept(service));
        let mut kept = Vec::new();
        for service in found {
            // One that was terminated before its first backup left nothing behind.
            if !backups::of_region(tx, &service.id, service.stored_in(), 1)?.is_empty() {
                kept.push(service);
            }
        }
        let mut found = kept;
        found.sort_by_key(|service| std::cmp::Reverse(service.deleted_at));
        Ok(found)
    })
}

/// Brings a terminated service back, from its backups, under its old name, address and passwords.
pub fn undelete(control: &Control, actor: &Actor, project: &str, id: &str) -> Result<Service> {
    let id: ServiceId = id.parse()?;
    control.store.write(|tx| {
        let project = projects::by_name(tx, project)?.ok_or_else(|| no_project(project))?;
        let missing = || {
            Error::missing(format!("no terminated service {id} can be brought back"))
                .hint("`farshore service list --deleted` shows those that can")
        };
        let found = services::get(tx, &id)?.filter(|service| service.project_id == project.id);
        let mut service = found.filter(|service| service.shredded_at.is_none()).ok_or_else(missing)?;
        if service.deleted_at.is_none() {
            return Err(Error::conflict(format!("service {} was not terminated", service.name)));
        }
        let window = i64::try_from(control.settings.undelete_window.as_micros()).unwrap_or(i64::MAX);
        if service.deleted_at.is_some_and(|at| at.plus_micros(window) <= tx.now()) {
            return Err(missing());
        }
        if services::by_name(tx, &project.id, &service.name)?.is_some() {
            let what = format!("service name {} is in use again", service.name);
            return Err(Error::conflict(what).hint("terminate or fork the other one first"));
        }
        if backups::of_region(tx, &id, service.stored_in(), 1)?.is_empty() {
            return Err(Error::conflict(format!("service {} had no backup when it was terminated", service.name)));
        }
        // The settings may have lost it meanwhile.
        let service_type: ServiceType = service.service_type.parse()?;
        Plan::find(&catalog::plans(control, service_type), service_type, &service.plan)?;
        (service.deleted_at, service.powered, service.state) = (None, true, state::REBUILDING.to_string());
        services::update(tx, &service)?;
        let text = format!("Service {} is being brought back", service.name);
        events::record(tx, control, &project.id, &actor.user, "service_undelete", Some(&service.name), &text)?;
        let (input, subject) = (restored(control, &service)?.input()?, id.to_string());
        let run = NewRun { kind: kinds::RESTORE, project: project.id, subject, input };
        enqueue(tx, &run, control.entropy.as_ref(), &control.signal)?;
        Ok(service)
    })
}
