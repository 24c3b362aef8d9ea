//! Gives a running node what its row says; restarts its server only where a setting needs it. Where it does not start with that, the host
//! has started it with what it had before: the run fails, and the service runs on. Its row keeps what was asked for, to be corrected.

use farshore_runs::{Done, Step, StepContext};
use farshore_types::Result;
use serde::Deserialize;

use super::create::keep_address;
use super::order::node_order;
use super::step::{begin, change};
use crate::Control;
use crate::service::state;

/// The input of the run.
#[derive(Deserialize)]
struct Input {
    restart: bool,
}

/// In order.
pub fn steps() -> Vec<Step<Control>> {
    vec![
        Step { name: "configure", act: configure, undo: Some(open) },
        // The undo of the step before follows, and is the same.
        Step { name: "restart", act: restart, undo: None },
        Step { name: "open", act: open, undo: None },
    ]
}

fn configure(step: &StepContext<Control>) -> Result<Done> {
    let control = step.context();
    let (service, generation) = begin(step)?;
    let address = control.hosts.provision(&node_order(control, &service, generation)?)?;
    Ok(Done::with(&address)?.and(move |tx| change(tx, &service.id, |service| keep_address(service, &address))))
}

fn restart(step: &StepContext<Control>) -> Result<Done> {
    if step.input::<Input>()?.restart {
        let (service, generation) = begin(step)?;
        step.context().hosts.restart(&service.id, generation)?;
    }
    Ok(Done::nothing())
}

fn open(step: &StepContext<Control>) -> Result<Done> {
    let id = step.service()?;
    Ok(Done::nothing().and(move |tx| {
        change(tx, &id, |service| {
            // Who powers it off shows it like that, too.
            if service.state == state::REBALANCING && service.powered {
                service.state = state::RUNNING.to_string();
            }
        })
    }))
}
