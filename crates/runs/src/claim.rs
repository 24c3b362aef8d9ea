//! A claimed run: what is to be done next, doing it, and recording it under the fence.
//!
//! If we die before the record, the step's body runs again under a higher epoch; after it, never. Between the two there is
//! nothing: fence, journal, the next situation and the step's effects are one transaction.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use farshore_store::Tx;
use farshore_store::runs::{self, Direction, Fence, Holding, Journaled, Run, Situation, State};
use farshore_types::{Error, ErrorKind, Result};

use crate::core::Core;
use crate::kind::{Body, Done, Effects, JSON_BYTES_MAX, Kind, Step, StepContext};
use crate::live::Live;
use crate::outcome::{self, Bounds, Next, Outcome};

/// Finished runs that are remembered of each subject.
pub const FINISHED_MAX: u32 = 50;

/// A run in the hands of a worker, as it was when it was last read.
pub struct Claim {
    pub(crate) run: Run,
    pub(crate) journal: Vec<Journaled>,
    pub(crate) live: Arc<Live>,
}

impl Claim {
    /// The run's id.
    pub fn run(&self) -> &str {
        &self.run.id
    }

    /// Who may change the run.
    pub fn fence(&self) -> &Fence {
        &self.live.fence
    }

    /// The epoch in which it is held.
    pub fn epoch(&self) -> u64 {
        self.live.fence.epoch
    }
}

/// What a claimed run needs next.
enum Task<'a, C> {
    /// A body that is carried out.
    Body(&'a Step<C>, Body<C>),
    /// A step that has nothing to undo.
    NothingToUndo,
    /// It was asked to end.
    Cancel,
    /// A kind without steps.
    Finish,
    /// It was begun by a program that had other steps.
    Stuck(Error),
}

impl<C: Send + Sync> Core<C> {
    /// Carries out what comes next. Takes as long as it takes; nothing is recorded.
    pub fn perform(&self, claim: &Claim) -> Outcome {
        let kind = self.kind(&claim.run.kind);
        let result = kind.and_then(|kind| match task(kind, claim) {
            Task::Body(step, body) => self.call(claim, step, body),
            Task::NothingToUndo | Task::Cancel | Task::Finish => Ok(Done::nothing()),
            Task::Stuck(error) => Err(error),
        });
        Outcome { result, reason: claim.live.reason() }
    }

    fn call(&self, claim: &Claim, step: &Step<C>, body: Body<C>) -> Result<Done> {
        let undoing = claim.run.situation.state == State::Undoing;
        let progress = claim.live.begin(undoing, self.clock.monotonic());
        let acts = claim.journal.iter().filter(|step| step.direction == Direction::Act);
        let context = StepContext {
            run: claim.run.id.clone(),
            epoch: claim.epoch(),
            step: step.name,
            project: claim.run.project.clone(),
            subject: claim.run.subject.clone(),
            input: claim.run.input.clone(),
            outputs: acts.map(|step| (step.name.clone(), step.output.clone())).collect(),
            progress,
            context: self.context.clone(),
        };
        // A body that panics must not take the worker with it: its run would be tried by one worker after the other.
        let done = catch_unwind(AssertUnwindSafe(|| body(&context)))
            .unwrap_or_else(|_| Err(Error::bug(format!("step {} panicked", step.name))))?;
        let size = done.output.to_string().len();
        match size > JSON_BYTES_MAX {
            true => Err(Error::bug(format!("step {} returned {size} bytes, more than {JSON_BYTES_MAX}", step.name))),
            false => Ok(done),
        }
    }

    /// Records what came of it, if the claim still holds. An error: it is unknown what the store has; the claim is let go, and
    /// whoever takes the run next finds out.
    pub fn record(&self, claim: Claim, outcome: Outcome) -> Result<Next<Claim>> {
        let kind = self.kind(&claim.run.kind)?;
        let bounds = self.bounds(&claim, kind);
        let before = claim.run.situation.clone();
        match (outcome.result, task(kind, &claim)) {
            (_, Task::Stuck(error)) => self.move_on(claim, &outcome::stuck(&before, &error, bounds.now)),
            (Ok(_), Task::Cancel) => self.move_on(claim, &outcome::cancelled(&before, &bounds)),
            (Ok(_), Task::Finish) => {
                let after = if before.state == State::Undoing {
                    outcome::undone(&before, &bounds)
                } else {
                    outcome::acted(&before, &bounds)
                };
                self.move_on(claim, &after)
            }
            (Ok(done), _) => match self.write_done(&claim, kind, done, &bounds) {
                Ok(moved) => Ok(self.next(claim, moved)),
                Err(error) => self.not_written(claim, &error, &bounds),
            },
            (Err(error), _) => {
                let after = outcome::failed(&before, &error, outcome.reason, &bounds);
                self.move_on(claim, &after)
            }
        }
    }

    /// The record failed. Was it the connection, it may have been written nevertheless: the store is asked.
    fn not_written(&self, claim: Claim, error: &Error, bounds: &Bounds) -> Result<Next<Claim>> {
        let current = self.store.read(|tx| runs::get(tx, &claim.run.id))?;
        let Some(current) = current else { return Ok(Next::Lost) };
        let before = &claim.run.situation;
        let same = (current.situation.state, current.situation.position) == (before.state, before.position);
        if current.epoch == claim.epoch() && !same {
            return if current.owner.is_some() { self.read_again(claim) } else { Ok(Next::Released) };
        }
        let after = outcome::failed(before, error, claim.live.reason(), bounds);
        self.move_on(claim, &after)
    }

    fn read_again(&self, mut claim: Claim) -> Result<Next<Claim>> {
        let read = self.store.read(|tx| Ok((runs::get(tx, &claim.run.id)?, runs::steps(tx, &claim.run.id)?)))?;
        let (Some(run), journal) = read else { return Ok(Next::Lost) };
        claim.run = run;
        claim.journal = journal;
        Ok(Next::Again(claim))
    }

    fn write_done(&self, claim: &Claim, kind: &Kind<C>, done: Done, bounds: &Bounds) -> Result<Moved> {
        let before = &claim.run.situation;
        let undoing = before.state == State::Undoing;
        let (at, after) = match undoing {
            true => (before.position.saturating_sub(1), outcome::undone(before, bounds)),
            false => (before.position, outcome::acted(before, bounds)),
        };
        let journaled = Journaled {
            direction: if undoing { Direction::Undo } else { Direction::Act },
            position: at,
            name: step_at(kind, at).map_or("", |step| step.name).to_string(),
            output: done.output,
            epoch: claim.epoch(),
            started_at: before.step_started_at,
            finished_at: bounds.now,
        };
        self.write(claim, &after, Some((journaled, done.effects)))
    }

    fn move_on(&self, claim: Claim, after: &Situation) -> Result<Next<Claim>> {
        let moved = self.write(&claim, after, None)?;
        Ok(self.next(claim, moved))
    }

    /// The transaction of a finished step.
    fn write(&self, claim: &Claim, after: &Situation, step: Option<(Journaled, Option<Effects>)>) -> Result<Moved> {
        let before = &claim.run.situation;
        let waits = after.state == State::Waiting || (after.state, after.position) == (before.state, before.position);
        let holding = if waits { Holding::Released } else { Holding::Kept };
        let mut fenced = false;
        let written = self.store.write(|tx| {
            if !runs::save(tx, &claim.live.fence, before, after, holding)? {
                fenced = true;
                return Err(Error::conflict(format!("run {} has another owner", claim.run.id)));
            }
            if let Some((step, effects)) = step {
                runs::journal(tx, &claim.run.id, &step)?;
                effects.map_or(Ok(()), |effects| effects(tx))?;
            }
            self.after(tx, claim, after, holding)
        });
        if fenced { Ok(Moved::Lost) } else { written }
    }

    fn after(&self, tx: &mut Tx<'_>, claim: &Claim, after: &Situation, holding: Holding) -> Result<Moved> {
        if after.state.is_final() {
            if let Some(ended) = self.kind(&claim.run.kind)?.ended {
                ended(&self.context, tx, &Run { situation: after.clone(), ..claim.run.clone() })?;
            }
            runs::forget(tx, &claim.run.subject, FINISHED_MAX)?;
            return Ok(Moved::Ended(Box::new(after.clone())));
        }
        if holding == Holding::Released {
            return Ok(Moved::Waits);
        }
        let run = runs::get(tx, &claim.run.id)?;
        let run = run.ok_or_else(|| Error::bug(format!("run {} is gone", claim.run.id)))?;
        Ok(Moved::On(Box::new(run), runs::steps(tx, &claim.run.id)?))
    }

    fn next(&self, mut claim: Claim, moved: Moved) -> Next<Claim> {
        match moved {
            Moved::On(run, journal) => {
                claim.run = *run;
                claim.journal = journal;
                Next::Again(claim)
            }
            Moved::Ended(situation) => {
                tell(&claim.run, &situation);
                Next::Released
            }
            Moved::Waits => Next::Released,
            Moved::Lost => Next::Lost,
        }
    }

    fn bounds(&self, claim: &Claim, kind: &Kind<C>) -> Bounds {
        let now = self.clock.now();
        let steps = u32::try_from(kind.steps.len()).unwrap_or(u32::MAX);
        Bounds { now, started_at: claim.run.started_at.unwrap_or(now), deadline: kind.deadline, steps }
    }
}

/// Where a run went.
enum Moved {
    On(Box<Run>, Vec<Journaled>),
    Ended(Box<Situation>),
    Waits,
    Lost,
}

fn task<'a, C>(kind: &'a Kind<C>, claim: &Claim) -> Task<'a, C> {
    let situation = &claim.run.situation;
    for done in claim.journal.iter().filter(|step| step.direction == Direction::Act) {
        if step_at(kind, done.position).is_none_or(|step| step.name != done.name) {
            let what = format!("step {} of run {} is not known to this program", done.name, claim.run.id);
            return Task::Stuck(Error::new(ErrorKind::Conflict, what).hint("start the farshore that began the run"));
        }
    }
    if situation.state == State::Undoing {
        return match situation.position.checked_sub(1).and_then(|at| step_at(kind, at)) {
            Some(step) => step.undo.map_or(Task::NothingToUndo, |undo| Task::Body(step, undo)),
            None => Task::Finish,
        };
    }
    if claim.run.cancel {
        return Task::Cancel;
    }
    step_at(kind, situation.position).map_or(Task::Finish, |step| Task::Body(step, step.act))
}

fn step_at<C>(kind: &Kind<C>, position: u32) -> Option<&Step<C>> {
    kind.steps.get(usize::try_from(position).ok()?)
}

/// A run that ended badly is for people to see.
fn tell(run: &Run, situation: &Situation) {
    let (kind, subject, id) = (&run.kind, &run.subject, &run.id);
    let error = situation.error.as_ref().map_or("", |error| error.message.as_str());
    match situation.state {
        State::Stuck => {
            let undo_error = situation.undo_error.as_deref().unwrap_or_default();
            tracing::error!("run {id} ({kind} of {subject}) is stuck: {undo_error}; it was undone because of: {error}");
        }
        State::Failed => tracing::warn!("run {id} ({kind} of {subject}) failed and was undone: {error}"),
        _ => tracing::info!("run {id} ({kind} of {subject}) is {}", situation.state.word()),
    }
}
