//! How a node ends: stopped with its log shipped to the very end, or removed with all its data.
//!
//! A server ends only when its last record is confirmed, and it is confirmed only when it is durable in the store: so long as somebody
//! receives its log. If we die (or lose the store) while it stops, it goes down all the same and the end of its log stays in its files.
//! Whoever stops it again asks the store how far the log got, not a memory of who did what: a server that is down with an unshipped end
//! is started once more.

use std::sync::atomic::Ordering;
use std::time::Duration;

use farshore_engines::postgresql::control::{State as Ended, read_stable};
use farshore_engines::postgresql::wire::Connection;
use farshore_types::error::ErrorContext;
use farshore_types::{Error, ErrorKind, Generation, Result, Timeline, Timestamp};
use farshore_vault::journal::{WAL, chains};

use super::{Member, START_PATIENCE, STOP_PATIENCE, State};
use crate::copies::Known;
use crate::fleet::accounts;
use crate::host::Host;
use crate::postgres::{self, Layout, Node, Status};
use crate::tasks::archiving::{self, Archiving};

/// How long the last of the log may take to become durable once the server is down.
const DRAIN_PATIENCE: Duration = Duration::from_secs(30);
/// How long an archiver may take to reach what the server has; it may just have begun.
const CATCH_UP_PATIENCE: Duration = Duration::from_secs(60);

/// How long it may take before a restart.
const RESTART_PATIENCE: Duration = Duration::from_secs(5);
/// Ends whoever receives the log through a slot.
const END_STREAMS: &str = "SELECT pg_catalog.pg_terminate_backend(active_pid) FROM pg_catalog.pg_replication_slots \
                           WHERE active_pid IS NOT NULL";

/// A volume can lose its data under a living agent.
fn has_data(node: &Node) -> bool {
    node.layout().has_data()
}

impl Member {
    /// See [`crate::fleet::Fleet::stop`].
    pub fn stop(&self, generation: Generation) -> Result<()> {
        let mut state = self.take(generation)?;
        if state.node.is_none() {
            return Ok(());
        }
        if state.node.as_ref().is_some_and(|node| !has_data(node)) {
            self.tell("the data is gone: there is nothing left to be shipped");
        } else if !self.is_shipped(&mut state)? {
            self.receive(&mut state)?;
            let node = state.node.as_mut().ok_or_else(|| self.absent())?;
            node.stop(STOP_PATIENCE)?;
            let node = state.node.as_ref().ok_or_else(|| self.absent())?;
            self.drain(node, state.archiving.as_ref())?;
        }
        if let Some(archiving) = state.archiving.take() {
            archiving.end()?;
        }
        self.tell("the server is stopped, its log is archived as far as there is one");
        self.show(&mut state);
        Ok(())
    }

    /// Whether the server is down as it should be, with everything that it has written in the store.
    fn is_shipped(&self, state: &mut State) -> Result<bool> {
        let node = state.node.as_mut().ok_or_else(|| self.absent())?;
        if node.status()? != Status::Stopped {
            return Ok(false);
        }
        let (control, _) = read_stable(&node.layout().data(), &*self.ground.host.clock)?;
        if control.state != Ended::ShutDown {
            return Ok(false);
        }
        let repository = self.vault(state)?.repository;
        let stream = chains::newest_stream(&repository, WAL)?;
        let journal = chains::list(&repository, &stream)?;
        // The last record of a server that was stopped is its checkpoint.
        let chain = journal.covering(control.timeline, control.checkpoint);
        Ok(chain.is_some_and(|chain| chain.to > control.checkpoint))
    }

    /// Makes sure that the server runs and that what it writes is received. One whose log cannot be shipped now is not stopped.
    fn receive(&self, state: &mut State) -> Result<()> {
        let node = state.node.as_mut().ok_or_else(|| self.absent())?;
        if !matches!(node.status()?, Status::Ready { .. }) {
            self.tell("the server is started once more: the end of its log may not be shipped");
            node.start(START_PATIENCE)?;
        }
        self.archive(state)?;
        let Some(archiving) = &state.archiving else { return Ok(()) };
        match archiving::catch_up(archiving.horizon(), self.ground.host.clock.now(), CATCH_UP_PATIENCE) {
            true => Ok(()),
            false => Err(Error::transient(format!("the log of service {} cannot be shipped now", self.service))
                .hint("the server runs on; it is stopped once its log is in the store")),
        }
    }

    /// Before a server is stopped that starts again at once: whoever receives its log must not hold it up. What is not in the store stays in
    /// its slot.
    pub(super) fn let_go(&self, state: &mut State) -> Result<()> {
        let Some(archiving) = &state.archiving else { return Ok(()) };
        let now = self.ground.host.clock.now();
        if archiving.is_alive() && archiving::catch_up(archiving.horizon(), now, RESTART_PATIENCE) {
            return Ok(());
        }
        self.tell("the log is not shipped now: it is archived further once the server has started again");
        drop(state.archiving.take());
        let node = state.node.as_mut().ok_or_else(|| self.absent())?;
        if let Status::Ready { .. } = node.status()? {
            let mut session = Connection::connect(&node.settings()?, self.ground.host.clock.clone())?;
            session.query(END_STREAMS).map(drop).doing("end", "the streams of the log")?;
        }
        Ok(())
    }

    fn drain(&self, node: &Node, archiving: Option<&Archiving>) -> Result<()> {
        let Some(archiving) = archiving else { return Ok(()) };
        let (control, _) = read_stable(&node.layout().data(), &*self.ground.host.clock)?;
        let durable = archiving.horizon().wait(DRAIN_PATIENCE, |durable| {
            (durable.timeline, durable.position) > (control.timeline.0, control.checkpoint)
        });
        if (durable.timeline, durable.position) > (control.timeline.0, control.checkpoint) {
            return Ok(());
        }
        let trouble = durable.trouble.map(|trouble| format!(": {trouble}")).unwrap_or_default();
        let what = format!(
            "the log of service {} is shipped up to {}, not yet to its end{trouble}",
            self.service, durable.position
        );
        Err(Error::transient(what).hint("the server is down, its data is kept"))
    }

    /// See [`crate::fleet::Fleet::remove`].
    pub fn remove(&self, generation: Generation) -> Result<()> {
        self.take_away(generation, &|| accounts::forget(&self.ground.host, &self.service))
    }

    /// See [`crate::fleet::Fleet::discard`].
    pub fn discard(&self, generation: Generation) -> Result<()> {
        self.take_away(generation, &|| Ok(()))
    }

    /// Only at the very end the order says that the node is gone: if we die before, the next call goes on.
    fn take_away(&self, generation: Generation, last: &dyn Fn() -> Result<()>) -> Result<()> {
        let mut state = self.take(generation)?;
        // A store that hangs must not keep the data here: the archiver is told to end, and not waited for.
        drop(state.archiving.take());
        if let Some(mut node) = state.node.take() {
            // How it ended does not matter any more, only that it did.
            if let Err(error) = node.stop(STOP_PATIENCE)
                && node.is_alive()?
            {
                state.node = Some(node);
                return Err(error);
            }
            node.remove()?;
        }
        postgres::end_orphans(&Layout::new(&self.volume).data(), &*self.ground.host.clock)?;
        self.clear(&state.host)?;
        last()?;
        state.order.removed = true;
        state.order.keep(&self.order_file())
    }

    /// Kills the server, whoever works on the node now: it is found by what it cannot hide. See [`crate::fleet::Fleet::kill`].
    pub fn kill(&self) -> Result<()> {
        self.cut.store(true, Ordering::SeqCst);
        postgres::kill(&Layout::new(&self.volume).data())
    }

    /// See [`crate::fleet::Fleet::known`].
    pub fn known(&self) -> Option<Known> {
        let durable = self.state.try_lock().ok()?.archiving.as_ref()?.durable();
        let moment = durable.moment.max(durable.complete);
        let (stream, timeline) = (durable.stream.unwrap_or_else(|| WAL.to_string()), Timeline(durable.timeline));
        (moment != Timestamp::default()).then_some(Known { stream, position: durable.position, timeline, moment })
    }

    /// Removes a volume that is no node, or none any more, and ends whatever server still works in it.
    pub(super) fn clear(&self, host: &Host) -> Result<()> {
        if !self.volume.exists() {
            return Ok(());
        }
        match postgres::adopt(&self.volume, host) {
            Ok(mut node) => {
                if let Err(error) = node.stop(STOP_PATIENCE)
                    && node.is_alive()?
                {
                    return Err(error);
                }
            }
            // A restore that failed after it had launched its server has kept no record of it.
            Err(error) if error.kind() == ErrorKind::Missing => postgres::kill(&Layout::new(&self.volume).data())?,
            Err(error) => return Err(error),
        }
        std::fs::remove_dir_all(&self.volume).doing("remove", self.volume.display())?;
        postgres::end_orphans(&Layout::new(&self.volume).data(), &*self.ground.host.clock)
    }
}
