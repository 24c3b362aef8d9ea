//! From what a step returned to where its run stands next. Pure: the rules of retrying, undoing and ending.

use std::time::Duration;

use farshore_store::runs::{Fault, Situation, State};
use farshore_types::{Error, ErrorKind, Result, Timestamp};

use crate::kind::Done;
use crate::live::Reason;

/// The first pause before a step is tried again; it doubles with every try.
const PAUSE_FIRST: Duration = Duration::from_secs(1);
/// The longest pause before a step is tried again.
pub const PAUSE_MAX: Duration = Duration::from_secs(60);

/// What came of one try of one step.
pub struct Outcome {
    /// What the body returned.
    pub result: Result<Done>,
    /// Whether it had been asked to stop.
    pub(crate) reason: Option<Reason>,
}

impl Outcome {
    /// No try at all: the program ends.
    pub fn stopped() -> Self {
        Outcome { result: Err(Error::busy("the program ends")), reason: Some(Reason::Shutdown) }
    }
}

/// What a worker does after recording.
pub enum Next<T> {
    /// It goes on with the same run.
    Again(T),
    /// The run has ended, or waits for its next try.
    Released,
    /// The run is somebody else's now; nothing was recorded.
    Lost,
}

/// Moments that bound a run.
pub struct Bounds {
    /// Now.
    pub now: Timestamp,
    /// When the run was begun.
    pub started_at: Timestamp,
    /// How long it may try.
    pub deadline: Duration,
    /// How many steps its kind has.
    pub steps: u32,
}

/// After a step was done.
pub fn acted(before: &Situation, bounds: &Bounds) -> Situation {
    let position = before.position + 1;
    let after = next_step(before, position, bounds.now);
    if position < bounds.steps {
        return Situation { state: State::Running, error: None, ..after };
    }
    Situation { state: State::Done, error: None, step_started_at: None, finished_at: Some(bounds.now), ..after }
}

/// After a step was undone.
pub fn undone(before: &Situation, bounds: &Bounds) -> Situation {
    let position = before.position.saturating_sub(1);
    let after = Situation { undo_error: None, ..next_step(before, position, bounds.now) };
    if position > 0 {
        return after;
    }
    // A run that was cancelled has no error; one that failed keeps it.
    let state = if before.error.is_some() { State::Failed } else { State::Cancelled };
    Situation { state, step_started_at: None, finished_at: Some(bounds.now), ..after }
}

/// After a step failed, or was stopped.
pub fn failed(before: &Situation, error: &Error, reason: Option<Reason>, bounds: &Bounds) -> Situation {
    let passing = matches!(error.kind(), ErrorKind::Transient | ErrorKind::Busy);
    // Whatever a step says that was stopped because of us: the next worker tries it anew, and hears it again if it is true.
    if matches!(reason, Some(Reason::Shutdown | Reason::Lost)) {
        return waiting(before, None, before.tries);
    }
    let undoing = before.state == State::Undoing;
    if reason == Some(Reason::Cancelled) && !undoing {
        return cancelled(before, bounds);
    }
    let pause = pause(before.tries);
    let began = if undoing { before.undo_started_at.unwrap_or(bounds.now) } else { bounds.started_at };
    let late = reason == Some(Reason::Deadline) || plus(bounds.now, pause) > plus(began, bounds.deadline);
    if passing && !late {
        let retry_at = Some(plus(bounds.now, pause));
        let after = waiting(before, retry_at, before.tries + 1);
        return if undoing {
            Situation { undo_error: Some(error.to_string()), ..after }
        } else {
            Situation { error: Some(fault(error)), ..after }
        };
    }
    if undoing {
        let (undo_error, finished_at) = (Some(error.to_string()), Some(bounds.now));
        return Situation { state: State::Stuck, undo_error, finished_at, retry_at: None, ..before.clone() };
    }
    undo(before, Some(fault(error)), bounds)
}

/// A run that was asked to end begins to be undone.
pub fn cancelled(before: &Situation, bounds: &Bounds) -> Situation {
    undo(before, None, bounds)
}

/// A run that cannot go on nor back: the program no longer knows its steps.
pub fn stuck(before: &Situation, error: &Error, now: Timestamp) -> Situation {
    let (undo_error, finished_at) = (Some(error.to_string()), Some(now));
    Situation { state: State::Stuck, undo_error, finished_at, retry_at: None, ..before.clone() }
}

/// The step at `position` may have begun: it is undone as well.
fn undo(before: &Situation, error: Option<Fault>, bounds: &Bounds) -> Situation {
    let position = (before.position + 1).min(bounds.steps);
    let state = State::Undoing;
    let undo_started_at = Some(bounds.now);
    Situation { state, error, undo_started_at, undo_error: None, ..next_step(before, position, bounds.now) }
}

fn next_step(before: &Situation, position: u32, now: Timestamp) -> Situation {
    Situation { position, tries: 0, retry_at: None, step_started_at: Some(now), ..before.clone() }
}

fn waiting(before: &Situation, retry_at: Option<Timestamp>, tries: u32) -> Situation {
    let state = if before.state == State::Undoing { State::Undoing } else { State::Waiting };
    Situation { state, retry_at, tries, ..before.clone() }
}

fn pause(tries: u32) -> Duration {
    PAUSE_FIRST.saturating_mul(1 << tries.min(16)).min(PAUSE_MAX)
}

/// A moment moved by a length of time.
pub fn plus(moment: Timestamp, length: Duration) -> Timestamp {
    moment.plus_micros(i64::try_from(length.as_micros()).unwrap_or(i64::MAX))
}

fn fault(error: &Error) -> Fault {
    Fault { kind: error.kind().word().to_string(), message: error.message(), hint: error.advice().map(str::to_string) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DEADLINE: Duration = Duration::from_secs(600);

    fn bounds(now_s: i64) -> Bounds {
        let at = |seconds: i64| Timestamp::from_micros(seconds * 1_000_000);
        Bounds { now: at(now_s), started_at: at(0), deadline: DEADLINE, steps: 3 }
    }

    fn at(state: State, position: u32, tries: u32) -> Situation {
        Situation {
            state,
            position,
            tries,
            retry_at: None,
            error: None,
            undo_error: None,
            step_started_at: None,
            undo_started_at: Some(Timestamp::from_micros(0)),
            finished_at: None,
        }
    }

    #[test]
    fn what_becomes_of_a_run_whose_step_failed_depends_on_the_error_and_on_who_stopped_it() {
        let transient = || Error::transient("x");
        let (run, undo) = (State::Running, State::Undoing);
        let rows = [
            (run, transient(), None, 10, (State::Waiting, 1, 3)),
            (run, Error::busy("x"), None, 10, (State::Waiting, 1, 3)),
            (run, transient(), None, 599, (undo, 2, 0)),
            (run, Error::invalid("x"), None, 10, (undo, 2, 0)),
            (run, Error::corrupt("x"), None, 10, (undo, 2, 0)),
            (run, transient(), Some(Reason::Shutdown), 10, (State::Waiting, 1, 2)),
            (run, Error::invalid("x"), Some(Reason::Shutdown), 10, (State::Waiting, 1, 2)),
            (run, Error::bug("x"), Some(Reason::Lost), 10, (State::Waiting, 1, 2)),
            (undo, Error::bug("x"), Some(Reason::Shutdown), 10, (undo, 1, 2)),
            (run, transient(), Some(Reason::Cancelled), 10, (undo, 2, 0)),
            (run, transient(), Some(Reason::Deadline), 10, (undo, 2, 0)),
            (undo, transient(), None, 10, (undo, 1, 3)),
            (undo, transient(), Some(Reason::Shutdown), 10, (undo, 1, 2)),
            (undo, transient(), None, 599, (State::Stuck, 1, 2)),
            (undo, Error::invalid("x"), None, 10, (State::Stuck, 1, 2)),
            (undo, Error::bug("x"), None, 10, (State::Stuck, 1, 2)),
        ];
        for (state, error, reason, now_s, expect) in rows {
            let after = failed(&at(state, 1, 2), &error, reason, &bounds(now_s));
            let found = (after.state, after.position, after.tries);
            assert_eq!(found, expect, "{state:?} {error:?} {reason:?} {now_s}");
            assert_eq!(after.finished_at.is_some(), after.state.is_final());
        }
    }

    #[test]
    fn a_run_ends_as_done_failed_or_cancelled() {
        assert_eq!(acted(&at(State::Running, 1, 9), &bounds(1)).state, State::Running);
        assert_eq!(acted(&at(State::Running, 2, 9), &bounds(1)).state, State::Done);
        assert_eq!(undone(&at(State::Undoing, 2, 9), &bounds(1)).state, State::Undoing);
        assert_eq!(undone(&at(State::Undoing, 1, 9), &bounds(1)).state, State::Cancelled);
        let error = Some(fault(&Error::invalid("x").hint("y")));
        let after = undone(&Situation { error: error.clone(), ..at(State::Undoing, 1, 9) }, &bounds(1));
        assert_eq!((after.state, after.error), (State::Failed, error));
        let after = cancelled(&at(State::Running, 2, 9), &bounds(1));
        assert_eq!((after.state, after.position, after.error), (State::Undoing, 3, None));
    }

    #[test]
    fn pauses_double_up_to_a_minute() {
        let seconds: Vec<u64> = [0, 1, 5, 6, 40].map(|tries| pause(tries).as_secs()).to_vec();
        assert_eq!(seconds, [1, 2, 32, 60, 60]);
    }
}
