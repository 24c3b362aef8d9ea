//! Protecting one running server: its log is archived without pause, backups are taken on time, on request, and at once when the
//! journal is broken. Runs until asked to stop; the server itself is never touched.

use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

use crossbeam_channel::{RecvTimeoutError, bounded};
use farshore_engines::postgresql::snapshot::Checkpoint;
use farshore_engines::postgresql::wire::Settings as Server;
use farshore_types::error::ErrorContext;
use farshore_types::{Clock, Entropy, Error, ErrorKind, Generation, Progress, Result, Timestamp};
use farshore_vault::Vault;
use farshore_vault::backup;
use farshore_vault::format::notes::Purpose;
use farshore_vault::journal::chains;
use farshore_vault::journal::object::Writer;
use farshore_vault::journal::ship::Horizon;
use farshore_vault::session::{Announcement, Session};
use serde::{Deserialize, Serialize};

mod due;

use self::due::Schedule;
use super::archive_log::ArchiveLog;
use super::take_backup::{Outcome, TakeBackup};
use crate::sockets;

/// How often the loop looks at the clock and at the journal.
const LOOK: Duration = Duration::from_millis(200);
/// How long a client of the control socket may take.
const CLIENT_PATIENCE: Duration = Duration::from_secs(5);
/// Bytes of one request.
const REQUEST_BYTES_MAX: u64 = 4096;

/// What is protected, how.
pub struct Protect {
    /// How to reach the server.
    pub server: Server,
    /// The data directory as this host sees it, if it differs from what the server says.
    pub data_directory: Option<PathBuf>,
    /// Where to.
    pub vault: Vault,
    /// Which log of the journal.
    pub stream: String,
    /// The physical slot.
    pub slot: String,
    /// How often the log is shipped.
    pub interval: Duration,
    /// How often a backup is taken.
    pub every: Duration,
    /// Workers, level, throttle.
    pub settings: backup::Settings,
    /// Control socket, if any: `status`, `backup`, `backup full`, one line each.
    pub socket: Option<PathBuf>,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Randomness.
    pub entropy: Arc<dyn Entropy>,
}

/// What can be seen from outside.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Status {
    /// Everything up to this moment can be restored; on an idle server it moves on from time to time only.
    pub archived_to: Timestamp,
    /// The log position of that.
    pub position: String,
    /// Seconds of data that would be lost with the server now.
    pub at_risk_s: f64,
    /// What is wrong with the journal, if anything.
    pub trouble: Option<String>,
    /// How often the journal was broken since the start.
    pub breaks: u64,
    /// Backups taken since the start.
    pub backups: u64,
    /// The last one.
    pub last_backup: Option<Summary>,
    /// Why the last one failed, if it did.
    pub backup_trouble: Option<String>,
    /// Bytes read and expected by the backup that is running.
    pub running: Option<(u64, u64)>,
}

/// A backup in a few figures.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Summary {
    /// Its name.
    pub name: String,
    /// 1 and up.
    pub sequence: u32,
    /// Whether every byte was read and put.
    pub full: bool,
    /// Why it is full.
    pub full_because: Option<String>,
    /// Bytes of the files.
    pub raw: u64,
    /// Bytes put.
    pub new: u64,
    /// Damaged pages found.
    pub bad_pages: u64,
    /// How long it took.
    pub seconds: f64,
}

#[derive(Default)]
struct Wish {
    /// Asked for, and taken so far: a client waits until its request is taken.
    wanted: u64,
    served: u64,
    full: bool,
}

#[derive(Default)]
struct Shared {
    wish: Mutex<Wish>,
    moved: Condvar,
    status: Mutex<Status>,
    progress: Mutex<Option<Arc<Progress>>>,
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Protect {
    /// Protects until `stop`. `ready` is called once, when the first backup exists.
    pub fn run(&self, stop: &Arc<Progress>, ready: &mut dyn FnMut(&Status)) -> Result<()> {
        let (horizon, breaks) = (Arc::new(Horizon::default()), Arc::new(AtomicU64::new(0)));
        let newest = chains::newest_stream(&self.vault.repository, &self.stream)?;
        horizon.change(|durable| durable.stream = Some(newest));
        let generation = self.vault.repository.next_generation()?;
        // It makes the generation known. That it expires one day harms nothing: nobody commits what a journal has put.
        let announcement = Announcement::new(Purpose::Journal, None);
        let session = Session::begin(
            &self.vault.repository,
            generation,
            announcement,
            self.clock.clone(),
            self.entropy.as_ref(),
        )?;
        let archive = ArchiveLog {
            server: self.server.clone(),
            slot: Some(self.slot.clone()),
            vault: self.vault.clone(),
            writer: Writer { generation, session: session.id() },
            stream: self.stream.clone(),
            interval: self.interval,
            workers: self.settings.workers,
            horizon: horizon.clone(),
            stop: stop.clone(),
            breaks: breaks.clone(),
            clock: self.clock.clone(),
            entropy: self.entropy.clone(),
        };
        let shared = Shared::default();
        let outcome = std::thread::scope(|scope| {
            let archiving = scope.spawn(|| archive.run().inspect_err(|_| stop.stop()));
            let control = scope.spawn(|| self.control(&shared, &horizon, &breaks, stop).inspect_err(|_| stop.stop()));
            let scheduled = self.schedule(&shared, &horizon, &breaks, stop, ready).inspect_err(|_| stop.stop());
            let panicked = |_| Error::bug("a thread of the agent panicked");
            let archived = archiving.join().map_err(panicked).and_then(|done| done);
            let controlled = control.join().map_err(panicked).and_then(|done| done);
            archived.and(scheduled).and(controlled)
        });
        let ended = session.end();
        outcome.and(ended)
    }

    fn schedule(
        &self,
        shared: &Shared,
        horizon: &Arc<Horizon>,
        breaks: &AtomicU64,
        stop: &Progress,
        ready: &mut dyn FnMut(&Status),
    ) -> Result<()> {
        let mut due = Schedule::new(self.clock.monotonic(), self.every, self.newest_age()?);
        let mut announced = false;
        while stop.go_on().is_ok() {
            let broken = breaks.load(Ordering::Relaxed);
            let (wanted, served, full) = {
                let wish = lock(&shared.wish);
                (wish.wanted, wish.served, wish.full)
            };
            if due.is_due(self.clock.monotonic(), broken) || wanted > served {
                let taken = self.back_up(shared, horizon, full || due.must_be_full(), stop);
                due.ended(self.clock.monotonic(), taken.is_ok());
                let mut wish = lock(&shared.wish);
                (wish.served, wish.full) = (wanted, false);
                shared.moved.notify_all();
            }
            if !announced && due.is_protected() {
                announced = true;
                ready(&self.status(shared, horizon, breaks));
            }
            let wish = lock(&shared.wish);
            let idle = |wish: &mut Wish| wish.wanted <= wish.served && stop.go_on().is_ok();
            drop(shared.moved.wait_timeout_while(wish, LOOK, idle).unwrap_or_else(PoisonError::into_inner));
        }
        shared.moved.notify_all();
        Ok(())
    }

    /// How old the newest backup is; `None` without one.
    fn newest_age(&self) -> Result<Option<Duration>> {
        let backups = self.vault.repository.backups()?;
        let Some(newest) = backups.last() else { return Ok(None) };
        Ok(Some(match self.vault.repository.custody(newest) {
            Ok((_, custody)) => {
                let seconds = self.clock.now().seconds_since(custody.finished).max(0.0);
                Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX)
            }
            // Whatever its age was, it is of no use: another one is due.
            Err(error) if error.kind() == ErrorKind::Corrupt => Duration::MAX,
            Err(error) => return Err(error),
        }))
    }

    fn back_up(&self, shared: &Shared, horizon: &Arc<Horizon>, full: bool, stop: &Progress) -> Result<()> {
        let progress = Arc::new(Progress::default());
        *lock(&shared.progress) = Some(progress.clone());
        let began = self.clock.monotonic();
        let task = TakeBackup {
            server: self.server.clone(),
            data_directory: self.data_directory.clone(),
            vault: self.vault.clone(),
            order: Generation(0),
            stream: self.stream.clone(),
            horizon: Some(horizon.clone()),
            full,
            checkpoint: Checkpoint::Fast,
            settings: self.settings.clone(),
            clock: self.clock.clone(),
            entropy: self.entropy.clone(),
        };
        let outcome = std::thread::scope(|scope| {
            let (done, ended) = bounded::<()>(0);
            // A backup may take hours: it ends when all of this shall.
            let watched = &progress;
            scope.spawn(move || {
                while ended.recv_timeout(LOOK) == Err(RecvTimeoutError::Timeout) {
                    if stop.go_on().is_err() {
                        watched.stop();
                    }
                }
            });
            let outcome = task.run(&progress);
            drop(done);
            outcome
        });
        *lock(&shared.progress) = None;
        let mut status = lock(&shared.status);
        match outcome {
            Ok(outcome) => {
                let took = self.clock.monotonic().saturating_sub(began);
                status.backups += 1;
                status.last_backup = Some(summary(&outcome, took));
                status.backup_trouble = None;
                Ok(())
            }
            Err(error) if stop.go_on().is_err() => Err(error),
            Err(error) => {
                tracing::error!(%error, "a backup failed");
                status.backup_trouble = Some(error.to_string());
                Err(error)
            }
        }
    }

    fn status(&self, shared: &Shared, horizon: &Horizon, breaks: &AtomicU64) -> Status {
        let durable = horizon.now();
        let mut status = lock(&shared.status).clone();
        status.archived_to = durable.moment;
        status.position = durable.position.to_string();
        status.at_risk_s = durable.at_risk_s(self.clock.now()).unwrap_or_default();
        status.trouble = durable.trouble;
        status.breaks = breaks.load(Ordering::Relaxed);
        status.running = lock(&shared.progress).as_ref().map(|progress| progress.bytes());
        status
    }

    fn control(&self, shared: &Shared, horizon: &Horizon, breaks: &AtomicU64, stop: &Progress) -> Result<()> {
        use rustix::event::{PollFd, PollFlags, Timespec, poll};
        let Some(path) = &self.socket else { return Ok(()) };
        let listener = sockets::listen(path)?;
        std::thread::scope(|scope| {
            while stop.go_on().is_ok() {
                let patience = Timespec { tv_sec: 0, tv_nsec: LOOK.as_nanos() as i64 };
                let mut ready = [PollFd::new(&listener, PollFlags::IN)];
                match poll(&mut ready, Some(&patience)) {
                    Ok(0) | Err(rustix::io::Errno::INTR) => continue,
                    Ok(_) => {}
                    Err(error) => return Err(Error::io(error.into(), "wait on", "the control socket")),
                }
                match listener.accept() {
                    Ok((client, _)) => drop(scope.spawn(move || self.answer(&client, shared, horizon, breaks, stop))),
                    // No reason to stop protecting: there may be too many open files for a moment.
                    Err(error) => {
                        tracing::warn!(%error, "a client of the control socket was not accepted");
                        self.clock.pause(LOOK);
                    }
                }
            }
            Ok(())
        })?;
        let _ = std::fs::remove_file(path);
        Ok(())
    }

    fn answer(&self, client: &UnixStream, shared: &Shared, horizon: &Horizon, breaks: &AtomicU64, stop: &Progress) {
        let mut line = String::new();
        let _ = client.set_read_timeout(Some(CLIENT_PATIENCE));
        if BufReader::new(client.take(REQUEST_BYTES_MAX)).read_line(&mut line).is_err() {
            return;
        }
        let full = line.trim() == "backup full";
        if !full && !matches!(line.trim(), "backup" | "status") {
            let _ = (&mut &*client).write_all(b"{\"error\":\"known are: status, backup, backup full\"}\n");
            return;
        }
        if !matches!(line.trim(), "status") {
            let mut wish = lock(&shared.wish);
            wish.wanted += 1;
            wish.full |= full;
            let ticket = wish.wanted;
            shared.moved.notify_all();
            while wish.served < ticket && stop.go_on().is_ok() {
                wish = shared.moved.wait_timeout(wish, LOOK).unwrap_or_else(PoisonError::into_inner).0;
            }
        }
        let status = self.status(shared, horizon, breaks);
        let text = serde_json::to_string(&status).unwrap_or_default();
        if let Err(error) = (&mut &*client).write_all(format!("{text}\n").as_bytes()) {
            tracing::debug!(%error, "a client of the control socket went away");
        }
    }
}

fn summary(outcome: &Outcome, took: Duration) -> Summary {
    let taken = &outcome.taken;
    Summary {
        name: taken.name.id.to_string(),
        sequence: taken.name.id.sequence,
        full: outcome.full_because.is_some(),
        full_because: outcome.full_because.clone(),
        raw: taken.custody.sizes.raw,
        new: taken.custody.sizes.new,
        bad_pages: taken.bad_pages.len() as u64,
        seconds: took.as_secs_f64(),
    }
}

/// Asks a running agent: `status`, `backup` or `backup full`. Waits until the backup is taken.
pub fn ask(socket: &Path, request: &str, patience: Duration) -> Result<Status> {
    let mut stream = UnixStream::connect(socket).doing("ask the agent at", socket.display())?;
    stream.set_read_timeout(Some(patience)).doing("ask the agent at", socket.display())?;
    stream.write_all(format!("{request}\n").as_bytes()).doing("ask the agent at", socket.display())?;
    let mut line = String::new();
    BufReader::new(stream).read_line(&mut line).doing("read the answer of", socket.display())?;
    serde_json::from_str(&line).map_err(|_| Error::transient("the agent went away in the middle of its answer"))
}
