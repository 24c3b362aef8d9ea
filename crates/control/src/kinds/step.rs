//! What every step begins with, and how it changes its service's row.

use farshore_runs::StepContext;
use farshore_store::services::{self, Service};
use farshore_store::{Tx, runs};
use farshore_types::{Error, Generation, Result, ServiceId};

use crate::Control;

/// The service of a run, and a new generation in whose name this attempt of a step acts: hosts refuse every earlier one from now on.
/// A worker that lost the run gets none.
pub fn begin(step: &StepContext<Control>) -> Result<(Service, Generation)> {
    let id = step.service()?;
    step.context().store.write(|tx| {
        let run = runs::get(tx, step.run())?;
        if run.is_none_or(|run| run.epoch != step.epoch()) {
            return Err(Error::conflict(format!("run {} was taken over", step.run())));
        }
        let generation = services::next_generation(tx, &id)?;
        let service = services::get(tx, &id)?.ok_or_else(|| Error::missing(format!("service {id} is gone")))?;
        Ok((service, Generation(generation)))
    })
}

/// Changes a service's row within the transaction that records a step, whatever its generation has become meanwhile.
pub fn change(tx: &mut Tx<'_>, id: &ServiceId, change: impl FnOnce(&mut Service)) -> Result<()> {
    let mut service = services::get(tx, id)?.ok_or_else(|| Error::missing(format!("service {id} is gone")))?;
    change(&mut service);
    services::update(tx, &service)
}
