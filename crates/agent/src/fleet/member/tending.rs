//! Tending a node: a crashed server is started again, the archiver runs, the disk is looked at.
//!
//! Whoever works on the node goes first, and a verb that changes it starts its server at once.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use farshore_types::{Error, ErrorKind, Result};

use super::{Member, START_PATIENCE, State};
use crate::postgres::Status;

impl Member {
    /// See [`super::Fleet::tend`].
    pub fn tend_apart(self: &Arc<Self>) {
        if self.tended.swap(true, Ordering::SeqCst) {
            return;
        }
        let member = self.clone();
        let spawned = std::thread::Builder::new().name("tend".to_string()).spawn(move || {
            member.tend();
            member.tended.store(false, Ordering::SeqCst);
        });
        if spawned.is_err() {
            // The next call tries again.
            self.tended.store(false, Ordering::SeqCst);
        }
    }

    /// A node on which a verb works is left alone.
    fn tend(&self) {
        let Ok(mut state) = self.state.try_lock() else { return };
        if self.cut.load(Ordering::SeqCst) {
            return;
        }
        let outcome = self.tend_state(&mut state);
        // Users know nothing of objects; the log says which one it was about.
        let trouble = outcome.as_ref().err().map(Error::brief);
        if let Err(error) = outcome
            && state.trouble != trouble
        {
            tracing::warn!(service = %self.service, "{error}");
            self.tell(error.brief());
        }
        state.trouble = trouble;
        self.show(&mut state);
    }

    fn tend_state(&self, state: &mut State) -> Result<()> {
        let Some(node) = state.node.as_mut() else { return Ok(()) };
        if !node.layout().has_data() {
            return Err(Error::missing(format!("the data of service {} is gone", self.service)));
        }
        match node.status()? {
            Status::Crashed => {
                let now = self.ground.host.clock.monotonic();
                if !state.restarts.is_due(now) {
                    let said = "the server has crashed soon after its start and is given a pause";
                    return Err(Error::transient(state.trouble.clone().unwrap_or_else(|| said.to_string())));
                }
                state.restarts.note(now);
                tracing::warn!(service = %self.service, "the server has crashed and is started again");
                self.tell("the server has crashed and is started again");
                node.start_or_return(START_PATIENCE)?;
            }
            Status::Stopped => return Ok(()),
            Status::Busy => return Ok(()),
            Status::Ready { .. } => state.restarts.note_answer(self.ground.host.clock.monotonic()),
        }
        self.archive(state)?;
        self.measure(state)
    }

    fn measure(&self, state: &mut State) -> Result<()> {
        let State { order, node, measured, .. } = state;
        let node = node.as_mut().ok_or_else(|| self.absent())?;
        match measured.look(order, node, &self.ground.host.clock) {
            Ok(told) => told.into_iter().for_each(|told| self.tell(told)),
            // The server went away while it was asked: the next look says what became of it.
            Err(error) if error.kind() == ErrorKind::Transient && !matches!(node.status()?, Status::Ready { .. }) => {}
            Err(error) => return Err(error),
        }
        Ok(())
    }
}
