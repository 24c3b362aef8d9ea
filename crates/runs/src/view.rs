//! What can be seen of a run from outside.

use std::time::Duration;

use farshore_store::runs::{Bytes, Direction, Fault, Journaled, Run, State};
use farshore_types::Timestamp;

/// A run, its steps and how far it is.
#[derive(Debug, Clone, PartialEq)]
pub struct RunView {
    /// UUID.
    pub id: String,
    /// Which steps it has.
    pub kind: String,
    /// For which project, by id.
    pub project: String,
    /// On what it works.
    pub subject: String,
    /// What it was given.
    pub input: serde_json::Value,
    /// Where it stands.
    pub state: State,
    /// Whether it was asked to end.
    pub cancel: bool,
    /// In order.
    pub steps: Vec<StepView>,
    /// The step at work, or the next one.
    pub step: Option<String>,
    /// How far that step is.
    pub bytes: Bytes,
    /// Failed tries of that step.
    pub tries: u32,
    /// When it is tried again.
    pub retry_at: Option<Timestamp>,
    /// Why it is undone, or the last failed try.
    pub error: Option<Fault>,
    /// Why it cannot be undone.
    pub undo_error: Option<String>,
    /// How many workers have taken it.
    pub epoch: u64,
    /// When it was asked for.
    pub created_at: Timestamp,
    /// When it was begun.
    pub started_at: Option<Timestamp>,
    /// When it ended.
    pub finished_at: Option<Timestamp>,
}

impl RunView {
    /// How long this step still takes at its present rate, if that is known.
    pub fn left(&self) -> Option<Duration> {
        let more = self.bytes.expected.checked_sub(self.bytes.done)?;
        more.checked_div(self.bytes.rate_s).map(Duration::from_secs)
    }
}

/// A step of a run.
#[derive(Debug, Clone, PartialEq)]
pub struct StepView {
    /// Its name.
    pub name: String,
    /// Where it stands.
    pub state: StepState,
    /// When it was first begun.
    pub started_at: Option<Timestamp>,
    /// When it was done; once undone, when that was.
    pub finished_at: Option<Timestamp>,
    /// What went wrong in it.
    pub error: Option<String>,
}

/// Where a step stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StepState {
    /// Not begun.
    Waiting,
    /// At work, or between two tries.
    Running,
    /// Done.
    Done,
    /// Failed; not undone yet.
    Failed,
    /// Being undone.
    Undoing,
    /// Undone.
    Undone,
}

impl StepState {
    /// The word that is shown.
    pub fn word(self) -> &'static str {
        match self {
            StepState::Waiting => "waiting",
            StepState::Running => "running",
            StepState::Done => "done",
            StepState::Failed => "failed",
            StepState::Undoing => "undoing",
            StepState::Undone => "undone",
        }
    }
}

/// Puts together what the store has and the names of the steps, which are empty for a kind that is not known here.
pub fn view(run: Run, journal: &[Journaled], names: &[&'static str]) -> RunView {
    let acts: Vec<&Journaled> = journal.iter().filter(|step| step.direction == Direction::Act).collect();
    let count = names.len().max(acts.len());
    let name = |at: usize| {
        let known = names.get(at).map(|name| name.to_string());
        known.or_else(|| acts.get(at).map(|step| step.name.clone())).unwrap_or_default()
    };
    let steps: Vec<StepView> = (0..count).map(|at| step(&run, &acts, journal, at, name(at))).collect();
    let at_work = steps.iter().find(|step| matches!(step.state, StepState::Running | StepState::Undoing));
    let current = at_work.map(|step| step.name.clone());
    let situation = run.situation;
    RunView {
        id: run.id,
        kind: run.kind,
        project: run.project,
        subject: run.subject,
        input: run.input,
        state: situation.state,
        cancel: run.cancel,
        steps,
        step: current,
        bytes: run.bytes,
        tries: situation.tries,
        retry_at: situation.retry_at,
        error: situation.error,
        undo_error: situation.undo_error,
        epoch: run.epoch,
        created_at: run.created_at,
        started_at: run.started_at,
        finished_at: situation.finished_at,
    }
}

fn step(run: &Run, acts: &[&Journaled], journal: &[Journaled], at: usize, name: String) -> StepView {
    let situation = &run.situation;
    let position = usize::try_from(situation.position).unwrap_or(usize::MAX);
    let act = acts.get(at);
    let undo = journal.iter().find(|step| {
        step.direction == Direction::Undo && usize::try_from(step.position).is_ok_and(|position| position == at)
    });
    let undoing = matches!(situation.state, State::Undoing | State::Stuck) && position == at + 1 && undo.is_none();
    let failed_here = at == acts.len() && situation.error.is_some();
    let begun = run.started_at.is_some() && at == position;
    let acting = matches!(situation.state, State::Waiting | State::Running);
    let state = match (act, undo) {
        (_, Some(_)) => StepState::Undone,
        _ if undoing => StepState::Undoing,
        (Some(_), None) => StepState::Done,
        (None, None) if acting && begun => StepState::Running,
        (None, None) if failed_here && !acting => StepState::Failed,
        (None, None) => StepState::Waiting,
    };
    let own_error = situation.error.as_ref().filter(|_| failed_here).map(|error| error.message.clone());
    let undo_error = situation.undo_error.clone().filter(|_| undoing);
    StepView {
        name,
        state,
        started_at: act.and_then(|step| step.started_at).or(situation.step_started_at.filter(|_| begun)),
        finished_at: undo.or(act.copied()).map(|step| step.finished_at),
        error: undo_error.or(own_error),
    }
}
