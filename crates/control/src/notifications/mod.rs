//! What people are told by mail. The cause of every letter is an event: its letters are written to the outbox in the event's own
//! transaction, one for each recipient, and sent afterwards by [`crate::reconcile::deliver`].
//!
//! If we die before the transaction neither event nor letter is there; after it both are. A letter may be sent twice, under one
//! `Message-ID`, by which mail programs know it again.

mod letter;
mod table;

use farshore_store::contacts;
use farshore_store::events::Event;
use farshore_store::outbox::{self, Message};
use farshore_store::tags::Owner;
use farshore_store::{Tx, id, members, projects, services};
use farshore_types::access::Role;
use farshore_types::{Entropy, Result};

pub use letter::{Letter, Post};
pub use table::{INVITED, ROWS, UNDELIVERED};

use table::{Row, row};

/// The kind of outbox messages that are letters.
const MAIL: &str = "mail";
/// Recipients of one event.
const RECIPIENTS_MAX: usize = 50;
/// Members of one project that are looked at.
const MEMBERS_MAX: u32 = 1000;
/// Letters that wait at the same time: while the mail server is away for long, further ones are not written. Events are, always.
const WAITING_MAX: u32 = 10_000;

/// Events of services that are terminated.
const OF_THE_GONE: [&str; 3] = ["service_shredded", "service_terminate_failed", "service_terminate_stuck"];

/// Writes the letters of an event, if it is one that is sent.
pub fn write(tx: &mut Tx<'_>, entropy: &dyn Entropy, event: &Event) -> Result<()> {
    let Some(row) = row(&event.event_type) else { return Ok(()) };
    let to = match row.event {
        // Whoever is invited is told by `invite`.
        INVITED => return Ok(()),
        UNDELIVERED => people(tx, &event.project_id)?,
        _ => recipients(tx, event)?,
    };
    put(tx, entropy, event, row, &to)
}

/// Writes the letter of an invitation.
pub fn invite(tx: &mut Tx<'_>, entropy: &dyn Entropy, event: &Event, to: &str) -> Result<()> {
    row(INVITED).map_or(Ok(()), |row| put(tx, entropy, event, row, &[to.to_string()]))
}

fn put(tx: &mut Tx<'_>, entropy: &dyn Entropy, event: &Event, row: &Row, to: &[String]) -> Result<()> {
    if outbox::waiting(tx, WAITING_MAX)? >= WAITING_MAX {
        tracing::info!(event = row.event, "no letter is written: {WAITING_MAX} wait to be sent");
        return Ok(());
    }
    let Some(project) = projects::get(tx, &event.project_id)? else { return Ok(()) };
    for to in to.iter().take(RECIPIENTS_MAX) {
        let letter = Letter::of(event, row, &project.name, to);
        let message = Message {
            id: id::new(tx.now(), entropy)?,
            kind: MAIL.to_string(),
            unique_key: format!("{MAIL} {to} {}", cause(event, row)),
            payload: letter.payload(),
            due_at: tx.now(),
            tries: 0,
            delivered_at: None,
            given_up_at: None,
        };
        outbox::insert(tx, &message)?;
    }
    Ok(())
}

/// What makes a letter the same one: its event, or event, service and day.
fn cause(event: &Event, row: &Row) -> String {
    match row.daily {
        false => event.id.clone(),
        true => {
            let (project, service) = (&event.project_id, event.service_name.as_deref().unwrap_or_default());
            let day: String = event.at.to_string().chars().take("2026-01-01".len()).collect();
            format!("{} {project} {service} {day}", row.event)
        }
    }
}

/// The contacts of the service, else those of the project, else the people who can do something about it. (Aiven documentation,
/// "Technical emails": contacts of a service take the place of its project's.)
fn recipients(tx: &mut Tx<'_>, event: &Event) -> Result<Vec<String>> {
    // The name of one that was terminated may be another service's now.
    let is_gone = OF_THE_GONE.contains(&event.event_type.as_str());
    let name = event.service_name.as_deref().filter(|_| !is_gone);
    let service = name.map(|name| services::by_name(tx, &event.project_id, name)).transpose()?.flatten();
    if let Some(service) = service {
        let own = contacts::list(tx, Owner::Service(service.id.as_str()))?;
        if !own.is_empty() {
            return Ok(own);
        }
    }
    match contacts::list(tx, Owner::Project(&event.project_id))? {
        none if none.is_empty() => people(tx, &event.project_id),
        own => Ok(own),
    }
}

/// Owners and operators.
fn people(tx: &mut Tx<'_>, project_id: &str) -> Result<Vec<String>> {
    let all = members::of_project(tx, project_id, MEMBERS_MAX)?;
    let acts = |role: &str| role == Role::Owner.name() || role == Role::Operator.name();
    Ok(all.into_iter().filter(|one| acts(&one.member.role)).map(|one| one.email).collect())
}
