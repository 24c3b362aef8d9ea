//! Backups that do not come, whatever the reason: a service whose newest one is too old is told, once, and once when it has a newer one.

use farshore_store::services::{self, Service};
use farshore_store::{Tx, backups, runs};
use farshore_types::{Result, ServiceType, Timestamp};
use serde_json::{Value, json};

use super::each_service;
use crate::policy::schedule;
use crate::service::state;
use crate::upkeep::{BACKUP_LATE, backup_is_late, interval_hours, schedule_since};
use crate::{Control, events};

/// Half an hour, in microseconds.
const HALF_HOUR_US: i64 = 1_800_000_000;
/// Newest backups that are looked at: more than a clock that is ahead for a moment can make.
const LOOKED_AT: u32 = 20;

/// Looks at every service once.
pub fn late_backups(control: &Control) -> Result<()> {
    each_service(control, "the look at a service's newest backup", |service| {
        let service_type: ServiceType = service.service_type.parse()?;
        let has_backups = farshore_types::backup_policy::has_backups(service_type);
        // Of a region that does not answer nothing new is known, and its loss was told.
        let unknown = control.regions.first_down(service.regions()).is_some();
        if !has_backups || service.state != state::RUNNING || unknown {
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

/// What has changed since it was told last.
fn look(tx: &mut Tx<'_>, service: &Service, interval_h: u32) -> Result<Option<Found>> {
    let Some(row) = services::get(tx, &service.id)? else { return Ok(None) };
    let unfinished = runs::unfinished_of_subject(tx, row.id.as_str(), 1)?.first().map(|run| run.created_at);
    if is_excused(unfinished, row.next_backup_at, tx.now(), interval_h) {
        return Ok(None);
    }
    // What a clock that was ahead has dated into the future says nothing.
    let known = backups::of_region(tx, &row.id, row.stored_in(), LOOKED_AT)?;
    let newest =
        known.iter().map(|backup| backup.taken_at).find(|at| at.micros() <= tx.now().micros() + half_us(interval_h));
    let told = backup_is_late(&row);
    // A new schedule has its own time to bring a backup; it makes up for none that was missing before.
    let begun = if told { Timestamp::default() } else { schedule_since(&row) };
    let late = schedule::is_late(newest.unwrap_or_default().max(begun), tx.now(), interval_h);
    Ok((late != told).then_some(Found { late, newest }))
}

/// What is done with a service, as its first backup, may take its time, but not for ever; a missed backup is asked for in a moment.
fn is_excused(unfinished: Option<Timestamp>, next: Option<Timestamp>, now: Timestamp, interval_h: u32) -> bool {
    match unfinished {
        Some(asked) => now.micros() < asked.micros().saturating_add(half_us(interval_h)),
        None => next.is_some_and(|next| schedule::is_due(next, now, interval_h)),
    }
}

/// Half an interval, in microseconds.
fn half_us(interval_h: u32) -> i64 {
    i64::from(interval_h) * HALF_HOUR_US
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_excuses_for_half_an_interval_and_a_slot_until_it_is_asked_for() {
        let at = |hours: i64| Timestamp::from_micros(hours * 2 * HALF_HOUR_US);
        for (unfinished, next, now, expect) in [
            (None, None, 100, false),
            (None, Some(101), 100, false),
            (None, Some(100), 100, true),
            (Some(95), Some(120), 100, true),
            (Some(88), Some(120), 100, false),
            (Some(88), Some(90), 100, false),
        ] {
            let found = is_excused(unfinished.map(at), next.map(at), at(now), 24);
            assert_eq!(found, expect, "{unfinished:?} {next:?}");
        }
    }
}
