//! Runs and their journals. When a run goes on, and what its steps do, is decided by the room of that name; here are the
//! statements, of which [`save`] is the fence: it changes a row only for the owner and epoch that hold it.

use farshore_types::{Error, Result, Timestamp};

use crate::row::Row;
use crate::tx::Tx;
use crate::value::values;

/// Where a run stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// Not begun, or between two tries of a step.
    Waiting,
    /// A step is carried out.
    Running,
    /// Steps are undone, or wait for it.
    Undoing,
    /// All steps are done.
    Done,
    /// A step failed; everything was undone.
    Failed,
    /// An undo failed: a human must look.
    Stuck,
    /// Ended on request; everything was undone.
    Cancelled,
}

impl State {
    const ALL: [State; 7] =
        [State::Waiting, State::Running, State::Undoing, State::Done, State::Failed, State::Stuck, State::Cancelled];

    /// The word that is stored and shown.
    pub fn word(self) -> &'static str {
        match self {
            State::Waiting => "waiting",
            State::Running => "running",
            State::Undoing => "undoing",
            State::Done => "done",
            State::Failed => "failed",
            State::Stuck => "stuck",
            State::Cancelled => "cancelled",
        }
    }

    /// Whether nothing more will happen.
    pub fn is_final(self) -> bool {
        matches!(self, State::Done | State::Failed | State::Stuck | State::Cancelled)
    }
}

/// What a caller should know of an error.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// The word of its kind.
    pub kind: String,
    /// One line.
    pub message: String,
    /// What to type or change.
    pub hint: Option<String>,
}

/// What changes while a run goes on, under the fence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Situation {
    /// Where it stands.
    pub state: State,
    /// Acting: the step that is next. Undoing: how many steps are still to be undone.
    pub position: u32,
    /// Failed tries of this step.
    pub tries: u32,
    /// Not before this moment.
    pub retry_at: Option<Timestamp>,
    /// Why it is undone, or the last failed try.
    pub error: Option<Fault>,
    /// Why the last undo failed.
    pub undo_error: Option<String>,
    /// When this step was first begun.
    pub step_started_at: Option<Timestamp>,
    /// When undoing began.
    pub undo_started_at: Option<Timestamp>,
    /// When it ended.
    pub finished_at: Option<Timestamp>,
}

/// How far a step is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Bytes {
    /// Bytes done.
    pub done: u64,
    /// Bytes expected; 0: unknown.
    pub expected: u64,
    /// Bytes a second, lately.
    pub rate_s: u64,
}

/// A run.
#[derive(Debug, Clone, PartialEq)]
pub struct Run {
    /// UUID.
    pub id: String,
    /// Its place among all runs.
    pub sequence: u64,
    /// Which steps it has.
    pub kind: String,
    /// For which project, by id.
    pub project: String,
    /// On what it works; runs on one subject come one after the other.
    pub subject: String,
    /// What it was given.
    pub input: serde_json::Value,
    /// Whether it was asked to end.
    pub cancel: bool,
    /// Who carries it out.
    pub owner: Option<String>,
    /// Grows with every owner.
    pub epoch: u64,
    /// Grows while the owner lives.
    pub beat: u64,
    /// Where it stands.
    pub situation: Situation,
    /// How far its step is.
    pub bytes: Bytes,
    /// When it was asked for.
    pub created_at: Timestamp,
    /// When it was first begun.
    pub started_at: Option<Timestamp>,
}

/// A step that is done or undone.
#[derive(Debug, Clone, PartialEq)]
pub struct Journaled {
    /// Whether it was done or undone.
    pub direction: Direction,
    /// Its place in its kind, from 0.
    pub position: u32,
    /// Its name.
    pub name: String,
    /// What it returned.
    pub output: serde_json::Value,
    /// In which epoch.
    pub epoch: u64,
    /// When it was first begun.
    pub started_at: Option<Timestamp>,
    /// When it was recorded.
    pub finished_at: Timestamp,
}

/// Done or undone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// Done.
    Act,
    /// Undone.
    Undo,
}

impl Direction {
    fn word(self) -> &'static str {
        match self {
            Direction::Act => "act",
            Direction::Undo => "undo",
        }
    }
}

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

macro_rules! columns {
    () => {
        "id, sequence, kind, project, subject, input, state, position, cancel, owner, epoch, beat, tries, retry_at, \
         error_kind, error_message, error_hint, undo_error, done_bytes, expected_bytes, rate_bytes_s, created_at, \
         started_at, step_started_at, undo_started_at, finished_at"
    };
}

fn read(row: &Row) -> Result<Run> {
    Ok(Run {
        id: row.text("id")?,
        sequence: row.count("sequence")?,
        kind: row.text("kind")?,
        project: row.text("project")?,
        subject: row.text("subject")?,
        input: row.json("input")?,
        cancel: row.flag("cancel")?,
        owner: row.text_or_null("owner")?,
        epoch: row.count("epoch")?,
        beat: row.count("beat")?,
        situation: situation(row)?,
        bytes: Bytes {
            done: row.count("done_bytes")?,
            expected: row.count("expected_bytes")?,
            rate_s: row.count("rate_bytes_s")?,
        },
        created_at: row.time("created_at")?,
        started_at: row.time_or_null("started_at")?,
    })
}

fn situation(row: &Row) -> Result<Situation> {
    let word = row.text("state")?;
    let state = State::ALL.into_iter().find(|state| state.word() == word);
    let error = match row.text_or_null("error_kind")? {
        Some(kind) => Some(Fault { kind, message: row.text("error_message")?, hint: row.text_or_null("error_hint")? }),
        None => None,
    };
    Ok(Situation {
        state: state.ok_or_else(|| Error::corrupt(format!("column state holds {word:?}")))?,
        position: row.count("position")?,
        tries: row.count("tries")?,
        retry_at: row.time_or_null("retry_at")?,
        error,
        undo_error: row.text_or_null("undo_error")?,
        step_started_at: row.time_or_null("step_started_at")?,
        undo_started_at: row.time_or_null("undo_started_at")?,
        finished_at: row.time_or_null("finished_at")?,
    })
}

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

/// Writes down that a step is done or undone. A second time is a `Conflict`.
pub fn journal(tx: &mut Tx<'_>, run_id: &str, step: &Journaled) -> Result<()> {
    tx.execute(
        "INSERT INTO run_steps (run_id, direction, position, name, output, epoch, started_at, finished_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
        values![
            run_id,
            step.direction.word(),
            step.position,
            &step.name,
            &step.output,
            step.epoch,
            step.started_at,
            step.finished_at,
        ],
    )
    .map(drop)
}

/// Steps that a run may have, done and undone together.
const STEPS_MAX: u32 = 1000;

/// What is written down of a run, in the order of the steps; what was done before what was undone.
pub fn steps(tx: &mut Tx<'_>, run_id: &str) -> Result<Vec<Journaled>> {
    let rows = tx.query(
        "SELECT direction, position, name, output, epoch, started_at, finished_at FROM run_steps
         WHERE run_id = $1 ORDER BY direction, position LIMIT $2",
        values![run_id, STEPS_MAX],
    )?;
    let step = |row: &Row| {
        let direction = match row.text("direction")?.as_str() {
            "act" => Direction::Act,
            "undo" => Direction::Undo,
            other => return Err(Error::corrupt(format!("column direction holds {other:?}"))),
        };
        Ok(Journaled {
            direction,
            position: row.count("position")?,
            name: row.text("name")?,
            output: row.json("output")?,
            epoch: row.count("epoch")?,
            started_at: row.time_or_null("started_at")?,
            finished_at: row.time("finished_at")?,
        })
    };
    rows.iter().map(step).collect()
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
