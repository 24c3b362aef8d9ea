//! A run as it stands in its row.

use farshore_types::{Error, Result, Timestamp};

use crate::row::Row;

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

/// All columns of a run, in the order of the table.
macro_rules! columns {
    () => {
        "id, sequence, kind, project, subject, input, state, position, cancel, owner, epoch, beat, tries, retry_at, \
         error_kind, error_message, error_hint, undo_error, done_bytes, expected_bytes, rate_bytes_s, created_at, \
         started_at, step_started_at, undo_started_at, finished_at"
    };
}
pub(super) use columns;

/// A row as a run.
pub fn read(row: &Row) -> Result<Run> {
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
