//! Messages that are to go out. The row is written with its cause, in one transaction; it is sent afterwards, at least once.

use farshore_types::{Result, Timestamp};

use crate::row::Row;
use crate::tx::Tx;
use crate::value::values;

/// A message.
#[derive(Debug, Clone, PartialEq)]
pub struct Message {
    /// UUID.
    pub id: String,
    /// What kind of message.
    pub kind: String,
    /// Of two messages with the same key the second is not written: cause, kind and recipient.
    pub unique_key: String,
    /// What it says and to whom.
    pub payload: serde_json::Value,
    /// When to send it, or to try again.
    pub due_at: Timestamp,
    /// How often it was tried.
    pub tries: u32,
    /// When it was accepted by its recipient's server.
    pub delivered_at: Option<Timestamp>,
    /// When it was found that it never will be.
    pub given_up_at: Option<Timestamp>,
}

fn read(row: &Row) -> Result<Message> {
    Ok(Message {
        id: row.text("id")?,
        kind: row.text("kind")?,
        unique_key: row.text("unique_key")?,
        payload: row.json("payload")?,
        due_at: row.time("due_at")?,
        tries: row.count("tries")?,
        delivered_at: row.time_or_null("delivered_at")?,
        given_up_at: row.time_or_null("given_up_at")?,
    })
}

/// Adds a message, unless one with its key was ever added; whether it was added now.
pub fn insert(tx: &mut Tx<'_>, message: &Message) -> Result<bool> {
    let added = tx.execute(
        "INSERT INTO outbox (id, kind, unique_key, payload, due_at, tries, delivered_at, given_up_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT (unique_key) DO NOTHING",
        values![
            &message.id,
            &message.kind,
            &message.unique_key,
            &message.payload,
            message.due_at,
            message.tries,
            message.delivered_at,
            message.given_up_at,
        ],
    )?;
    Ok(added > 0)
}

/// How many messages wait, counted up to a number.
pub fn waiting(tx: &mut Tx<'_>, up_to: u32) -> Result<u32> {
    let sql = "SELECT count(*) AS waiting FROM
               (SELECT 1 FROM outbox WHERE delivered_at IS NULL AND given_up_at IS NULL LIMIT $1) AS messages";
    tx.first(sql, values![up_to])?.map_or(Ok(0), |row| row.count("waiting"))
}

/// Messages that wait and are due, oldest first.
pub fn due(tx: &mut Tx<'_>, now: Timestamp, limit: u32) -> Result<Vec<Message>> {
    let rows = tx.query(
        "SELECT id, kind, unique_key, payload, due_at, tries, delivered_at, given_up_at FROM outbox
         WHERE delivered_at IS NULL AND given_up_at IS NULL AND due_at <= $1 ORDER BY due_at, id LIMIT $2",
        values![now, limit],
    )?;
    rows.iter().map(read).collect()
}

/// By key, whatever became of it.
pub fn by_key(tx: &mut Tx<'_>, unique_key: &str) -> Result<Option<Message>> {
    let row = tx.first(
        "SELECT id, kind, unique_key, payload, due_at, tries, delivered_at, given_up_at FROM outbox WHERE unique_key = $1",
        values![unique_key],
    )?;
    row.as_ref().map(read).transpose()
}

/// Notes that a try failed, and when the next one is due.
pub fn put_off(tx: &mut Tx<'_>, id: &str, due_at: Timestamp) -> Result<bool> {
    let sql = "UPDATE outbox SET tries = tries + 1, due_at = $2 WHERE id = $1 AND delivered_at IS NULL";
    Ok(tx.execute(sql, values![id, due_at])? > 0)
}

/// Notes that it was accepted.
pub fn delivered(tx: &mut Tx<'_>, id: &str, at: Timestamp) -> Result<bool> {
    let sql = "UPDATE outbox SET tries = tries + 1, delivered_at = $2 WHERE id = $1 AND delivered_at IS NULL";
    Ok(tx.execute(sql, values![id, at])? > 0)
}

/// Notes that it will never be accepted.
pub fn given_up(tx: &mut Tx<'_>, id: &str, at: Timestamp) -> Result<bool> {
    let sql = "UPDATE outbox SET tries = tries + 1, given_up_at = $2
               WHERE id = $1 AND delivered_at IS NULL AND given_up_at IS NULL";
    Ok(tx.execute(sql, values![id, at])? > 0)
}

/// Forgets what was delivered or given up before a moment; how many.
pub fn delete_ended(tx: &mut Tx<'_>, before: Timestamp) -> Result<u64> {
    tx.execute("DELETE FROM outbox WHERE delivered_at < $1 OR given_up_at < $1", values![before])
}
