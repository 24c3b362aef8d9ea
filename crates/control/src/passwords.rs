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

/// Marks a user in a row, in the transaction that changes its secrets.
pub fn mark_due(service: &mut Service, user: &str) {
    let Value::Object(facts) = &mut service.facts else { return };
    match facts.get_mut(DUE) {
        Some(Value::Array(users)) if users.iter().any(|due| due.as_str() == Some(user)) => {}
        Some(Value::Array(users)) => users.push(json!(user)),
        // An earlier version marked all of them at once.
        Some(_) => {}
        None => drop(facts.insert(DUE.to_string(), json!([user]))),
    }
}

/// Whether a row is marked.
pub fn are_due(service: &Service) -> bool {
    service.facts.get(DUE).is_some()
}

/// Gives the server every password that is due, and takes the mark away unless something has changed meanwhile. May be repeated.
pub fn apply(control: &Control, id: &ServiceId) -> Result<()> {
    let Some(service) = control.store.read(|tx| services::get(tx, id))? else { return Ok(()) };
    let Some(due) = service.facts.get(DUE).cloned() else { return Ok(()) };
    let is_due = |user: &str| due.as_array().is_none_or(|users| users.iter().any(|one| one.as_str() == Some(user)));
    for (user, password) in Secrets::open(control, &service)?.passwords {
        if is_due(&user) {
            control.hosts.change(id, &Change::SetPassword(user, password))?;
        }
    }
    control.store.write(|tx| {
        let row = services::get(tx, id)?.filter(|row| row.sealed == service.sealed && row.facts.get(DUE) == Some(&due));
        let Some(mut row) = row else { return Ok(()) };
        if let Value::Object(facts) = &mut row.facts {
            facts.remove(DUE);
        }
        services::update(tx, &row)
    })
}
