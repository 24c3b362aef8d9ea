//! Backups that do not come, whatever the reason: a service whose newest one is too old is told, once, and once when it has a newer one.

use farshore_store::services::{self, Service};
use farshore_store::{Tx, backups, runs};
use farshore_types::{Result, ServiceType, Timestamp};
use serde_json::{Value, json};

use super::each_service;
use crate::policy::schedule;
use crate::service::state;
use crate::upkeep::{BACKUP_LATE, backup_is_late, interval_hours};
use crate::{Control, events};

/// Looks at every service once.
pub fn late_backups(control: &Control) -> Result<()> {
    each_service(control, "the look at a service's newest backup", |service| {
        let service_type: ServiceType = service.service_type.parse()?;
        let has_backups = farshore_types::backup_policy::has_backups(service_type);
        // Of a region that does not answer nothing new is known, and its loss was told.
        if !has_backups || service.state != state::RUNNING || control.regions.is_down(&service.region) {
            return Ok(());
        }
        let interval_h = interval_hours(control, &service)?;
        let looked = |tx: &mut Tx<'_>| look(tx, &service, interval_h);
        if control.store.read(looked)?.is_none() {
            return Ok(());
        }
        control.store.write(|tx| {
            let Some(found) = look(tx, &service, interval_h)? else { return Ok(()) };
            let Some(mut row) = services::get(tx, &service.id)?.filter(|row| row.deleted_at.is_none()) else {
                return Ok(());
            };
            if let Value::Object(facts) = &mut row.facts {
                match found.late {
                    true => facts.insert(BACKUP_LATE.to_string(), json!(true)),
                    false => facts.remove(BACKUP_LATE),
                };
            }
            services::update(tx, &row)?;
            let (event, text) = found.words(&row.name, interval_h);
            events::record(tx, control, &row.project_id, "farshore", event, Some(&row.name), &text)
        })
    })
}

/// What is to be told.
struct Found {
    late: bool,
    newest: Option<Timestamp>,
}

/// What has changed since it was told last. While something is done with the service, as its first backup, nothing is late yet.
fn look(tx: &mut Tx<'_>, service: &Service, interval_h: u32) -> Result<Option<Found>> {
    let Some(row) = services::get(tx, &service.id)? else { return Ok(None) };
    if !runs::unfinished_of_subject(tx, row.id.as_str(), 1)?.is_empty() {
        return Ok(None);
    }
    let newest = backups::of_region(tx, &row.id, &row.region, 1)?.first().map(|backup| backup.taken_at);
    let late = schedule::is_late(newest.unwrap_or(row.created_at), tx.now(), interval_h);
    Ok((late != backup_is_late(&row)).then_some(Found { late, newest }))
}

impl Found {
    fn words(&self, name: &str, interval_h: u32) -> (&'static str, String) {
        match (self.late, self.newest) {
            (true, Some(newest)) => {
                let text =
                    format!("The newest backup of service {name} is of {newest}, and one is due every {interval_h} h");
                ("service_backup_late", text)
            }
            (true, None) => ("service_backup_late", format!("Service {name} has no backup")),
            (false, _) => ("service_backup_on_time", format!("Service {name} has a new backup again")),
        }
    }
}
