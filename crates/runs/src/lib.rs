//! Jobs of several steps that go on after a crash.
//!
//! What lives here: [`Runs`], which carries out [`Kind`]s of runs step by step and writes each finished step into the store.
//! What it promises: **what a step returns and its effects in the store are recorded exactly once; its body may run more than
//! once**, also at the same time on a worker that was paused and does not know yet that it was replaced. Bodies therefore may
//! be repeated at any time, and give (run, step, epoch) to whomever they ask to act, who refuses lower epochs. Once a step has
//! begun, the ones before it never run again. A run that fails is undone in reverse, beginning with the step that failed; one
//! whose undo fails is stuck, and says so; a human may send it on. Runs on one subject come one after the other, in the order in which they were asked
//! for. What it refuses to know: what a step does.
//!
//! How: whoever takes a run raises its epoch; finishing a step is one transaction that checks run, owner, epoch and step,
//! writes the journal, moves on, and carries out the step's effects. A worker that died is one whose beat stood still for a
//! whole lease on the clock of the one who watches: no two clocks are compared, and one that jumps changes nothing.

mod claim;
mod core;
mod engine;
mod find;
mod heart;
mod kind;
mod live;
mod outcome;
mod retry;
mod signal;
mod view;

pub use crate::core::{Core, Identity, Sharing};
pub use claim::Claim;
pub use engine::{NewRun, Runs, Settings, enqueue};
pub use farshore_store::runs::State;
pub use kind::{Body, Done, Effects, Ended, Kind, Step, StepContext};
pub use outcome::{Next, Outcome};
pub use retry::retry;
pub use signal::Signal;
pub use view::{RunView, StepState, StepView};
