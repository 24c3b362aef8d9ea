//! What an owner does: takes a run, shows that it lives, and moves it on under the fence.

use farshore_types::Result;

use super::row::{Bytes, Run, Situation, columns, read};
use crate::tx::Tx;
use crate::value::values;

/// Who may change a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fence {
    /// The run.
    pub id: String,
    /// Its owner.
    pub owner: String,
    /// In this epoch.
    pub epoch: u64,
}

/// Whether the owner keeps the run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Holding {
    /// It goes on.
    Kept,
    /// Anybody may take it.
    Released,
}

/// Makes `owner` the owner of a run in a new epoch, if nobody has touched it since it was `seen`; the run as it is then.
pub fn claim(tx: &mut Tx<'_>, seen: &Run, owner: &str) -> Result<Option<Run>> {
    let now = tx.now();
    let row = tx.first(
        concat!(
            "UPDATE runs SET owner = $4, epoch = epoch + 1, beat = 0, retry_at = NULL,
                 state = CASE WHEN state = 'waiting' THEN 'running' ELSE state END,
                 started_at = coalesce(started_at, $5), step_started_at = coalesce(step_started_at, $5)
             WHERE id = $1 AND epoch = $2 AND beat = $3 AND finished_at IS NULL RETURNING ",
            columns!()
        ),
        values![&seen.id, seen.epoch, seen.beat, owner, now],
    )?;
    row.as_ref().map(read).transpose()
}

/// Shows that the owner lives, and how far it is; whether the run was asked to end, none if it has another owner now.
pub fn beat(tx: &mut Tx<'_>, fence: &Fence, bytes: Bytes) -> Result<Option<bool>> {
    let row = tx.first(
        "UPDATE runs SET beat = beat + 1, done_bytes = $4, expected_bytes = $5, rate_bytes_s = $6
         WHERE id = $1 AND owner = $2 AND epoch = $3 AND finished_at IS NULL RETURNING cancel",
        values![&fence.id, &fence.owner, fence.epoch, bytes.done, bytes.expected, bytes.rate_s],
    )?;
    row.map(|row| row.flag("cancel")).transpose()
}

/// The fence: moves a run from one situation to the next, if it is in the first, and still held in this epoch. False: it is
/// not, nothing was changed, and the caller must let everything else of its transaction go as well.
pub fn save(tx: &mut Tx<'_>, fence: &Fence, before: &Situation, after: &Situation, holding: Holding) -> Result<bool> {
    let owner = match holding {
        Holding::Kept if !after.state.is_final() => Some(&fence.owner),
        Holding::Kept | Holding::Released => None,
    };
    let error = after.error.as_ref();
    let changed = tx.execute(
        "UPDATE runs SET state = $6, position = $7, owner = $8, tries = $9, retry_at = $10, error_kind = $11,
             error_message = $12, error_hint = $13, undo_error = $14, step_started_at = $15, undo_started_at = $16,
             finished_at = $17, beat = beat + 1,
             done_bytes = CASE WHEN position = $7 THEN done_bytes ELSE 0 END,
             expected_bytes = CASE WHEN position = $7 THEN expected_bytes ELSE 0 END, rate_bytes_s = 0
         WHERE id = $1 AND owner = $2 AND epoch = $3 AND state = $4 AND position = $5 AND finished_at IS NULL",
        values![
            &fence.id,
            &fence.owner,
            fence.epoch,
            before.state.word(),
            before.position,
            after.state.word(),
            after.position,
            owner,
            after.tries,
            after.retry_at,
            error.map(|error| &error.kind),
            error.map(|error| &error.message),
            error.and_then(|error| error.hint.as_ref()),
            after.undo_error.as_ref(),
            after.step_started_at,
            after.undo_started_at,
            after.finished_at,
        ],
    )?;
    Ok(changed == 1)
}
