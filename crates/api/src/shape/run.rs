//! Runs, and how far they are.

use farshore_control::{kinds, rows};

use crate::wire::common::Time;
use crate::wire::run::{Run, RunProgress};
use crate::wire::service::progress::ProgressUpdate;

/// The unit of all that is counted.
const UNIT: &str = "bytes_uncompressed";
/// The phases of a restore, in their order.
const PHASES: [&str; 4] = ["prepare", "basebackup", "stream", "finalize"];

/// A run on a service.
pub(crate) fn run(run: &rows::Run, service_name: &str) -> Run {
    let names = step_names(&run.kind);
    let (situation, bytes) = (&run.situation, run.bytes);
    let undoes = matches!(situation.state, rows::RunState::Undoing | rows::RunState::Stuck);
    let position = usize::try_from(situation.position).unwrap_or(usize::MAX);
    let at = if undoes { position.saturating_sub(1) } else { position };
    let step = names.get(at).filter(|_| run.started_at.is_some()).copied().unwrap_or_default();
    let fault = situation.error.as_ref().map(|fault| match &fault.hint {
        Some(hint) => format!("{} ({hint})", fault.message),
        None => fault.message.clone(),
    });
    let left = bytes.expected.checked_sub(bytes.done).filter(|_| bytes.expected > 0);
    Run {
        id: run.id.clone(),
        kind: run.kind.clone(),
        service_name: service_name.to_string(),
        state: situation.state.word().to_string(),
        create_time: Time(run.created_at),
        end_time: situation.finished_at.map(Time),
        step: step.to_string(),
        steps_done: u32::try_from(position.min(names.len())).unwrap_or(u32::MAX),
        steps: u32::try_from(names.len()).unwrap_or(u32::MAX),
        progress: RunProgress {
            bytes_done: bytes.done,
            bytes_expected: (bytes.expected > 0).then_some(bytes.expected),
            bytes_per_second: bytes.rate_s,
            seconds_left: left.and_then(|left| left.checked_div(bytes.rate_s)),
        },
        error: situation.undo_error.clone().or(fault),
    }
}

/// The steps of a kind, by name; none for one that this program does not know any more.
fn step_names(kind: &str) -> Vec<&'static str> {
    let found = kinds::kinds().into_iter().find(|one| one.name == kind);
    found.map(|kind| kind.steps.iter().map(|step| step.name).collect()).unwrap_or_default()
}

/// How far a restore is, phase by phase: those behind it are completed, the present one counts, the others have not begun. Empty for
/// other runs.
pub(crate) fn restore_phases(run: &rows::Run) -> Vec<ProgressUpdate> {
    // What a run does before it makes the node is none of these phases.
    let before = step_names(&run.kind).iter().position(|step| *step == "clear");
    let at = usize::try_from(run.situation.position).unwrap_or(usize::MAX);
    let Some(position) = before.and_then(|before| at.checked_sub(before)) else {
        return Vec::new();
    };
    let bytes = run.bytes;
    let files_are_there = bytes.expected > 0 && bytes.done >= bytes.expected;
    let present = match (position, files_are_there) {
        (0, _) => 0,
        (1, false) => 1,
        (1, true) => 2,
        _ => 3,
    };
    let phase = |(at, name): (usize, &str)| {
        let completed = at < present;
        let counts = at == 1 && bytes.expected > 0 && present >= 1;
        let max = if counts { bytes.expected } else { 1 };
        let current = if counts { bytes.done.min(max) } else { u64::from(completed) };
        let current = if completed { max } else { current };
        ProgressUpdate { phase: name.to_string(), min: 0, max, current, unit: UNIT.to_string(), completed }
    };
    PHASES.into_iter().enumerate().map(phase).collect()
}

/// How far a backup is.
pub(crate) fn backup_progress(run: &rows::Run) -> ProgressUpdate {
    let max = run.bytes.expected.max(1);
    let current = run.bytes.done.min(max);
    let completed = run.situation.state.is_final();
    ProgressUpdate { phase: "basebackup".to_string(), min: 0, max, current, unit: UNIT.to_string(), completed }
}
