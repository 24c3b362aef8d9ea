//! Restoring to a moment: files, then log through `restore_command`, then promotion. Power-on, restore and fork are this one path.
//!
//! Everything that can be refused is refused before anything is written: the target against the window, the major version, the room, the
//! path of the socket. The source is never touched; tablespaces are placed under the fork's own volume; its configuration is made
//! anew. If we die, the folder holds an unfinished restore, the log socket is gone, and recovery stops instead of promoting early.

use std::fs;
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::time::Duration;

use farshore_engines::postgresql::control::{CONTROL_PATH, Control};
use farshore_engines::postgresql::history::History;
use farshore_engines::postgresql::provision::{self, Configuration, Installation, Postmaster, Readiness, readiness};
use farshore_engines::postgresql::recovery::{
    Plan, check_major, place_tablespaces, restore_command, tablespace_map, target_not_reached,
};
use farshore_engines::postgresql::replication::Replication;
use farshore_engines::postgresql::wire::{Address, Settings as Server};
use farshore_types::error::ErrorContext;
use farshore_types::snapshot::ClosingFile;
use farshore_types::{Error, Position, Progress, Result, Target, TargetKind, Timeline};
use farshore_vault::Vault;
use farshore_vault::read::restore::{Settings as RestoreSettings, restore};

use super::fetch_log::{FetchLog, Fetching};
use super::windows::{Window, Windows};
use crate::account::check_reachable;
use crate::durable;
use crate::host::Host;

/// How long pg_ctl waits before we look ourselves.
const START_WAIT: Duration = Duration::from_secs(3);
/// How often we look whether recovery has ended.
const LOOK: Duration = Duration::from_millis(50);
/// How long a clean stop may take.
const STOP_WAIT: Duration = Duration::from_secs(60);
/// Bytes of the server's log that are looked at after it ended.
const LOG_TAIL_BYTES: u64 = 64 << 10;
/// Permission bits of folders that the server owns.
const FOLDER_MODE: u32 = 0o700;

/// A fork to be made.
pub struct Fork<'a> {
    /// The backups that it is made from, as they lie in this region.
    pub vault: Vault,
    /// Where to end.
    pub target: Target,
    /// The fork's own folder: new or empty, or of an earlier run of the same fork.
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
    /// Whose account, which clock.
    pub host: &'a Host,
}

/// A fork that is open.
#[derive(Debug, Clone)]
pub struct Opened {
    /// The backup and window that were used.
    pub window: Window,
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

struct Layout {
    data: PathBuf,
    tablespaces: PathBuf,
    run: PathBuf,
    log: PathBuf,
    log_socket: PathBuf,
    staging: PathBuf,
}

impl Layout {
    fn of(volume: &Path) -> Layout {
        Layout {
            data: volume.join("data"),
            tablespaces: volume.join("tablespaces"),
            run: volume.join("run"),
            log: volume.join("log").join("postgresql.log"),
            log_socket: volume.join("run").join("log.sock"),
            staging: volume.join("staging"),
        }
    }
}

impl Fork<'_> {
    /// Makes the fork. `progress` counts the bytes of the files.
    pub fn run(&self, progress: &Progress) -> Result<Opened> {
        let windows = Windows::read(&self.vault)?;
        let window = windows.choose(&self.target)?.clone();
        let layout = Layout::of(&self.volume);
        self.refuse(&window, &layout)?;
        self.make_folders(&layout)?;
        let binary = self.reachable_binary()?;
        let command = restore_command(&binary, &["log-fetch", path_text(&layout.log_socket)?])?;
        let plan = Plan { target: self.target.clone(), timeline: window.timeline, restore_command: command };
        let began = self.host.clock.monotonic();
        let restored_bytes = self.restore_files(&window, &layout, &plan, progress)?;
        let files_done = self.host.clock.monotonic();
        let (segments, reached) = self.recover(&window, &layout, &plan)?;
        let done = self.host.clock.monotonic();
        let server = self.server(&layout)?;
        let (timeline, reached) = reached;
        let seconds = ((files_done - began).as_secs_f64(), (done - files_done).as_secs_f64());
        Ok(Opened { window, reached, timeline, server, data_directory: layout.data, restored_bytes, segments, seconds })
    }

    fn refuse(&self, window: &Window, layout: &Layout) -> Result<()> {
        check_major(window.stored.facts.server.version_number, self.installation.major)?;
        check_reachable(&self.volume, &self.host.engines)?;
        let socket = Address::socket(&layout.run, self.port)?;
        tracing::debug!(%socket, "the fork's socket");
        if layout.log_socket.as_os_str().len() > farshore_engines::postgresql::wire::SOCKET_PATH_BYTES_MAX {
            let what = format!("the socket path {} is too long", layout.log_socket.display());
            return Err(Error::invalid(what).hint("choose a folder with a shorter path"));
        }
        match Postmaster::read(&layout.data) {
            Ok(Some(running)) if running.is_alive() => {
                Err(Error::conflict(format!("a server runs on {}", layout.data.display()))
                    .hint("stop it, or choose another folder"))
            }
            _ => Ok(()),
        }
    }

    fn make_folders(&self, layout: &Layout) -> Result<()> {
        fs::create_dir_all(&self.volume).doing("make", self.volume.display())?;
        let log_folder = self.volume.join("log");
        for folder in [&layout.data, &layout.tablespaces, &layout.run, &log_folder] {
            fs::create_dir_all(folder).doing("make", folder.display())?;
            fs::set_permissions(folder, fs::Permissions::from_mode(FOLDER_MODE)).doing("close", folder.display())?;
            if let Some((user, group)) = self.host.engines.owner() {
                chown(folder, Some(user), Some(group)).doing("give away", folder.display())?;
            }
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
        let placements = place_tablespaces(&window.stored.tablespaces, &layout.tablespaces)?;
        let control = backup.body.closing.iter().find(|file| file.path == CONTROL_PATH);
        let control = control.ok_or_else(|| Error::corrupt("the backup holds no pg_control"))?;
        let mut closing: Vec<ClosingFile> =
            backup.body.closing.iter().filter(|file| file.path == "backup_label").cloned().collect();
        closing.extend(tablespace_map(&placements)?);
        closing.extend(self.configuration(layout).files()?);
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
        let restored = restore(&self.vault, &backup, &layout.data, &settings, progress)?;
        for folder in [&layout.data, &layout.tablespaces] {
            fs::set_permissions(folder, fs::Permissions::from_mode(FOLDER_MODE)).doing("close", folder.display())?;
        }
        Ok(restored.bytes)
    }

    fn configuration(&self, layout: &Layout) -> Configuration {
        Configuration {
            port: self.port,
            socket_directory: layout.run.clone(),
            superuser: self.superuser.clone(),
            system_users: vec![self.host.agent.name.clone(), self.host.engines.name.clone()],
            connections_max: 100,
            shared_buffers_mib: 128,
            slot_keep_mib: 4096,
            extra: Vec::new(),
        }
    }

    fn server(&self, layout: &Layout) -> Result<Server> {
        Ok(Server::new(Address::socket(&layout.run, self.port)?, &self.superuser))
    }

    /// Runs recovery to its end. A target after the last commit, inside the window, is an ordinary case on an idle database: the server
    /// stops with "not reached", and is started again towards the end.
    fn recover(&self, window: &Window, layout: &Layout, plan: &Plan) -> Result<(u64, (Timeline, Position))> {
        let task = FetchLog {
            vault: self.vault.clone(),
            stream: window.stream.clone(),
            segment_bytes: u64::from(window.stored.facts.server.wal_segment_size),
            staging: layout.staging.clone(),
            owner: self.host.engines.owner(),
            end: (window.timeline, window.reach.to),
            workers: self.workers,
        };
        let fetching = Fetching::new(task)?;
        let stop = Progress::default();
        std::thread::scope(|scope| {
            let serving = scope.spawn(|| fetching.serve(&layout.log_socket, &stop));
            let outcome = self.start_and_wait(layout, plan, &fetching);
            stop.stop();
            let served = serving.join().map_err(|_| Error::bug("the log server panicked")).and_then(|done| done);
            outcome.and_then(|()| served)
        })?;
        let reached = self.position_reached(layout)?;
        if plan.target.kind == TargetKind::Latest {
            self.check_end(window, reached)?;
        }
        self.settle(layout)?;
        Ok((fetching.served(), reached))
    }

    fn start_and_wait(&self, layout: &Layout, plan: &Plan, fetching: &Fetching) -> Result<()> {
        while !layout.log_socket.exists() {
            self.host.clock.pause(LOOK);
        }
        let mut again = Some(plan.to_the_end());
        loop {
            match self.attempt(layout, fetching)? {
                None => return Ok(()),
                Some(log)
                    if target_not_reached(&log)
                        && matches!(plan.target.kind, TargetKind::Time(_) | TargetKind::Position(_)) =>
                {
                    let Some(plan) = again.take() else { return Err(ended(&log)) };
                    tracing::info!("the target lies after the last commit: recovery goes on to the end of the log");
                    self.replace_settings(layout, &plan)?;
                }
                Some(log) => {
                    let reason =
                        fetching.failure().map(|reason| Error::corrupt(format!("recovery was stopped: {reason}")));
                    return Err(reason.unwrap_or_else(|| ended(&log)));
                }
            }
        }
    }

    /// Starts the server and waits until it is open (`None`) or ended (its log since).
    fn attempt(&self, layout: &Layout, fetching: &Fetching) -> Result<Option<String>> {
        let log_from = fs::metadata(&layout.log).map_or(0, |meta| meta.len());
        let program = provision::start(&self.installation, &layout.data, &layout.log, START_WAIT)?;
        let started = self.host.run(&program);
        let server = self.server(layout)?;
        loop {
            let alive = matches!(Postmaster::read(&layout.data), Ok(Some(postmaster)) if postmaster.is_alive());
            if !alive {
                let log = log_since(&layout.log, log_from)?;
                return match (log.is_empty(), started) {
                    (true, Err(error)) => Err(error),
                    _ => Ok(Some(log)),
                };
            }
            if matches!(readiness(&server, self.host.clock.clone()), Ok(Readiness::Ready { in_recovery: false })) {
                return Ok(None);
            }
            // A log that cannot be given makes the server stop by itself; nothing to do but to wait for it.
            if fetching.failure().is_some() {
                tracing::debug!("waiting for the server to give up");
            }
            self.host.clock.pause(LOOK);
        }
    }

    fn replace_settings(&self, layout: &Layout, plan: &Plan) -> Result<()> {
        let control = fs::read(layout.data.join(CONTROL_PATH)).doing("read", CONTROL_PATH)?;
        self.write(layout, &plan.files(&Control::parse(&control)?)?)
    }

    fn write(&self, layout: &Layout, files: &[ClosingFile]) -> Result<()> {
        let rights = |file: &ClosingFile| durable::Rights { mode: file.mode, owner: self.host.engines.owner() };
        files.iter().try_for_each(|file| durable::write(&layout.data.join(&file.path), &file.content, rights(file)))
    }

    /// Where the new timeline begins: that is how far recovery went.
    fn position_reached(&self, layout: &Layout) -> Result<(Timeline, Position)> {
        let mut replication = Replication::connect(&self.server(layout)?, self.host.clock.clone())?;
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

    /// Recovery is over: its settings must not be used again.
    fn settle(&self, layout: &Layout) -> Result<()> {
        let path = layout.data.join("postgresql.auto.conf");
        let text = fs::read_to_string(&path).doing("read", path.display())?;
        let kept: Vec<&str> = text
            .lines()
            .filter(|line| !line.starts_with("restore_command") && !line.starts_with("recovery_target"))
            .collect();
        let content = format!("{}\n", kept.join("\n")).into_bytes();
        self.write(layout, &[ClosingFile { path: "postgresql.auto.conf".to_string(), mode: 0o600, content }])?;
        self.host.run(&provision::reload(&self.installation, &layout.data)?).map(drop)
    }
}

/// Stops the server of a volume, cleanly. Nothing happens if none runs.
pub fn stop(host: &Host, installation: &Installation, volume: &Path) -> Result<bool> {
    let layout = Layout::of(volume);
    match Postmaster::read(&layout.data) {
        Ok(Some(running)) if running.is_alive() => {
            host.run(&provision::stop(installation, &layout.data, STOP_WAIT)?)?;
            Ok(true)
        }
        _ => Ok(false),
    }
}

fn path_text(path: &Path) -> Result<&str> {
    path.to_str().ok_or_else(|| Error::invalid(format!("{} is not UTF-8", path.display())))
}

fn log_since(path: &Path, from: u64) -> Result<String> {
    use std::io::{Read, Seek, SeekFrom};
    let mut file = fs::File::open(path).doing("read", path.display())?;
    let length = file.metadata().doing("read", path.display())?.len();
    file.seek(SeekFrom::Start(from.max(length.saturating_sub(LOG_TAIL_BYTES)))).doing("read", path.display())?;
    let mut bytes = Vec::new();
    file.take(LOG_TAIL_BYTES).read_to_end(&mut bytes).doing("read", path.display())?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

fn ended(log: &str) -> Error {
    let telling = |line: &&str| line.contains("FATAL") || line.contains("PANIC");
    let line = log.lines().rev().find(telling).or(log.lines().last()).unwrap_or("it left no log");
    Error::corrupt(format!("the server ended during recovery: {line}"))
        .hint("its log stands in the folder `log` of the fork")
}
