//! What is no longer kept: backups beyond their service's policy, and everything of services whose window to come back is over.

use farshore_store::copies;
use farshore_store::services::{self, Service};
use farshore_types::{Plan, RegionName, Result, ServiceType};

use super::{each_service, regions_of};
use crate::policy::retention;
use crate::upkeep::config;
use crate::{Control, catalog, events};

/// Terminated services that are looked at in one call.
const SHREDDED_MAX: u32 = 100;

/// Gives up what no policy keeps, in one region, whatever the others hold. A powered-off service keeps all that it has.
pub fn expire(control: &Control, region: &RegionName) -> Result<()> {
    each_service(control, "the expiry of backups", |service| {
        if !service.powered || !regions_of(control, &service)?.contains(region) {
            return Ok(());
        }
        let service_type: ServiceType = service.service_type.parse()?;
        let plans = catalog::plans(control, service_type);
        let plan = Plan::find(&plans, service_type, &service.plan)?;
        let Some(keep) = retention::keep(plan, &config(&service)?) else { return Ok(()) };
        control.hosts.expire(region, &service.id, keep).map(drop)
    })
}

/// Destroys the keys and backups of services that were terminated too long ago to come back. Said in an event, once it is done.
pub fn shred(control: &Control) -> Result<()> {
    let window = i64::try_from(control.settings.undelete_window.as_micros()).unwrap_or(i64::MAX);
    let until = control.clock.now().plus_micros(window.saturating_neg());
    for service in control.store.read(|tx| services::deleted_until(tx, until, SHREDDED_MAX))? {
        // From now on no copy is made of it any more.
        let still = control.store.write(|tx| {
            if services::get(tx, &service.id)?.is_none_or(|now| now.deleted_at != service.deleted_at) {
                return Ok(false);
            }
            for copy in copies::of_service(tx, &service.id)?.into_iter().filter(|copy| copy.ends_at.is_none()) {
                copies::put(tx, &copies::Copy { ends_at: Some(tx.now()), ..copy })?;
            }
            Ok(true)
        })?;
        if !still {
            continue;
        }
        // If we die here the keys are gone and the row does not say so: the next call finds nothing to delete and says it.
        if let Err(error) = shred_everywhere(control, &service) {
            tracing::info!(service = %service.id, %error, "a terminated service is destroyed later");
            continue;
        }
        control.store.write(|tx| {
            let Some(mut row) = services::get(tx, &service.id)?.filter(|row| row.deleted_at == service.deleted_at)
            else {
                return Ok(());
            };
            (row.shredded_at, row.sealed) = (Some(tx.now()), None);
            for copy in copies::of_service(tx, &service.id)? {
                copies::remove(tx, &copy.service, &copy.region)?;
            }
            services::update(tx, &row)?;
            let text = format!("Keys and backups of service {} ({}) were destroyed", row.name, row.id);
            events::record(tx, control, &row.project_id, "farshore", "service_shredded", Some(&row.name), &text)
        })?;
    }
    Ok(())
}

/// Its own region and every one that has a copy. One that does not answer is asked again by the next call.
fn shred_everywhere(control: &Control, service: &Service) -> Result<()> {
    let copies = control.store.read(|tx| copies::of_service(tx, &service.id))?;
    for name in copies.iter().map(|copy| &copy.region).map(String::as_str).chain([service.stored_in()]) {
        let region = control.settings.region(name)?.name.clone();
        control.regions.must_be_up(name)?;
        if name != service.stored_in() {
            control.hosts.end_copy(&service.id, &region)?;
        }
        control.hosts.shred(&region, &service.id)?;
    }
    Ok(())
}
