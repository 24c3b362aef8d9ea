//! A run that ended badly is an event of its project: whoever relies on backups must not have to look for their failure.

use farshore_store::runs::{Run, State};
use farshore_store::{Tx, services};
use farshore_types::{Result, ServiceId};

use super::names::{BACK_UP, CONFIGURE, CREATE, MOVE, POWER_OFF, RESTORE, TERMINATE};
use crate::{Control, events};

/// Says that a run failed or is stuck. One that was cancelled ended as somebody wanted.
pub fn tell(control: &Control, tx: &mut Tx<'_>, run: &Run) -> Result<()> {
    let end = run.situation.state;
    if !matches!(end, State::Failed | State::Stuck) {
        return Ok(());
    }
    // Nothing here may keep a run from ending.
    let Ok(id) = run.subject.parse::<ServiceId>() else { return Ok(()) };
    let Some(service) = services::get(tx, &id)? else { return Ok(()) };
    let why = match (end, &run.situation.error, &run.situation.undo_error) {
        (State::Stuck, _, Some(why)) => why.clone(),
        (_, Some(error), _) => error.message.clone(),
        _ => "for no known reason".to_string(),
    };
    let ends = if end == State::Stuck { "is stuck" } else { "failed" };
    let text = format!("{} service {} {ends}: {why}", words(&run.kind), service.name);
    let event = format!("service_{}_{}", run.kind, end.word());
    events::record(tx, control, &service.project_id, "farshore", &event, Some(&service.name), &text)
}

/// What a kind of run is called at the beginning of a sentence, before "service".
pub(super) fn words(kind: &str) -> &'static str {
    match kind {
        CREATE => "Making",
        RESTORE => "The restore of",
        BACK_UP => "The backup of",
        POWER_OFF => "Powering off",
        CONFIGURE => "A change of",
        MOVE => "Moving",
        TERMINATE => "Terminating",
        _ => "A run of",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::notifications::ROWS;

    #[test]
    fn every_kind_has_words_and_its_bad_ends_are_sent() {
        for kind in super::super::kinds() {
            assert_ne!(words(kind.name), "A run of", "{}", kind.name);
            for end in [State::Failed, State::Stuck] {
                let event = format!("service_{}_{}", kind.name, end.word());
                assert!(ROWS.iter().any(|row| row.event == event), "{event}");
            }
        }
    }
}
