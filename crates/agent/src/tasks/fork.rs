//! Restoring to a moment: files, then log through `restore_command`, then promotion. Power-on, restore and fork are this one path.
//!
//! Everything that can be refused is refused before anything is written: the target against the window, the major version, the room, the
//! path of the socket. The source is never touched; tablespaces are placed under the fork's own volume; its configuration is made
//! anew. The store is told that the backup is in use, so that no sweep takes it or its log away meanwhile. If we die, the folder holds
//! an unfinished fork and says so ([`begun`]), the log socket is gone, and recovery stops instead of promoting early; the same fork run
//! again starts over. A fork that is to be given other settings is stopped before it says that it is done: whoever finds a finished one,
//! also after our death, finds a server that is down and reads them when it is started.

mod begun;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use farshore_engines::postgresql::control::{CONTROL_PATH, Control};
use farshore_engines::postgresql::history::History;
use farshore_engines::postgresql::provision::Installation;
use farshore_engines::postgresql::recovery::{
    Plan, check_major, place_tablespaces, restore_command, tablespace_map, target_not_reached,
};
use farshore_engines::postgresql::replication::Replication;
use farshore_engines::postgresql::wire::{SOCKET_PATH_BYTES_MAX, Settings as Server};
use farshore_types::error::ErrorContext;
use farshore_types::snapshot::ClosingFile;
use farshore_types::{Error, Position, Progress, Result, Target, TargetKind, Timeline};
use farshore_vault::Vault;
use farshore_vault::read::Pin;
use farshore_vault::read::restore::{Settings as RestoreSettings, restore};

use self::begun::Begun;
pub use self::begun::is_unfinished;
use super::fetch_log::{FetchLog, Fetching};
use super::windows::{Break, Window, Windows};
use crate::account::check_reachable;
use crate::host::Host;
use crate::postgres::{self, Layout, Node, Spec, Status};

/// How often we look whether recovery has ended.
const LOOK: Duration = Duration::from_millis(50);
/// How long a clean stop may take.
const STOP_WAIT: Duration = Duration::from_secs(60);
/// How long a fork's own server may take to stop: whatever recovery has changed and not yet written is written then.
const SETTLE_WAIT: Duration = Duration::from_secs(600);

/// How a fork's server is left when it has recovered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Left {
    /// It runs, with the settings that it recovered with.
    Running,
    /// It is down: whoever gives it other settings starts it, since many of them are read at a start only.
    Stopped,
}

/// A fork to be made.
pub struct Fork<'a> {
    /// The backups that it is made from, as they lie in this region.
    pub vault: Vault,
    /// The backup to start from, by name; `None`: the best one for the target.
    pub backup: Option<String>,
    /// Where to end.
    pub target: Target,
    /// The fork's own folder: new or empty, or of an earlier run of the same fork (service and target) that never opened. What that one
    /// left is cleared; anything else is refused and left alone.
    pub volume: PathBuf,
    /// The server to run on it; its major version is checked.
    pub installation: Installation,
    /// TCP port on 127.0.0.1.
    pub port: u16,
    /// The superuser of the source.
    pub superuser: String,
    /// The farshore binary, run by the server for each file of log.
    pub binary: PathBuf,
    /// Threads that read and write.
    pub workers: usize,
    /// How its server is left.
    pub left: Left,
    /// Whose account, which clock.
    pub host: &'a Host,
}

/// A fork that is open.
#[derive(Debug, Clone)]
pub struct Opened {
    /// The backup and window that were used.
    pub window: Window,
    /// Set if the newest moment was asked for, and later log is known of that is not in the store: what is missing from the fork.
    pub missing: Option<Break>,
    /// Where the fork's own history begins.
    pub reached: Position,
    /// Its timeline.
    pub timeline: Timeline,
    /// How to reach it as the superuser.
    pub server: Server,
    /// Its data directory.
    pub data_directory: PathBuf,
    /// Bytes of the files restored.
    pub restored_bytes: u64,
    /// Segments of log replayed.
    pub segments: u64,
    /// Seconds for the files, and for the log until the fork was open.
    pub seconds: (f64, f64),
}

impl Fork<'_> {
    /// Makes the fork. `progress` counts the bytes of the files.
    pub fn run(&self, progress: &Progress) -> Result<Opened> {
        let windows = Windows::read(&self.vault)?;
        let window = windows.choose_from(self.backup.as_deref(), &self.target)?;
        let layout = Layout::new(&self.volume);
        let spec = self.spec();
        self.refuse(&window, &layout, &spec)?;
        let sources = (self.host.clock.clone(), self.host.entropy.as_ref());
        let _pin = Pin::take(&self.vault.repository, window.name.id, sources)?;
        let begun = Begun::begin(&layout, self.vault.repository.service(), &window.name, &self.target)?;
        layout.make_rest(&self.host.engines)?;
        let binary = self.reachable_binary()?;
        let command = restore_command(&binary, &["log-fetch", path_text(&log_socket(&layout))?])?;
        let plan = Plan { target: self.target.clone(), timeline: window.timeline, restore_command: command };
        let began = self.host.clock.monotonic();
        let restored_bytes = self.restore_files(&window, &layout, &plan, progress)?;
        let mut node = postgres::open(&spec, self.host)?;
        let files_done = self.host.clock.monotonic();
        let (segments, (timeline, reached)) = self.recover(&window, &mut node, &plan)?;
        if self.left == Left::Stopped {
            node.stop(SETTLE_WAIT)?;
        }
        begun.done()?;
        let done = self.host.clock.monotonic();
        let missing = window.broken.filter(|_| self.target.kind == TargetKind::Latest);
        if let Some(missing) = missing {
            tracing::warn!(%missing, "the fork lacks the newest log");
        }
        let seconds = ((files_done - began).as_secs_f64(), (done - files_done).as_secs_f64());
        let (server, data_directory) = (node.settings()?, layout.data());
        Ok(Opened { window, missing, reached, timeline, server, data_directory, restored_bytes, segments, seconds })
    }

    fn spec(&self) -> Spec {
        let (port, superuser) = (Some(self.port), self.superuser.clone());
        Spec { port, superuser, ..Spec::new(&self.volume, self.installation.clone()) }
    }

    fn refuse(&self, window: &Window, layout: &Layout, spec: &Spec) -> Result<()> {
        check_major(window.stored.facts.server.version_number, self.installation.major)?;
        spec.check(&self.host.engines)?;
        let socket = log_socket(layout);
        if socket.as_os_str().len() > SOCKET_PATH_BYTES_MAX {
            let what = format!("the socket path {} is longer than {SOCKET_PATH_BYTES_MAX} bytes", socket.display());
            return Err(Error::invalid(what).hint("choose a folder with a shorter path"));
        }
        Ok(())
    }

    /// The server's account must be able to run the binary: a copy is made where it cannot reach the original.
    fn reachable_binary(&self) -> Result<PathBuf> {
        let folder = self.binary.parent().unwrap_or(Path::new("/"));
        if check_reachable(folder, &self.host.engines).is_ok() {
            return Ok(self.binary.clone());
        }
        let copy = self.volume.join("farshore");
        fs::copy(&self.binary, &copy).doing("copy the program to", copy.display())?;
        fs::set_permissions(&copy, fs::Permissions::from_mode(0o755)).doing("open", copy.display())?;
        Ok(copy)
    }

    fn restore_files(&self, window: &Window, layout: &Layout, plan: &Plan, progress: &Progress) -> Result<u64> {
        let backup = self.vault.open_backup(&window.name)?;
        let placements = place_tablespaces(&window.stored.tablespaces, &layout.tablespaces())?;
        let control = backup.body.closing.iter().find(|file| file.path == CONTROL_PATH);
        let control = control.ok_or_else(|| Error::corrupt("the backup holds no pg_control"))?;
        let mut closing: Vec<ClosingFile> =
            backup.body.closing.iter().filter(|file| file.path == "backup_label").cloned().collect();
        closing.extend(tablespace_map(&placements)?);
        closing.extend(plan.files(&Control::parse(&control.content)?)?);
        closing.push(control.clone());
        let relocate =
            placements.iter().map(|place| (format!("pg_tblspc/{}", place.oid), place.target.clone())).collect();
        let owner = self.host.engines.owner();
        let settings = RestoreSettings {
            workers: self.workers,
            owner,
            relocate,
            closing: Some(closing),
            ..RestoreSettings::default()
        };
        Ok(restore(&self.vault, &backup, &layout.data(), &settings, progress)?.bytes)
    }

    /// Runs recovery to its end. A target after the last commit, inside the window, is an ordinary case on an idle database: the server
    /// stops with "not reached", and is started again towards the end.
    fn recover(&self, window: &Window, node: &mut Node, plan: &Plan) -> Result<(u64, (Timeline, Position))> {
        let task = FetchLog {
            vault: self.vault.clone(),
            stream: window.stream.clone(),
            segment_bytes: u64::from(window.stored.facts.server.wal_segment_size),
            staging: self.volume.join("staging"),
            owner: self.host.engines.owner(),
            end: (window.timeline, window.reach.to),
            workers: self.workers,
        };
        let fetching = Fetching::new(task)?;
        let (stop, socket) = (Progress::default(), log_socket(node.layout()));
        let listener = fetching.listen(&socket)?;
        std::thread::scope(|scope| {
            let serving = scope.spawn(|| fetching.serve(&listener, &stop));
            let outcome = self.replay(node, plan, &fetching);
            stop.stop();
            let served = serving.join().map_err(|_| Error::bug("the log server panicked")).and_then(|done| done);
            outcome.and(served)
        })?;
        let _ = fs::remove_file(&socket);
        let reached = self.position_reached(node)?;
        if plan.target.kind == TargetKind::Latest {
            self.check_end(window, reached)?;
        }
        self.settle(node)?;
        Ok((fetching.served(), reached))
    }

    fn replay(&self, node: &mut Node, plan: &Plan, fetching: &Fetching) -> Result<()> {
        let by_place = matches!(plan.target.kind, TargetKind::Time(_) | TargetKind::Position(_));
        let mut again = by_place.then(|| plan.to_the_end());
        loop {
            node.launch()?;
            let Some(log) = self.await_open(node)? else { return Ok(()) };
            if let Some((kind, reason)) = fetching.failure() {
                return Err(Error::new(kind, format!("recovery was stopped: {reason}")));
            }
            match again.take().filter(|_| target_not_reached(&log)) {
                Some(plan) => {
                    tracing::info!("the target lies after the last commit: recovery goes on to the end of the log");
                    let control = fs::read(node.layout().data().join(CONTROL_PATH)).doing("read", CONTROL_PATH)?;
                    node.put_files(&plan.files(&Control::parse(&control)?)?)?;
                }
                None => return Err(ended(&log)),
            }
        }
    }

    /// Waits until the server is open (`None`) or has ended (its log since). There is no deadline: a long log takes long, and a log that
    /// cannot be given makes the server end by itself.
    fn await_open(&self, node: &mut Node) -> Result<Option<String>> {
        loop {
            match node.status()? {
                Status::Ready { in_recovery: false } => return Ok(None),
                Status::Stopped | Status::Crashed => return node.log().map(Some),
                Status::Ready { in_recovery: true } | Status::Busy => self.host.clock.pause(LOOK),
            }
        }
    }

    /// Where the new timeline begins: that is how far recovery went.
    fn position_reached(&self, node: &Node) -> Result<(Timeline, Position)> {
        let mut replication = Replication::connect(&node.settings()?, self.host.clock.clone())?;
        let timeline = replication.identify()?.timeline;
        let history = replication.timeline_history(timeline)?;
        replication.close();
        let history = History::parse(timeline, &history.content)?;
        let switch = history.switches().last().ok_or_else(|| Error::bug("the fork has no history"))?;
        Ok((timeline, switch.at))
    }

    /// Towards the newest moment the server must have come to the last segment of the journal, or to its very beginning.
    fn check_end(&self, window: &Window, (_, reached): (Timeline, Position)) -> Result<()> {
        let size = u64::from(window.stored.facts.server.wal_segment_size);
        let end = window.reach.to;
        if reached >= Position(end.0.saturating_sub(1)).aligned_down(size) {
            return Ok(());
        }
        let what = format!("recovery ended at {reached}, but the journal goes to {end}");
        Err(Error::corrupt(what).hint("the fork is not to be used; `farshore vault verify` checks the journal"))
    }

    /// Recovery is over: its settings must not be used again. The others are known to work.
    fn settle(&self, node: &mut Node) -> Result<()> {
        node.leave_recovery()?;
        node.reload()?;
        node.prove()
    }
}

/// Stops the server of a volume, cleanly. Nothing happens if none runs.
pub fn stop(host: &Host, volume: &Path) -> Result<bool> {
    let mut node = postgres::adopt(volume, host)?;
    let runs = node.is_alive()?;
    node.stop(STOP_WAIT)?;
    Ok(runs)
}

fn log_socket(layout: &Layout) -> PathBuf {
    layout.run().join("log.sock")
}

fn path_text(path: &Path) -> Result<&str> {
    path.to_str().ok_or_else(|| Error::invalid(format!("{} is not UTF-8", path.display())))
}

fn ended(log: &str) -> Error {
    let telling = |line: &&str| line.contains("FATAL") || line.contains("PANIC");
    let line = log.lines().rev().find(telling).or(log.lines().last()).unwrap_or("it left no log");
    Error::corrupt(format!("the server ended during recovery: {line}"))
        .hint("its log stands in the folder `log` of the fork")
}
