//! Processes. Nothing else in Farshore starts one.
//!
//! [`run`] runs a [`farshore_types::Program`] to its end, with bounded output and a deadline. [`Running`] is a server that
//! outlives us; [`ProcessId`] names it so that a reused process id is never mistaken for it.
//!
//! If the agent dies: programs under way go on to their end by themselves (their effects may be half done, so their
//! callers let them work beside the final place); servers go on and are adopted later.

mod identity;
mod launch;
mod output;
mod run;
mod running;

pub use identity::{ProcessId, working_in};
pub use run::{Outcome, run};
pub use running::Running;
