//! Passwords on their way from a service's row to its server. A change is remembered first and marked as due; whoever comes next makes
//! it true, so that what is shown is what the server takes, wherever we died.

use farshore_store::services::{self, Service};
use farshore_types::{Result, ServiceId};
use serde_json::{Value, json};

use crate::Control;
use crate::hosts::Change;
use crate::service::Secrets;

/// The fact that says so.
const DUE: &str = "passwords_due";

/// Marks a row, in the transaction that changes its secrets.
pub fn mark_due(service: &mut Service) {
    if let Value::Object(facts) = &mut service.facts {
        facts.insert(DUE.to_string(), json!(true));
    }
}

/// Whether a row is marked.
pub fn are_due(service: &Service) -> bool {
    service.facts.get(DUE).is_some()
}

/// Gives the server every password that we know, and takes the mark away unless they have changed meanwhile. May be repeated.
pub fn apply(control: &Control, id: &ServiceId) -> Result<()> {
    let Some(service) = control.store.read(|tx| services::get(tx, id))? else { return Ok(()) };
    for (user, password) in Secrets::open(control, &service)?.passwords {
        control.hosts.change(id, &Change::SetPassword(user, password))?;
    }
    control.store.write(|tx| {
        let Some(mut row) = services::get(tx, id)?.filter(|row| row.sealed == service.sealed) else { return Ok(()) };
        if let Value::Object(facts) = &mut row.facts {
            facts.remove(DUE);
        }
        services::update(tx, &row)
    })
}
