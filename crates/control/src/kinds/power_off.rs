//! A last backup, the log to its very end, and away with the node. Its address is kept: the service comes back under the same one.

use farshore_runs::{Done, Step, StepContext};
use farshore_types::Result;

use super::back_up::{record, take};
use super::create;
use super::step::{begin, change};
use crate::hosts::NodeState;
use crate::service::state;
use crate::{Control, events};

/// In order.
pub fn steps() -> Vec<Step<Control>> {
    vec![
        Step { name: "take", act: take_if_running, undo: None },
        Step { name: "stop", act: stop, undo: None },
        Step { name: "record", act: record, undo: None },
        Step { name: "remove", act: create::remove, undo: None },
        Step { name: "close", act: close, undo: None },
    ]
}

/// A server that is down has nothing new: what it had is in its log, which is shipped by the next step.
pub fn take_if_running(step: &StepContext<Control>) -> Result<Done> {
    match step.context().hosts.view(&step.service()?)?.state {
        NodeState::Ready | NodeState::Busy | NodeState::Crashed => take(step),
        NodeState::Absent | NodeState::Lost | NodeState::Stopped => {
            Ok(Done { output: serde_json::Value::Null, effects: None })
        }
    }
}

/// Stops the server and ships its log to the very end.
pub fn stop(step: &StepContext<Control>) -> Result<Done> {
    let (service, generation) = begin(step)?;
    step.context().hosts.stop(&service.id, generation)?;
    Ok(Done::nothing())
}

fn close(step: &StepContext<Control>) -> Result<Done> {
    let (service, _) = begin(step)?;
    let events = events::Recorder::of(step.context());
    Ok(Done::nothing().and(move |tx| {
        change(tx, &service.id, |row| {
            // It may have been powered on again meanwhile: the next run does that.
            if !row.powered {
                row.state = state::POWEROFF.to_string();
            }
        })?;
        let text = format!("Service {} is powered off; its last moment is in {}", service.name, service.stored_in());
        events.record(tx, &service.project_id, "farshore", "service_poweroff", Some(&service.name), &text)
    }))
}
