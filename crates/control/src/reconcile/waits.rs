//! What was asked for and cannot be done for long: each run is told once. What a region that does not answer holds up was told with it.

use farshore_store::services::{self, Service};
use farshore_store::{Tx, runs};
use farshore_types::{Result, Timestamp};
use serde_json::{Value, json};

use super::each_service;
use crate::upkeep::RUN_WAITS;
use crate::{Control, events, kinds};

/// Looks at what is being done with every service once.
pub fn waiting_runs(control: &Control) -> Result<()> {
    let now = control.clock.now();
    each_service(control, "the look at what is being done with a service", |service| {
        if control.regions.first_down(service.regions()).is_some() {
            return Ok(());
        }
        if control.store.read(|tx| look(tx, &service, now))?.is_none() {
            return Ok(());
        }
        control.store.write(|tx| {
            let Some(mut row) = services::get(tx, &service.id)?.filter(|row| row.deleted_at.is_none()) else {
                return Ok(());
            };
            let Some((run, text)) = look(tx, &row, now)? else { return Ok(()) };
            if let Value::Object(facts) = &mut row.facts {
                facts.insert(RUN_WAITS.to_string(), json!(run));
            }
            services::update(tx, &row)?;
            events::record(tx, control, &row.project_id, "farshore", "service_run_waits", Some(&row.name), &text)
        })
    })
}

/// The run under way, if it waits for long and that was not told yet, with what to tell.
fn look(tx: &mut Tx<'_>, service: &Service, now: Timestamp) -> Result<Option<(String, String)>> {
    let Some(run) = runs::unfinished_of_subject(tx, service.id.as_str(), 1)?.into_iter().next() else {
        return Ok(None);
    };
    let told = service.facts.get(RUN_WAITS).and_then(Value::as_str) == Some(run.id.as_str());
    let text = kinds::waits(&run, &service.name, now).filter(|_| !told);
    Ok(text.map(|text| (run.id, text)))
}
