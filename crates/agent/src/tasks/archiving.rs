//! The log of one server on its way into the store, in a thread of its own, from [`Archiving::begin`] to [`Archiving::end`].
//!
//! The thread outlives restarts of the server and breaks of the store; it ends when asked to, or for what no retry can mend. If we
//! die, the server keeps what is not yet durable in its slot, and the next one goes on there.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use farshore_engines::postgresql::wire::Settings as Server;
use farshore_types::error::ErrorContext;
use farshore_types::{Clock, Entropy, Error, Generation, Progress, Result, Timestamp};
use farshore_vault::Vault;
use farshore_vault::format::notes::Purpose;
use farshore_vault::journal::chains;
use farshore_vault::journal::object::Writer;
use farshore_vault::journal::ship::{Durable, Horizon};
use farshore_vault::session::{Announcement, Session};

use super::archive_log::ArchiveLog;

/// What is archived, to where.
pub struct Settings {
    /// How to reach the server.
    pub server: Server,
    /// Where to.
    pub vault: Vault,
    /// The order of a control plane that it is done on; 0 without one.
    pub order: Generation,
    /// Which log of the journal.
    pub stream: String,
    /// The physical slot.
    pub slot: String,
    /// How often the log is shipped.
    pub interval: Duration,
    /// Threads that compress and seal.
    pub workers: usize,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Randomness.
    pub entropy: Arc<dyn Entropy>,
}

/// A log that is being archived. Dropping it asks the thread to stop, without waiting.
pub struct Archiving {
    horizon: Arc<Horizon>,
    breaks: Arc<AtomicU64>,
    stop: Arc<Progress>,
    session: Option<Session>,
    thread: Option<JoinHandle<Result<()>>>,
}

impl Archiving {
    /// Announces itself in the repository and starts the thread.
    pub fn begin(settings: Settings) -> Result<Archiving> {
        let Settings { server, vault, order, stream, slot, interval, workers, clock, entropy } = settings;
        let (horizon, breaks) = (Arc::new(Horizon::default()), Arc::new(AtomicU64::new(0)));
        let newest = chains::newest_stream(&vault.repository, &stream)?;
        horizon.change(|durable| durable.stream = Some(newest));
        let generation = vault.repository.next_generation_under(order)?;
        // It makes the generation known. That it expires one day harms nothing: nobody commits what a journal has put.
        let announcement = Announcement::new(Purpose::Journal, None);
        let session = Session::begin(&vault.repository, generation, announcement, clock.clone(), entropy.as_ref())?;
        let (writer, stop) = (Writer { generation, session: session.id() }, Arc::new(Progress::default()));
        let archive = ArchiveLog {
            server,
            slot: Some(slot),
            vault,
            writer,
            stream,
            interval,
            workers,
            horizon: horizon.clone(),
            stop: stop.clone(),
            breaks: breaks.clone(),
            clock,
            entropy,
        };
        let thread = std::thread::Builder::new().name("archiving".to_string()).spawn(move || archive.run());
        let thread = thread.doing("start", "the thread that archives the log")?;
        Ok(Archiving { horizon, breaks, stop, session: Some(session), thread: Some(thread) })
    }

    /// What is durable; others wait on it.
    pub fn horizon(&self) -> &Arc<Horizon> {
        &self.horizon
    }

    /// What is durable now.
    pub fn durable(&self) -> Durable {
        self.horizon.now()
    }

    /// How often the journal was broken since the start: after each break a full backup is due.
    pub fn breaks(&self) -> u64 {
        self.breaks.load(Ordering::Relaxed)
    }

    /// Whether the thread still works. Where it does not, [`Archiving::end`] says why.
    pub fn is_alive(&self) -> bool {
        self.thread.as_ref().is_some_and(|thread| !thread.is_finished())
    }

    /// Asks the thread to stop, and does not wait.
    pub fn ask_to_end(&self) {
        self.stop.stop();
    }

    /// Asks the thread to stop and waits for it: what it has received is durable then, or lies in the server's slot.
    pub fn end(mut self) -> Result<()> {
        self.stop.stop();
        let thread = self.thread.take().map(JoinHandle::join);
        let archived = match thread {
            Some(Err(_)) => Err(Error::bug("the thread that archives the log panicked")),
            Some(Ok(done)) => done,
            None => Ok(()),
        };
        self.session.take().map_or(Ok(()), Session::end).and(archived)
    }
}

/// Ships everything that was acknowledged before a moment of the server's clock, at once; whether it is in the store in time, and told
/// there.
pub fn catch_up(horizon: &Horizon, moment: Timestamp, patience: Duration) -> bool {
    horizon.change(|durable| durable.wanted = durable.wanted.max(moment));
    horizon.wait(patience, |durable| durable.moment >= moment).moment >= moment
}

impl Drop for Archiving {
    fn drop(&mut self) {
        self.stop.stop();
    }
}
