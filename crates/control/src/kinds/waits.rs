//! A run that is tried again and again, and gets no further.

use farshore_store::runs::Run;
use farshore_types::Timestamp;

use super::ended::words;

/// A step that has not got further for so long is told, in microseconds.
const WAITS_LONG_US: i64 = 10 * 60 * 1_000_000;
/// After so many failed tries: a step that took long and failed once is none.
const TRIES_MIN: u32 = 3;

/// What to say of a run that has failed so often, and for so long, that somebody should know; `None` of every other.
pub fn waits(run: &Run, service: &str, now: Timestamp) -> Option<String> {
    let situation = &run.situation;
    if situation.state.is_final() || situation.tries < TRIES_MIN {
        return None;
    }
    let since =
        situation.step_started_at.filter(|since| now.micros() >= since.micros().saturating_add(WAITS_LONG_US))?;
    // A run that is taken back keeps the error for which it is.
    let why = situation.undo_error.as_ref().or(situation.error.as_ref().map(|fault| &fault.message))?;
    Some(format!("{} service {service} has got no further since {since}, and is tried again: {why}", words(&run.kind)))
}

#[cfg(test)]
mod tests {
    use farshore_store::runs::{Bytes, Fault, Situation, State};
    use serde_json::Value;

    use super::*;

    const MINUTE_US: i64 = 60_000_000;

    fn run(state: State, tries: u32, (error, undo_error): (Option<&str>, Option<&str>)) -> Run {
        let fault = |message: &str| Fault { kind: "transient".to_string(), message: message.to_string(), hint: None };
        let at = Some(Timestamp::from_micros(MINUTE_US));
        let situation = Situation {
            state,
            position: 0,
            tries,
            retry_at: None,
            error: error.map(fault),
            undo_error: undo_error.map(str::to_string),
            step_started_at: at,
            undo_started_at: at,
            finished_at: None,
        };
        let word = |text: &str| text.to_string();
        let (id, kind, project, subject) = (word("r"), word(super::super::POWER_OFF), word("p"), word("s"));
        let (sequence, epoch, beat, bytes) = (1, 1, 1, Bytes::default());
        let (input, created_at) = (Value::Null, Timestamp::default());
        let (cancel, owner, started_at) = (false, None, at);
        Run {
            id,
            sequence,
            kind,
            project,
            subject,
            input,
            cancel,
            owner,
            epoch,
            beat,
            situation,
            bytes,
            created_at,
            started_at,
        }
    }

    #[test]
    fn a_run_that_gets_no_further_is_told_after_ten_minutes_and_some_tries() {
        let both = (Some("no room"), Some("no door"));
        for (state, tries, errors, minutes, expect) in [
            (State::Waiting, 3, (Some("no room"), None), 10, Some("no room")),
            // A worker has just taken it up again.
            (State::Running, 3, (Some("no room"), None), 10, Some("no room")),
            (State::Waiting, 2, (Some("no room"), None), 10, None),
            (State::Waiting, 3, (Some("no room"), None), 9, None),
            (State::Waiting, 0, (None, None), 100, None),
            (State::Undoing, 3, both, 10, Some("no door")),
            (State::Failed, 3, both, 10, None),
            (State::Stuck, 3, both, 10, None),
        ] {
            let now = Timestamp::from_micros((1 + minutes) * MINUTE_US);
            let text = waits(&run(state, tries, errors), "pg-1", now);
            assert_eq!(text.is_some(), expect.is_some(), "{state:?} {tries} {minutes}");
            if let Some((text, why)) = text.zip(expect) {
                assert!(
                    text.starts_with("Powering off service pg-1 has got no further since ") && text.ends_with(why),
                    "{text}"
                );
            }
        }
    }
}
