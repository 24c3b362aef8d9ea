//! Runs by id, by subject, and those that somebody may have to take.

use farshore_types::{Result, Timestamp};

use super::row::{Run, columns, read};
use crate::tx::Tx;
use crate::value::values;

/// By id.
pub fn get(tx: &mut Tx<'_>, id: &str) -> Result<Option<Run>> {
    let row = tx.first(concat!("SELECT ", columns!(), " FROM runs WHERE id = $1"), values![id])?;
    row.as_ref().map(read).transpose()
}

/// On a subject, newest first.
pub fn of_subject(tx: &mut Tx<'_>, subject: &str, limit: u32) -> Result<Vec<Run>> {
    let rows = tx.query(
        concat!("SELECT ", columns!(), " FROM runs WHERE subject = $1 ORDER BY sequence DESC LIMIT $2"),
        values![subject, limit],
    )?;
    rows.iter().map(read).collect()
}

/// Unfinished ones on a subject, in the order in which they will be carried out.
pub fn unfinished_of_subject(tx: &mut Tx<'_>, subject: &str, limit: u32) -> Result<Vec<Run>> {
    let rows = tx.query(
        concat!(
            "SELECT ",
            columns!(),
            " FROM runs WHERE subject = $1 AND finished_at IS NULL ORDER BY sequence LIMIT $2"
        ),
        values![subject, limit],
    )?;
    rows.iter().map(read).collect()
}

/// Runs that wait for an owner: first of their subject, and due. A moment further off than `farthest` counts as due: the
/// clock was set back since it was written.
pub fn free(tx: &mut Tx<'_>, now: Timestamp, farthest: Timestamp, limit: u32) -> Result<Vec<Run>> {
    let rows = tx.query(
        concat!(
            "SELECT ",
            columns!(),
            " FROM runs WHERE finished_at IS NULL AND owner IS NULL
              AND (retry_at IS NULL OR retry_at <= $1 OR retry_at > $2)
              AND NOT EXISTS (SELECT 1 FROM runs earlier WHERE earlier.subject = runs.subject
                              AND earlier.finished_at IS NULL AND earlier.sequence < runs.sequence)
              ORDER BY sequence LIMIT $3"
        ),
        values![now, farthest, limit],
    )?;
    rows.iter().map(read).collect()
}

/// Runs that have an owner, dead or alive.
pub fn owned(tx: &mut Tx<'_>, limit: u32) -> Result<Vec<Run>> {
    let rows = tx.query(
        concat!(
            "SELECT ",
            columns!(),
            " FROM runs WHERE finished_at IS NULL AND owner IS NOT NULL ORDER BY sequence LIMIT $1"
        ),
        values![limit],
    )?;
    rows.iter().map(read).collect()
}
