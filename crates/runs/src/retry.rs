//! Sending on a run that is stuck: once a human has removed what stood in its way, its undo is tried again from where it stopped.
//!
//! Only the newest run of a subject can go back: what a later one has done since must not be undone in its place. One transaction;
//! a crash leaves the run stuck, or waiting for a worker.

use farshore_store::Tx;
use farshore_store::runs::{self, State};
use farshore_types::{Error, Result};

use crate::signal::Signal;

/// Lets a stuck run go on, in the caller's transaction. `Conflict` if it is not stuck, or a later run has worked on its subject.
pub fn retry(tx: &mut Tx<'_>, id: &str, signal: &Signal) -> Result<()> {
    let run = runs::get(tx, id)?.ok_or_else(|| Error::missing(format!("run {id} does not exist")))?;
    let state = run.situation.state;
    if state != State::Stuck {
        let what = format!("run {id} is {}, and only a stuck one can be sent on", state.word());
        return Err(Error::conflict(what).hint("ask for what you want anew"));
    }
    if !runs::reopen(tx, id)? {
        let what = format!("run {id} is stuck, and a later one has been asked for since on the same service");
        return Err(Error::conflict(what).hint("what it left is the later one's now: ask for what you want anew"));
    }
    let signal = signal.clone();
    tx.on_commit(move || signal.give());
    Ok(())
}
