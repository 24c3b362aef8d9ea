//! What happened in a project, for people to read. Ordered by a number of its own: clocks may jump.

use farshore_types::{Result, Timestamp};

use crate::row::Row;
use crate::tx::Tx;
use crate::value::values;

/// Something that happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// UUID.
    pub id: String,
    /// Where.
    pub project_id: String,
    /// When.
    pub at: Timestamp,
    /// Who: an e-mail address, or what part of the program.
    pub actor: String,
    /// Its word.
    pub event_type: String,
    /// To which service.
    pub service_name: Option<String>,
    /// One sentence.
    pub text: String,
}

fn read(row: &Row) -> Result<Event> {
    Ok(Event {
        id: row.text("id")?,
        project_id: row.text("project_id")?,
        at: row.time("at")?,
        actor: row.text("actor")?,
        event_type: row.text("event_type")?,
        service_name: row.text_or_null("service_name")?,
        text: row.text("text")?,
    })
}

/// Adds one behind all others.
pub fn insert(tx: &mut Tx<'_>, event: &Event) -> Result<()> {
    tx.execute(
        "INSERT INTO events (id, sequence, project_id, at, actor, event_type, service_name, text)
         SELECT $1, coalesce(max(sequence), 0) + 1, $2, $3, $4, $5, $6, $7 FROM events",
        values![
            &event.id,
            &event.project_id,
            event.at,
            &event.actor,
            &event.event_type,
            event.service_name.as_ref(),
            &event.text,
        ],
    )
    .map(drop)
}

/// Of a project, newest first.
pub fn of_project(tx: &mut Tx<'_>, project_id: &str, limit: u32) -> Result<Vec<Event>> {
    let rows = tx.query(
        "SELECT id, project_id, at, actor, event_type, service_name, text FROM events
         WHERE project_id = $1 ORDER BY sequence DESC LIMIT $2",
        values![project_id, limit],
    )?;
    rows.iter().map(read).collect()
}

/// Removes those before a moment; how many.
pub fn delete_before(tx: &mut Tx<'_>, moment: Timestamp) -> Result<u64> {
    tx.execute("DELETE FROM events WHERE at < $1", values![moment])
}
