//! Copies are ordered again and again, so that an agent that forgot them with its process takes them up; those that are no longer wanted
//! are destroyed after their grace period; one that is further behind than it may be is told, once.

use farshore_store::backups;
use farshore_store::copies::{self, Copy};
use farshore_store::services::{self, Service};
use farshore_types::{Plan, Result, ServiceType};

use super::each_service;
use crate::copies::{Condition, Shown, of_service};
use crate::hosts::CopyOrder;
use crate::policy::copies::Departed;
use crate::policy::retention;
use crate::upkeep::{config, keep_stock};
use crate::{Control, catalog, departed, events};

/// Copies that are destroyed in one call.
const AT_ONCE: u32 = 100;
/// Terminated services whose copies are finished.
const DELETED_MAX: u32 = 10_000;
/// So long after it was turned on, a copy that holds nothing yet is late, in microseconds.
const FIRST_US: i64 = 10 * 60 * 1_000_000;

/// Orders every copy, and says which are late.
pub fn copy(control: &Control) -> Result<()> {
    each_service(control, "the copies of a service", |service| {
        order(control, &service)?;
        of_service(control, &service)?.iter().try_for_each(|copy| {
            look(control, &service, copy)?;
            tell(control, &service, copy)
        })
    })?;
    // What was terminated may come back: its copies are brought to their end. Past that it is being destroyed.
    let window = i64::try_from(control.settings.undelete_window.as_micros()).unwrap_or(i64::MAX);
    let since = control.clock.now().plus_micros(window.saturating_neg());
    for service in control.store.read(|tx| services::deleted_until(tx, tx.now(), DELETED_MAX))? {
        let wanted = service.deleted_at.is_some_and(|at| at > since);
        // One whose plan or region was taken out of the settings hides none of the others.
        if let Some(error) = wanted.then(|| order(control, &service)).and_then(Result::err) {
            tracing::info!(service = %service.id, %error, "the copies of a terminated service are ordered later");
        }
    }
    Ok(())
}

fn order(control: &Control, service: &Service) -> Result<()> {
    let rows = control.store.read(|tx| copies::of_service(tx, &service.id))?;
    if rows.is_empty() {
        return Ok(());
    }
    let service_type: ServiceType = service.service_type.parse()?;
    let plans = catalog::plans(control, service_type);
    let plan = Plan::find(&plans, service_type, &service.plan)?;
    let Some(keep) = retention::keep(plan, &config(service)?) else { return Ok(()) };
    let from = control.settings.region(service.stored_in())?.name.clone();
    for row in rows {
        let to = control.settings.region(&row.region)?.name.clone();
        let (service, from) = (service.id.clone(), from.clone());
        // A region that is down keeps nothing from the others.
        let outcome = match row.ends_at {
            // Both ends must answer; the copy that rests until then goes on when it is ordered again.
            None if control.regions.is_down(&row.region) || control.regions.is_down(from.as_str()) => continue,
            None => control.hosts.copy(&CopyOrder { service, from, to, keep }),
            Some(_) => control.hosts.end_copy(&service, &to),
        };
        if let Err(error) = outcome {
            tracing::debug!(region = %row.region, %error, "a copy is ordered later");
        }
    }
    Ok(())
}

/// A copy that is whole is read at once, so that its newest backup is shown and used without waiting for the next look at its region.
fn look(control: &Control, service: &Service, copy: &Shown) -> Result<()> {
    let newest = control.store.read(|tx| backups::of_region(tx, &service.id, service.stored_in(), 1))?;
    let known = newest.first().is_none_or(|newest| copy.backups.iter().any(|held| held.name == newest.name));
    if known || !copy.view.compared || copy.view.waiting_backups > 0 || control.regions.is_down(&copy.region) {
        return Ok(());
    }
    let region = control.settings.region(&copy.region)?.name.clone();
    let stock = control.hosts.stock(&region, &service.id)?;
    control.store.write(|tx| keep_stock(tx, &service.id, &copy.region, &stock, tx.now()))
}

/// An event when a copy falls behind its objective, and one when it has caught up.
fn tell(control: &Control, service: &Service, copy: &Shown) -> Result<()> {
    let now = control.clock.now();
    let objective_s = control.settings.copy_lag_objective.as_secs_f64();
    // What was away goes on in a moment: it is not late before that.
    let returned =
        service.regions().chain([copy.region.as_str()]).any(|name| control.regions.has_just_returned(name, now));
    let is_late = |row: &Copy| match copy.lag_s {
        _ if returned && row.late_since.is_none() => false,
        Some(lag_s) => lag_s > objective_s,
        None => row.enabled_at.plus_micros(FIRST_US) < now,
    };
    let changes = |row: &&Copy| row.region == copy.region && is_late(row) != row.late_since.is_some();
    // Mostly there is nothing to tell, which is seen without writing.
    let known = control.store.read(|tx| copies::of_service(tx, &service.id))?;
    if copy.condition == Condition::Leaving || !known.iter().any(|row| changes(&row)) {
        return Ok(());
    }
    control.store.write(|tx| {
        let row = copies::of_service(tx, &service.id)?.into_iter().find(|row| changes(&row));
        let Some(row) = row else { return Ok(()) };
        let late = is_late(&row);
        let (event, text, late_since) = match (late, row.late_since) {
            (true, None) => {
                let behind =
                    copy.lag_s.map_or("holds nothing yet".to_string(), |lag_s| format!("is {lag_s:.0} s behind"));
                let why = copy.paused.as_ref().map(|why| format!(": {why}")).unwrap_or_default();
                let text = format!("The copy of service {} in {} {behind}{why}", service.name, copy.region);
                ("service_copy_lag", text, Some(now))
            }
            (false, Some(since)) => {
                let text = format!(
                    "The copy of service {} in {} has caught up; it was late since {since}",
                    service.name, copy.region
                );
                ("service_copy_caught_up", text, None)
            }
            _ => return Ok(()),
        };
        copies::put(tx, &Copy { late_since, ..row })?;
        events::record(tx, control, &service.project_id, "farshore", event, Some(&service.name), &text)
    })
}

/// Destroys the copies whose grace period is over: keys first, then the rest.
pub fn end_copies(control: &Control) -> Result<()> {
    for copy in control.store.read(|tx| copies::ended(tx, tx.now(), AT_ONCE))? {
        let Ok(region) = control.settings.region(&copy.region).map(|region| region.name.clone()) else {
            // It was taken out of the settings: what it holds is destroyed when it is back, and the others now.
            continue;
        };
        // One after the other, which takes its time: it is looked again whether this one is still to go. From then on nobody uses it.
        let rows = control.store.read(|tx| copies::of_service(tx, &copy.service))?;
        if !rows.contains(&copy) || control.regions.is_down(&copy.region) {
            continue;
        }
        let ended = control.hosts.end_copy(&copy.service, &region);
        // If we die here nothing is left and the row does not say so: the next call finds nothing to delete and says it.
        if let Err(error) = ended.and_then(|()| control.hosts.shred(&region, &copy.service)) {
            tracing::info!(service = %copy.service, %region, %error, "a copy is destroyed later");
            continue;
        }
        control.store.write(|tx| {
            let now = copies::of_service(tx, &copy.service)?.into_iter().find(|row| row.region == copy.region);
            // Somebody wants it again meanwhile: then it is made anew.
            if now.is_none_or(|now| now.ends_at != copy.ends_at) {
                return Ok(());
            }
            copies::remove(tx, &copy.service, &copy.region)?;
            let Some(mut service) = services::get(tx, &copy.service)? else { return Ok(()) };
            let grace = i64::try_from(control.settings.copy_grace.as_micros()).unwrap_or(i64::MAX);
            let left_at = copy.ends_at.unwrap_or(tx.now()).plus_micros(grace.saturating_neg());
            let (region, enabled_at) = (copy.region.clone(), copy.enabled_at);
            departed::note(&mut service, Departed { region, enabled_at, left_at })?;
            services::update(tx, &service)?;
            let text = format!("The copy of service {} in {} was deleted", service.name, copy.region);
            events::record(
                tx,
                control,
                &service.project_id,
                "farshore",
                "service_copy_deleted",
                Some(&service.name),
                &text,
            )
        })?;
    }
    Ok(())
}
