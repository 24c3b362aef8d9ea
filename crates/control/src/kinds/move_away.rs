//! A running service goes to another region: a backup, so that little of the log is left to be read there; the log to its very end; then
//! the node is made in the other region from what is stored, as every node is. Until the service's row names the other region its node is
//! only stopped, and is started again where something goes wrong; from then on its making is tried again, as a rebuilding is.

use farshore_runs::{Done, Step, StepContext};
use farshore_store::services::Service;
use farshore_types::{Error, RegionName, Result};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::back_up::record;
use super::order::node_order;
use super::power_off::{stop, take_if_running};
use super::restore::{self, Start};
use super::step::{begin, change};
use crate::Control;
use crate::service::{relocate, state};

/// The input of the run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Destination {
    /// The region that it leaves.
    pub from: RegionName,
    /// The region to which the service goes.
    pub to: RegionName,
    /// From what it is made there.
    #[serde(flatten)]
    pub start: Start,
}

impl Destination {
    /// As the input of a run.
    pub fn input(&self) -> Result<Value> {
        serde_json::to_value(self).map_err(|error| Error::bug(format!("the goal of a move is no JSON: {error}")))
    }

    /// From the input of a run.
    pub fn of(input: &Value) -> Result<Destination> {
        serde_json::from_value(input.clone())
            .map_err(|error| Error::corrupt(format!("the goal of a move cannot be read: {error}")))
    }
}

/// In order.
pub fn steps() -> Vec<Step<Control>> {
    let away = vec![
        Step { name: "take", act: take_if_running, undo: Some(stay) },
        Step { name: "record", act: record, undo: None },
        Step { name: "stop", act: stop, undo: Some(start_again) },
        Step { name: "leave", act: leave, undo: None },
    ];
    away.into_iter().chain(restore::steps()).collect()
}

/// Whether it is still where it was, and shall run: it may have been moved elsewhere since, because its region was lost.
fn stays(service: &Service, destination: &Destination) -> bool {
    service.powered && service.region == destination.from.as_str()
}

/// Whether it has left, also where it was sent back since: then the run that did so makes its node.
fn has_left(step: &StepContext<Control>) -> Result<bool> {
    Ok(step.output_if_done::<Value>("leave")?.is_some())
}

fn start_again(step: &StepContext<Control>) -> Result<Done> {
    let (service, generation) = begin(step)?;
    if !has_left(step)? && stays(&service, &step.input()?) {
        step.context().hosts.provision(&node_order(step.context(), &service, generation)?)?;
    }
    Ok(Done::nothing())
}

fn stay(step: &StepContext<Control>) -> Result<Done> {
    let (id, destination) = (step.service()?, step.input::<Destination>()?);
    let stayed = !has_left(step)?;
    Ok(Done::nothing().and(move |tx| {
        change(tx, &id, |service| {
            if stayed && stays(service, &destination) && service.state == state::REBALANCING {
                service.state = state::RUNNING.to_string();
            }
        })
    }))
}

/// From here on the service is in the other region. One that was powered off meanwhile goes nowhere.
fn leave(step: &StepContext<Control>) -> Result<Done> {
    let (id, destination) = (step.service()?, step.input::<Destination>()?);
    Ok(Done::nothing().and(move |tx| {
        change(tx, &id, |row| {
            if stays(row, &destination) {
                relocate(row, &destination.to);
                row.state = state::REBUILDING.to_string();
            }
        })
    }))
}
