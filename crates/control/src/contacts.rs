//! Who is told about technical matters of projects and services: addresses, kept as given, and limited.

use farshore_store::contacts;
use farshore_types::{Error, Result};

use crate::access::address;
use crate::tags::{On, find};
use crate::{Control, events};

/// Addresses of one project or service.
pub const CONTACTS_MAX: usize = 50;

/// All addresses, in the order in which they were given.
pub fn list(control: &Control, project: &str, on: On<'_>) -> Result<Vec<String>> {
    control.store.read(|tx| {
        let place = find(tx, project, on)?;
        contacts::list(tx, place.owner())
    })
}

/// Puts these addresses in the place of all others.
pub fn replace(control: &Control, actor: &str, project: &str, on: On<'_>, emails: &[String]) -> Result<()> {
    must_be_well_formed(emails)?;
    control.store.write(|tx| {
        let place = find(tx, project, on)?;
        if contacts::list(tx, place.owner())? == emails {
            return Ok(());
        }
        contacts::replace(tx, place.owner(), emails)?;
        let (event, whose) = match place.service_name() {
            None => ("project_contacts_update", "the project".to_string()),
            Some(name) => ("service_contacts_update", format!("service {name}")),
        };
        let text = format!("Changed who is told about technical matters of {whose}");
        events::record(tx, control, place.project_id(), actor, event, place.service_name(), &text)
    })
}

/// Refuses addresses that are too many, or none.
pub fn must_be_well_formed(emails: &[String]) -> Result<()> {
    if emails.len() > CONTACTS_MAX {
        let what = format!("tech_emails: {} addresses, more than the {CONTACTS_MAX} there may be", emails.len());
        return Err(Error::invalid(what).hint("give the address of a list"));
    }
    for email in emails {
        address(email).map_err(|error| {
            let hint = error.advice().unwrap_or_default().to_string();
            Error::invalid(format!("tech_emails: {}", error.what())).hint(hint)
        })?;
    }
    Ok(())
}
