//! Everything that takes long, as runs of journaled steps. A body may run more than once; it tells hosts in whose name it acts, and they
//! refuse whoever was replaced meanwhile.

mod back_up;
mod configure;
mod create;
mod order;
mod power_off;
mod restore;
mod terminate;

use std::time::Duration;

use farshore_runs::{Kind, StepContext};
use farshore_store::services::{self, Service};
use farshore_store::{Tx, runs};
use farshore_types::{Error, Generation, Result};

use crate::Control;

pub use order::{config, node_order};
pub use restore::Start;

/// Makes an empty service.
pub const CREATE: &str = "create";
/// Makes a service from a backup: a fork, a power-on, a rebuild.
pub const RESTORE: &str = "restore";
/// Takes a backup.
pub const BACK_UP: &str = "backup";
/// A last backup, the end of the log, and away with the node.
pub const POWER_OFF: &str = "power_off";
/// Gives a running node what its row says.
pub const CONFIGURE: &str = "configure";
/// The end of the log, and away with the node; backups stay.
pub const TERMINATE: &str = "terminate";

/// How long passing faults are tried again.
const DEADLINE: Duration = Duration::from_secs(24 * 3600);

/// All kinds.
pub fn kinds() -> Vec<Kind<Control>> {
    let kind = |name, steps| Kind { name, deadline: DEADLINE, steps };
    vec![
        kind(CREATE, create::steps()),
        kind(RESTORE, restore::steps()),
        kind(BACK_UP, back_up::steps()),
        kind(POWER_OFF, power_off::steps()),
        kind(CONFIGURE, configure::steps()),
        kind(TERMINATE, terminate::steps()),
    ]
}

/// The service of a run, and a new generation in whose name this attempt of a step acts: hosts refuse every earlier one from now on.
/// A worker that lost the run gets none.
fn begin(step: &StepContext<Control>) -> Result<(Service, Generation)> {
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
fn change(tx: &mut Tx<'_>, id: &farshore_types::ServiceId, change: impl FnOnce(&mut Service)) -> Result<()> {
    let mut service = services::get(tx, id)?.ok_or_else(|| Error::missing(format!("service {id} is gone")))?;
    change(&mut service);
    services::update(tx, &service)
}
