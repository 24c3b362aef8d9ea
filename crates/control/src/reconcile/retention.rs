//! What is no longer kept: backups beyond their service's policy, and everything of services whose window to come back is over.

use farshore_store::services;
use farshore_types::{Plan, Result, ServiceType};

use super::each_service;
use crate::policy::retention;
use crate::upkeep::config;
use crate::{Control, catalog, events};

/// Terminated services that are looked at in one call.
const SHREDDED_MAX: u32 = 100;

/// Gives up what no policy keeps. A powered-off service keeps all that it has.
pub fn expire(control: &Control) -> Result<()> {
    each_service(control, "the expiry of backups", |service| {
        if !service.powered {
            return Ok(());
        }
        let service_type: ServiceType = service.service_type.parse()?;
        let plans = catalog::plans(control, service_type);
        let plan = Plan::find(&plans, service_type, &service.plan)?;
        let Some(keep) = retention::keep(plan, &config(&service)?) else { return Ok(()) };
        let region = control.settings.region(&service.region)?.name.clone();
        control.hosts.expire(&region, &service.id, keep).map(drop)
    })
}

/// Destroys the keys and backups of services that were terminated too long ago to come back. Said in an event, once it is done.
pub fn shred(control: &Control) -> Result<()> {
    let window = i64::try_from(control.settings.undelete_window.as_micros()).unwrap_or(i64::MAX);
    let until = control.clock.now().plus_micros(window.saturating_neg());
    for service in control.store.read(|tx| services::deleted_until(tx, until, SHREDDED_MAX))? {
        let region = control.settings.region(&service.region)?.name.clone();
        // If we die here the keys are gone and the row does not say so: the next call finds nothing to delete and says it.
        if let Err(error) = control.hosts.shred(&region, &service.id) {
            tracing::info!(service = %service.id, %error, "a terminated service is destroyed later");
            continue;
        }
        control.store.write(|tx| {
            let Some(mut row) = services::get(tx, &service.id)?.filter(|row| row.deleted_at == service.deleted_at)
            else {
                return Ok(());
            };
            (row.shredded_at, row.sealed) = (Some(tx.now()), None);
            services::update(tx, &row)?;
            let text = format!("Keys and backups of service {} ({}) were destroyed", row.name, row.id);
            events::record(tx, control, &row.project_id, "farshore", "service_shredded", Some(&row.name), &text)
        })?;
    }
    Ok(())
}
