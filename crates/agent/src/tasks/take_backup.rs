//! Taking a backup of a running PostgreSQL: freeze, files, thaw, log durable, manifest.
//!
//! The order is the promise: the manifest is put only when the log from the backup's start to its stop is in the store. If we die
//! anywhere before, there is no backup, and the server forgets its half by itself when the connection closes. What was put until then is
//! adopted by the next backup, if nobody else is taking one ([`Taker`]).

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use farshore_engines::postgresql::server::Facts;
use farshore_engines::postgresql::snapshot::{Checkpoint, Closed, Options, Snapshot};
use farshore_engines::postgresql::wire::{Connection, Settings as Server};
use farshore_types::error::ErrorContext;
use farshore_types::{Clock, Entropy, Error, ErrorKind, Generation, Position, Progress, Result};
use farshore_vault::Vault;
use farshore_vault::backup::resume::{self, Adopted, Found};
use farshore_vault::backup::{self, Bounds, Closing, Request, Taken, must_be_full};
use farshore_vault::format::manifest::Needs;
use farshore_vault::format::notes::Purpose;
use farshore_vault::journal::chains;
use farshore_vault::journal::object::Writer;
use farshore_vault::journal::ship::Horizon;
use farshore_vault::read::OpenBackup;
use farshore_vault::session::{Announcement, Session};

use super::archive_log::{ArchiveLog, INTERVAL, Place};
use super::archiving::catch_up;
use super::stored::{ENGINE, Stored};
use super::takers::Taker;

/// How long the log up to the backup's stop may take to become durable.
const LOG_PATIENCE: Duration = Duration::from_secs(600);
/// How long we wait at most until the log tells a moment after the backup.
const TOLD_PATIENCE: Duration = Duration::from_secs(5);
/// How often we look meanwhile whether we shall stop.
const LOG_LOOK: Duration = Duration::from_millis(500);

/// A backup to be taken.
pub struct TakeBackup {
    /// How to reach the server.
    pub server: Server,
    /// The data directory as this host sees it, if it differs from what the server says.
    pub data_directory: Option<PathBuf>,
    /// Where to.
    pub vault: Vault,
    /// The order of a control plane that it is done on; 0 without one.
    pub order: Generation,
    /// Which log of the journal.
    pub stream: String,
    /// The running archiver's horizon; `None` archives the backup's own stretch of log.
    pub horizon: Option<Arc<Horizon>>,
    /// Take every byte, even if there is a parent.
    pub full: bool,
    /// Whether the checkpoint may be spread over time.
    pub checkpoint: Checkpoint,
    /// Workers, level, throttle.
    pub settings: backup::Settings,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Randomness.
    pub entropy: Arc<dyn Entropy>,
}

/// A backup that was taken, and why it is full if it is.
#[derive(Debug, Clone)]
pub struct Outcome {
    /// Manifest, custody, bad pages.
    pub taken: Taken,
    /// Why there is no parent.
    pub full_because: Option<String>,
}

impl TakeBackup {
    /// Takes the backup. Runs as long as reading the files takes; `progress` counts bytes and may ask to stop.
    ///
    /// Where no other backup of this server is being taken, those that are announced and not committed have died, and this one goes on
    /// with what they have put. If this one fails then, its announcement stays for the next, or expires.
    pub fn run(&self, progress: &Progress) -> Result<Outcome> {
        let taker = Taker::announce(&self.server, self.vault.repository.id(), &self.clock)?;
        let (snapshot, parent, full_because) = self.open()?;
        let found = if taker.is_alone() { self.unfinished(&snapshot)? } else { None };
        let session = self.announce(parent.as_ref(), found.iter().flat_map(Found::needs).collect())?;
        let adopted = found.map(|found| found.adopt(&self.vault.repository)).transpose();
        let taken =
            adopted.and_then(|adopted| self.take(snapshot, &session, (parent.as_ref(), adopted.as_ref()), progress));
        let ended = if taken.is_ok() || !taker.is_alone() { session.end() } else { Ok(()) };
        let taken = taken?;
        ended?;
        Ok(Outcome { taken, full_because })
    }

    /// What dead writers have put; nothing where every byte is to be taken. The facts that stand in the packs decide what may be believed, as
    /// those of a parent do.
    fn unfinished(&self, snapshot: &Snapshot) -> Result<Option<Found>> {
        if self.full {
            return Ok(None);
        }
        let repository = &self.vault.repository;
        let dead = resume::unfinished(repository, repository.next_generation()?)?;
        let mut believe = |start: u64, facts: &serde_json::Value| {
            let then = serde_json::from_value::<Facts>(facts.clone());
            then.is_ok_and(|then| then.start.0 == start && snapshot.parent_refused(&then).is_none())
        };
        resume::find(&self.vault, &dead, &mut believe).map(Some)
    }

    fn announce(&self, parent: Option<&OpenBackup>, needs: Vec<String>) -> Result<Session> {
        let repository = &self.vault.repository;
        let pins = parent.map(|parent| parent.name.id);
        let announcement = Announcement { needs, ..Announcement::new(Purpose::Backup, pins) };
        let generation = repository.next_generation_under(self.order)?;
        Session::begin(repository, generation, announcement, self.clock.clone(), self.entropy.as_ref())
    }

    /// Freezes the server and finds the parent; says why there is none.
    fn open(&self) -> Result<(Snapshot, Option<OpenBackup>, Option<String>)> {
        let connection = Connection::connect(&self.server, self.clock.clone())?;
        let (checkpoint, data_directory) = (self.checkpoint, self.data_directory.clone());
        let options = Options { label: "farshore".to_string(), checkpoint, data_directory };
        let snapshot = Snapshot::open(connection, self.clock.clone(), &options)?;
        let (parent, full_because) = self.parent(&snapshot)?;
        Ok((snapshot, parent, full_because))
    }

    /// The stream of the journal that holds this backup's log.
    fn stream(&self) -> String {
        let archived = self.horizon.as_ref().and_then(|horizon| horizon.now().stream);
        archived.unwrap_or_else(|| self.stream.clone())
    }

    /// The newest backup, if this one may build on it; else why not.
    fn parent(&self, snapshot: &Snapshot) -> Result<(Option<OpenBackup>, Option<String>)> {
        if self.full {
            return Ok((None, Some("a full backup was asked for".to_string())));
        }
        let backups = self.vault.repository.backups()?;
        let Some(newest) = backups.last() else {
            return Ok((None, Some("it is the first".to_string())));
        };
        let parent = match self.vault.open_backup(newest) {
            Err(error) if error.kind() == ErrorKind::Corrupt => {
                // Else no backup would succeed any more, just when one is needed most.
                tracing::error!(%error, "the newest backup cannot be read: a full one is taken");
                return Ok((None, Some("the one before it is damaged".to_string())));
            }
            opened => opened?,
        };
        if parent.custody.needs.as_ref().is_none_or(|needs| needs.stream != self.stream()) {
            return Ok((None, Some("the journal was begun anew since".to_string())));
        }
        let stored = Stored::of(&parent)?;
        let last_full = match backups.iter().find(|name| name.id == parent.custody.full) {
            Some(full) => self.vault.repository.custody(full)?.1.sizes.stored,
            None => 0,
        };
        let reason = snapshot.parent_refused(&stored.facts);
        let reason = reason.or_else(|| must_be_full(&parent.custody, last_full));
        Ok(match reason {
            Some(reason) => (None, Some(reason)),
            None => (Some(parent), None),
        })
    }

    fn take(
        &self,
        snapshot: Snapshot,
        session: &Session,
        (parent, adopted): (Option<&OpenBackup>, Option<&Adopted>),
        progress: &Progress,
    ) -> Result<Taken> {
        let facts = snapshot.facts().clone();
        let since = parent.map(Stored::of).transpose()?.map_or(Position(u64::MAX), |stored| stored.facts.start);
        let bounds = Bounds { since: since.0, floor: snapshot.first_believable().0 };
        let settings = self.settings.clone();
        let start = facts.start;
        let encoded = serde_json::to_value(&facts);
        let facts = encoded.map_err(|error| Error::bug(format!("facts of a server do not encode: {error}")))?;
        let request = Request { session, engine: ENGINE, parent, bounds, start, facts, adopted, settings, progress };
        let writer = Writer { generation: session.generation(), session: session.id() };
        let stretch = match &self.horizon {
            Some(horizon) => Stretch::Archived(horizon.clone()),
            None => Stretch::Own(writer),
        };
        let mut files = snapshot.files()?;
        let mut open = Some((snapshot, stretch));
        let mut close = || match open.take() {
            Some((snapshot, stretch)) => self.close(snapshot, stretch, progress),
            None => Err(Error::bug("the snapshot is closed twice")),
        };
        backup::take(&self.vault, &request, &mut files, &mut close, (self.clock.clone(), self.entropy.as_ref()))
    }

    /// Thaws the server, waits for the log, and says what the manifest needs.
    fn close(&self, snapshot: Snapshot, stretch: Stretch, progress: &Progress) -> Result<Closing> {
        let (facts, started) = (snapshot.facts().clone(), snapshot.start_time());
        let tablespaces = snapshot.tablespaces().to_vec();
        let closed = snapshot.close()?;
        let from = facts.start.aligned_down(u64::from(facts.server.wal_segment_size));
        stretch.finish(self, facts.timeline, from, &closed, progress)?;
        let (range, stream) = ((from, closed.stop), self.stream());
        let objects = chains::objects(&self.vault.repository, &stream, facts.timeline, range)?;
        let hole = || Error::transient(format!("the journal has a hole between {from} and {}", closed.stop));
        let objects = objects.ok_or_else(hole).doing("close", "the backup")?;
        let journal = objects.into_iter().map(|(name, size)| (name.to_string(), size)).collect();
        let needs = Needs { stream, timeline: facts.timeline, from, to: closed.stop };
        let stored = Stored {
            facts,
            stop: closed.stop,
            stop_time: closed.stop_time,
            safe_time: Some(closed.safe_time),
            tablespaces,
        };
        let (stop, finished, engine) = (closed.stop, closed.stop_time, stored.to_json()?);
        Ok(Closing { files: closed.files, engine, started, finished, stop, needs: Some(needs), journal })
    }
}

/// The log of the backup itself: archived by somebody else, or by us when the files are read.
enum Stretch {
    Archived(Arc<Horizon>),
    Own(Writer),
}

impl Stretch {
    fn finish(
        self,
        task: &TakeBackup,
        timeline: farshore_types::Timeline,
        from: Position,
        closed: &Closed,
        progress: &Progress,
    ) -> Result<()> {
        let stop = closed.stop;
        match self {
            Stretch::Archived(horizon) => {
                let until = task.clock.monotonic().saturating_add(LOG_PATIENCE);
                loop {
                    let waited = ArchiveLog::await_durable(&horizon, timeline, stop, LOG_LOOK);
                    if waited.is_ok() {
                        // So that moments can be restored as soon as there is a backup. The backup is as good without it.
                        catch_up(&horizon, closed.stop_time, TOLD_PATIENCE);
                    }
                    if waited.is_ok() || task.clock.monotonic() >= until {
                        return waited;
                    }
                    progress.go_on()?;
                }
            }
            Stretch::Own(writer) => {
                let archive = ArchiveLog {
                    server: task.server.clone(),
                    slot: None,
                    vault: task.vault.clone(),
                    writer,
                    stream: task.stream.clone(),
                    interval: INTERVAL,
                    workers: task.settings.workers,
                    horizon: Arc::default(),
                    stop: Arc::default(),
                    breaks: Arc::default(),
                    clock: task.clock.clone(),
                    entropy: task.entropy.clone(),
                };
                archive.stretch(Place { timeline, from }, stop)
            }
        }
    }
}
