//! Away with the node. Its backups stay for as long as the service may be brought back, with everything that could still be shipped.

use farshore_runs::{Done, Step, StepContext};
use farshore_types::{ErrorKind, Result};

use super::create;
use super::step::begin;
use crate::{Control, upkeep};

/// In order.
pub fn steps() -> Vec<Step<Control>> {
    vec![
        Step { name: "stop", act: stop, undo: None },
        Step { name: "record", act: record, undo: None },
        Step { name: "remove", act: create::remove, undo: None },
    ]
}

/// A log that cannot be shipped now must not keep the node for ever: whoever deletes a service has given up its newest seconds.
fn stop(step: &StepContext<Control>) -> Result<Done> {
    let (service, generation) = begin(step)?;
    match step.context().hosts.stop(&service.id, generation) {
        Err(error) if error.kind() == ErrorKind::Conflict => Err(error),
        Err(error) => {
            tracing::info!(service = %service.id, %error, "a terminated service is removed without the end of its log");
            Ok(Done::nothing())
        }
        Ok(()) => Ok(Done::nothing()),
    }
}

fn record(step: &StepContext<Control>) -> Result<Done> {
    let control = step.context();
    let (service, _) = begin(step)?;
    let (region, now) = (&control.settings.region(service.stored_in())?.name, control.clock.now());
    let Ok(stock) = control.hosts.stock(region, &service.id) else { return Ok(Done::nothing()) };
    Ok(Done::nothing().and(move |tx| upkeep::keep_stock(tx, &service.id, service.stored_in(), &stock, now)))
}
