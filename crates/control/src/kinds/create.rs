//! Makes an empty service: a node, its users, and a first backup right after it opens.

use farshore_runs::{Done, NewRun, Step, StepContext, enqueue};
use farshore_store::services::{self, Service};
use farshore_types::Result;
use serde_json::{Value, json};

use super::names::BACK_UP;
use super::order::{home, node_order};
use super::step::{begin, change};
use crate::hosts::{Change, NodeAddress};
use crate::service::{FIRST_DATABASE, Secrets, administrator, state};
use crate::{Control, events};

/// In order.
pub fn steps() -> Vec<Step<Control>> {
    vec![
        Step { name: "provision", act: provision, undo: Some(remove) },
        Step { name: "prepare", act: prepare, undo: None },
        Step { name: "open", act: open, undo: None },
    ]
}

fn provision(step: &StepContext<Control>) -> Result<Done> {
    let control = step.context();
    let (service, generation) = begin(step)?;
    let address = control.hosts.provision(&node_order(control, &service, generation)?)?;
    let id = service.id;
    Ok(Done::with(&address)?.and(move |tx| change(tx, &id, |service| keep_address(service, &address))))
}

/// Undoes whatever was made of the node.
pub fn remove(step: &StepContext<Control>) -> Result<Done> {
    let (service, generation) = begin(step)?;
    step.context().hosts.settle(&service.id, generation, &home(step.context(), &service)?)?;
    step.context().hosts.remove(&service.id, generation)?;
    Ok(Done::nothing())
}

/// Gives every user that we know its password; makes the administrator and its database where they are missing.
pub fn prepare(step: &StepContext<Control>) -> Result<Done> {
    let control = step.context();
    let (service, _) = begin(step)?;
    let secrets = Secrets::open(control, &service)?;
    let administrator = administrator(&service);
    let found = Change::Found {
        administrator: administrator.to_string(),
        password: secrets.password(administrator)?.to_string(),
        database: FIRST_DATABASE.to_string(),
    };
    control.hosts.change(&service.id, &found)?;
    for (user, password) in secrets.passwords.iter().filter(|(user, _)| *user != administrator) {
        control.hosts.change(&service.id, &Change::SetPassword(user.clone(), password.clone()))?;
    }
    Ok(Done::nothing())
}

/// Says that it runs, and asks for its first backup in the same transaction.
pub fn open(step: &StepContext<Control>) -> Result<Done> {
    let (service, _) = begin(step)?;
    let (entropy, signal) = (step.context().entropy.clone(), step.context().signal.clone());
    let run = NewRun {
        kind: BACK_UP,
        project: service.project_id.clone(),
        subject: service.id.to_string(),
        input: json!({ "reason": "the service was opened" }),
    };
    let events = events::Recorder::of(step.context());
    Ok(Done::nothing().and(move |tx| {
        let text = format!("Service {} is running", service.name);
        let wanted = services::get(tx, &service.id)?.is_some_and(|row| row.powered);
        if !wanted {
            // Terminated or powered off meanwhile: the next run sees to that.
            return Ok(());
        }
        change(tx, &service.id, |service| service.state = state::RUNNING.to_string())?;
        events.record(tx, &service.project_id, "farshore", "service_running", Some(&service.name), &text)?;
        enqueue(tx, &run, entropy.as_ref(), &signal).map(drop)
    }))
}

/// Keeps where the node was put.
pub fn keep_address(service: &mut Service, address: &NodeAddress) {
    if let Value::Object(facts) = &mut service.facts {
        facts.insert("host".to_string(), json!(address.host));
        facts.insert("port".to_string(), json!(address.port));
        facts.insert("version".to_string(), json!(address.version));
    }
}
