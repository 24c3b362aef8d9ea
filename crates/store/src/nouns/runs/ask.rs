//! What everybody may do: ask for a run, ask it to end, send on a stuck one, forget old ones.

use farshore_types::Result;

use super::find::get;
use super::row::Run;
use crate::tx::Tx;
use crate::value::values;

/// A run that is asked for.
#[derive(Debug, Clone, PartialEq)]
pub struct Asked {
    /// UUID.
    pub id: String,
    /// Which steps it has.
    pub kind: String,
    /// For which project, by id.
    pub project: String,
    /// On what it works.
    pub subject: String,
    /// What it is given.
    pub input: serde_json::Value,
}

/// Adds a run behind all others.
pub fn insert(tx: &mut Tx<'_>, run: &Asked) -> Result<()> {
    let now = tx.now();
    tx.execute(
        "INSERT INTO runs (id, sequence, kind, project, subject, input, state, position, cancel, epoch, beat, tries,
                           done_bytes, expected_bytes, rate_bytes_s, created_at)
         SELECT $1, coalesce(max(sequence), 0) + 1, $2, $3, $4, $5, 'waiting', 0, 0, 0, 0, 0, 0, 0, 0, $6 FROM runs",
        values![&run.id, &run.kind, &run.project, &run.subject, &run.input, now],
    )
    .map(drop)
}

/// Asks a run to end. One that nobody has begun ends here and now; the run as it is then, none if it does not exist.
pub fn cancel(tx: &mut Tx<'_>, id: &str) -> Result<Option<Run>> {
    let now = tx.now();
    tx.execute(
        "UPDATE runs SET state = 'cancelled', finished_at = $2, cancel = 1
         WHERE id = $1 AND state = 'waiting' AND started_at IS NULL AND finished_at IS NULL",
        values![id, now],
    )?;
    tx.execute("UPDATE runs SET cancel = 1, retry_at = NULL WHERE id = $1 AND finished_at IS NULL", values![id])?;
    get(tx, id)
}

/// Takes a stuck run up again where it stopped, as if its step had not been tried; whether it was stuck, and the newest of its subject.
pub fn reopen(tx: &mut Tx<'_>, id: &str) -> Result<bool> {
    let now = tx.now();
    let changed = tx.execute(
        "UPDATE runs SET state = CASE WHEN undo_started_at IS NULL THEN 'waiting' ELSE 'undoing' END,
             undo_started_at = CASE WHEN undo_started_at IS NULL THEN undo_started_at ELSE $2 END,
             step_started_at = $2, tries = 0, retry_at = NULL, undo_error = NULL, owner = NULL, beat = beat + 1,
             finished_at = NULL
         WHERE id = $1 AND state = 'stuck' AND NOT EXISTS (
             SELECT 1 FROM runs later WHERE later.subject = runs.subject AND later.sequence > runs.sequence)",
        values![id, now],
    )?;
    Ok(changed == 1)
}

/// Forgets the finished runs of a subject but the newest `keep`, with their journals; how many.
pub fn forget(tx: &mut Tx<'_>, subject: &str, keep: u32) -> Result<u64> {
    let row = tx.first(
        "SELECT sequence FROM runs WHERE subject = $1 AND finished_at IS NOT NULL
         ORDER BY sequence DESC LIMIT 1 OFFSET $2",
        values![subject, keep],
    )?;
    let Some(row) = row else { return Ok(0) };
    let last = row.int("sequence")?;
    tx.execute(
        "DELETE FROM run_steps WHERE run_id IN (SELECT id FROM runs WHERE subject = $1 AND finished_at IS NOT NULL
                                                AND sequence <= $2)",
        values![subject, last],
    )?;
    tx.execute(
        "DELETE FROM runs WHERE subject = $1 AND finished_at IS NOT NULL AND sequence <= $2",
        values![subject, last],
    )
}
