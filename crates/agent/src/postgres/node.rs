//! One node: start, watch and stop its server.
//!
//! What is wanted is recorded before it is done: a server that is wanted and not there has crashed. If we die after a
//! start, the server goes on, and `adopt` finds it. Starting and stopping may be repeated.

use std::path::{Component, Path};
use std::time::Duration;

use farshore_engines::postgresql::control::{State, read_stable};
use farshore_engines::postgresql::provision::{
    Configuration, Door, Installation, Postmaster, Probe, Readiness, Statistics,
};
use farshore_engines::postgresql::wire::{Address, Secret, Settings};
use farshore_types::error::ErrorContext;
use farshore_types::snapshot::ClosingFile;
use farshore_types::{Error, Program, Result};
use rustix::process::Signal;

use super::found;
use super::installed;
use super::layout::Layout;
use super::log;
use super::make::read_password;
use super::record::{Record, Wanted};
use super::spec::Sizes;
use crate::durable::{self, Lock, Rights};
use crate::host::Host;
use crate::process::Running;

/// Between two looks at a server that is starting.
const POLL: Duration = Duration::from_millis(20);
/// How long the processes of a dead server may take to notice.
const LEFTOVER_PATIENCE: Duration = Duration::from_secs(30);
/// Segments of log up to this size go with the server's own settings; initdb makes such ones unless told otherwise.
const USUAL_SEGMENT_MIB: u64 = 16;
/// For one attempt to connect while waiting.
const CONNECT_DEADLINE: Duration = Duration::from_secs(5);

/// What a node is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    /// Never started, or stopped as it should be.
    Stopped,
    /// It should run and does not.
    Crashed,
    /// It runs, but accepts no connections: starting, recovering or stopping.
    Busy,
    /// It answers queries.
    Ready {
        /// Whether it is a standby, or recovering with hot standby on.
        in_recovery: bool,
    },
}

/// A node of PostgreSQL that this agent has. Dropping it leaves the server running and lets another agent have it.
pub struct Node {
    layout: Layout,
    pub(super) record: Record,
    host: Host,
    running: Option<Running>,
    probe: Probe,
    _lock: Lock,
}

impl Node {
    /// A node whose volume we have locked; its server is looked for.
    pub(super) fn found(layout: Layout, record: Record, host: Host, lock: Lock) -> Result<Node> {
        if record.engine_user != host.engines.name {
            let (then, now) = (&record.engine_user, &host.engines.name);
            let what = format!("node {} runs as user {then}, this agent as {now}", layout.volume().display());
            return Err(Error::conflict(what).hint(format!("name user {then} as the one that runs databases")));
        }
        let mut node = Node { layout, record, host, running: None, probe: Probe::default(), _lock: lock };
        node.find()?;
        Ok(node)
    }

    /// Where it keeps what.
    pub fn layout(&self) -> &Layout {
        &self.layout
    }

    /// Its TCP port on 127.0.0.1, also part of the socket's name.
    pub fn port(&self) -> u16 {
        self.record.port
    }

    /// The PostgreSQL that it runs on.
    pub fn installation(&self) -> Installation {
        Installation {
            major: self.record.major,
            version: self.record.server_version.clone(),
            bin_directory: self.record.bin_directory.clone(),
        }
    }

    /// How to log in as the superuser over the socket: by who we are, without a password.
    pub fn settings(&self) -> Result<Settings> {
        let address = Address::socket(self.layout.run(), self.record.port)?;
        Ok(Settings::new(address, &self.record.superuser).unlogged())
    }

    /// The superuser's password for 127.0.0.1, if Farshore made it: a restored node has those of its source.
    pub fn password(&self) -> Result<Option<Secret>> {
        Ok(read_password(&self.layout)?.map(Secret::new))
    }

    /// The process id of its server, if one runs.
    pub fn pid(&self) -> Option<i32> {
        self.running.as_ref().map(|running| running.id().pid)
    }

    /// Starts the server and waits until it answers queries. At the deadline it is left alone, starting.
    pub fn start(&mut self, deadline: Duration) -> Result<()> {
        let ran = self.find()?;
        self.launch()?;
        self.ready(deadline)?;
        // One that ran may have been started with others.
        if ran { Ok(()) } else { self.prove() }
    }

    /// Starts the server, unless it runs, and does not wait: one that replays a long log needs its time. The
    /// configuration files are written anew first.
    pub fn launch(&mut self) -> Result<()> {
        let volume = self.layout.volume().to_path_buf();
        self.launch_quietly().doing("start", volume.display())
    }

    /// Waits until the server answers queries. An error (`Transient`) when it ends instead, with what it said last, and
    /// `Busy` when that takes too long.
    pub fn ready(&mut self, deadline: Duration) -> Result<()> {
        let until = self.host.clock.monotonic().saturating_add(deadline);
        loop {
            match self.status()? {
                Status::Ready { .. } => return Ok(()),
                Status::Stopped | Status::Crashed => return Err(self.ended()),
                Status::Busy if self.host.clock.monotonic() >= until => {
                    let (volume, seconds) = (self.layout.volume().display(), deadline.as_secs());
                    let what = format!("the server of {volume} accepts no connections after {seconds} s");
                    return Err(Error::busy(what).hint(self.see_log()));
                }
                Status::Busy => self.host.clock.pause(POLL),
            }
        }
    }

    /// Stops the server: no new sessions, open transactions rolled back, a last checkpoint. It waits for walsenders, so
    /// end the log's stream first. `Busy` at the deadline; it is never killed, and goes on stopping. Nothing happens when
    /// it does not run.
    pub fn stop(&mut self, deadline: Duration) -> Result<()> {
        let volume = self.layout.volume().to_path_buf();
        self.stop_quietly(deadline).doing("stop", volume.display())
    }

    /// Makes the server read its configuration files again; ends before it has done so.
    pub fn reload(&mut self) -> Result<()> {
        self.write_configuration()?;
        if self.find()? {
            return self.signal(Signal::HUP);
        }
        Err(Error::conflict(format!("the server of {} does not run", self.layout.volume().display())))
    }

    /// Takes other sizes, another door and other settings, durably. A running server reads what it can at once, and the rest at its
    /// next start. Refused settings change nothing.
    pub fn reconfigure(&mut self, sizes: Sizes, door: Option<Door>, extra: Vec<(String, String)>) -> Result<()> {
        if self.record.proven.is_none() && self.find()? {
            // An earlier version started it, with what it has.
            self.record.proven = Some(self.configured());
        }
        let before = (self.record.sizes.clone(), self.record.door.clone(), self.record.extra.clone());
        (self.record.sizes, self.record.door, self.record.extra) = (sizes, door, extra);
        if let Err(error) = self.configuration().files() {
            (self.record.sizes, self.record.door, self.record.extra) = before;
            return Err(error.context("configure", self.layout.volume().display()));
        }
        self.record.refused = None;
        self.keep_record()?;
        self.write_configuration()?;
        if self.find()? { self.signal(Signal::HUP) } else { Ok(()) }
    }

    /// Whether its server runs, whatever it is doing. Cheap.
    pub fn is_alive(&self) -> Result<bool> {
        self.running.as_ref().map_or(Ok(false), Running::is_alive)
    }

    /// What it is doing. Connects only when the server says that it accepts connections, and keeps that session for the next time.
    pub fn status(&mut self) -> Result<Status> {
        if !self.find()? {
            return Ok(match self.record.wanted {
                Wanted::Running => Status::Crashed,
                Wanted::Stopped => Status::Stopped,
            });
        }
        let says = Postmaster::read(&self.layout.data())?;
        let ours = says.filter(|says| Some(says.pid) == self.pid());
        if !ours.is_some_and(|says| matches!(says.status.as_str(), "ready" | "standby")) {
            return Ok(Status::Busy);
        }
        let mut settings = self.settings()?;
        settings.deadline = CONNECT_DEADLINE;
        Ok(match self.probe.ask(&settings, self.host.clock.clone())? {
            Readiness::Ready { in_recovery } => Status::Ready { in_recovery },
            Readiness::Busy | Readiness::Absent => Status::Busy,
        })
    }

    /// What the server has said since it was started last; at most the last 256 KiB.
    pub fn log(&self) -> Result<String> {
        log_since(&self.layout, self.record.log_from)
    }

    /// Where in its file that begins.
    pub fn log_from(&self) -> u64 {
        self.record.log_from
    }

    /// Writes files into the data directory, in order, durably, as the server's user: recovery settings, and whatever
    /// must come last at a restore.
    pub fn put_files(&self, files: &[ClosingFile]) -> Result<()> {
        for file in files {
            let path = Path::new(&file.path);
            if !path.components().all(|component| matches!(component, Component::Normal(_))) {
                return Err(Error::invalid(format!("{:?} is not a path within a data directory", file.path)));
            }
            let rights = Rights { mode: file.mode, owner: self.host.engines.owner() };
            durable::write(&self.layout.data().join(path), &file.content, rights)?;
        }
        Ok(())
    }

    /// Removes the node with all its data; refused while its server runs.
    pub fn remove(mut self) -> Result<()> {
        let volume = self.layout.volume().to_path_buf();
        if self.find()? {
            let what = format!("the server of {} still runs", volume.display());
            return Err(Error::conflict(what).hint("stop it first"));
        }
        match std::fs::remove_dir_all(&volume) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
            outcome => outcome.doing("remove", volume.display()),
        }
    }

    /// Writes the configuration files of this node, as its installation allows now: it may have been changed since.
    pub(super) fn write_configuration(&self) -> Result<()> {
        let mut configuration = self.configuration();
        configuration.statistics = installed::statistics(&self.host, &self.installation())?;
        configuration.extra.splice(0..0, self.room_for_log());
        self.put_files(&configuration.files()?)
    }

    /// A restored server's segments of log may be so large that it refuses to start with what its settings are without being told: these are
    /// the ones that initdb would have written (PostgreSQL documentation, "Write Ahead Log", heading "Checkpoints").
    fn room_for_log(&self) -> Vec<(String, String)> {
        let control = read_stable(&self.layout.data(), &*self.host.clock).ok();
        let segment = control.map_or(0, |(control, _)| u64::from(control.wal_segment_size) >> 20);
        let setting = |name: &str, segments: u64| (name.to_string(), format!("{}MB", segments * segment));
        match segment > USUAL_SEGMENT_MIB {
            true => vec![setting("min_wal_size", 5), setting("max_wal_size", 64)],
            false => Vec::new(),
        }
    }

    /// Writes `node.json`.
    pub(super) fn keep_record(&self) -> Result<()> {
        self.record.write(&self.layout.record())
    }

    fn configuration(&self) -> Configuration {
        let mut system_users = vec![self.host.agent.name.clone(), self.host.engines.name.clone()];
        system_users.dedup();
        Configuration {
            port: self.record.port,
            socket_directory: self.layout.run(),
            superuser: self.record.superuser.clone(),
            system_users,
            connections_max: self.record.sizes.connections_max,
            shared_buffers_mib: self.record.sizes.shared_buffers_mib,
            slot_keep_mib: self.record.sizes.slot_keep_mib,
            door: self.record.door.clone(),
            statistics: Statistics::Unavailable,
            extra: self.record.extra.clone(),
        }
    }

    fn launch_quietly(&mut self) -> Result<()> {
        if self.find()? || self.outlive_leftovers()? {
            return self.want(Wanted::Running);
        }
        found::bury(&self.layout.data())?;
        crate::account::check_reachable(&self.layout.data(), &self.host.engines)?;
        self.leave_recovery()?;
        self.write_configuration()?;
        let log_file = self.layout.log_file();
        self.record.log_from = log::rotate(&log_file)?;
        self.want(Wanted::Running)?;
        let data = self.layout.data();
        let data = data.to_str().ok_or_else(|| Error::invalid("the volume's path is not UTF-8"))?;
        let program = Program::new(self.installation().program("postgres")?, &["-D", data]);
        let running = Running::start(&program, &self.host.engines, &log_file)?;
        self.record.process = Some(running.id().clone());
        self.running = Some(running);
        self.keep_record()
    }

    /// Waits until no process of a dead server is left; true when one of them turns out to be a living server.
    fn outlive_leftovers(&mut self) -> Result<bool> {
        let until = self.host.clock.monotonic().saturating_add(LEFTOVER_PATIENCE);
        loop {
            let left = found::processes(&self.layout.data())?;
            if left.is_empty() {
                return Ok(false);
            }
            if self.find()? {
                return Ok(true);
            }
            if self.host.clock.monotonic() >= until {
                let what = format!("processes {left:?} of a server that died still work in its data directory");
                return Err(Error::busy(what).hint("end them, then start again"));
            }
            self.host.clock.pause(POLL);
        }
    }

    fn stop_quietly(&mut self, deadline: Duration) -> Result<()> {
        let wanted = self.want(Wanted::Stopped);
        self.unless_gone(wanted)?;
        if !self.find()? {
            return Ok(());
        }
        self.signal(Signal::INT)?;
        let ended = self.running.as_ref().map_or(Ok(true), |running| running.wait(deadline, &*self.host.clock))?;
        if !ended {
            let what = format!("the server still runs {} s after it was told to stop", deadline.as_secs());
            return Err(Error::busy(what).hint("end the streams of its log, then stop it again"));
        }
        (self.running, self.record.process) = (None, None);
        self.unless_gone(self.keep_record())?;
        let (control, _) = read_stable(&self.layout.data(), &*self.host.clock)?;
        match control.state {
            State::ShutDown | State::ShutDownInRecovery => Ok(()),
            other => Err(Error::transient(format!("the server ended in state {other:?}")).hint(self.see_log())),
        }
    }

    /// A volume that was removed keeps no record, and its server must end all the same.
    fn unless_gone(&self, kept: Result<()>) -> Result<()> {
        if self.layout.volume().exists() { kept } else { Ok(()) }
    }

    /// Looks for the server; true when one runs. The server that we started, or the one that its pid file names.
    fn find(&mut self) -> Result<bool> {
        if self.is_alive()? {
            return Ok(true);
        }
        self.running = self.record.process.clone().map(Running::adopt).transpose()?.flatten();
        if self.running.is_none() {
            self.running = found::server(&self.layout.data())?.map(Running::adopt).transpose()?.flatten();
        }
        Ok(self.running.is_some())
    }

    fn want(&mut self, wanted: Wanted) -> Result<()> {
        let process = self.running.as_ref().map(|running| running.id().clone());
        if self.record.wanted != wanted || self.record.process != process {
            (self.record.wanted, self.record.process) = (wanted, process);
            self.keep_record()?;
        }
        Ok(())
    }

    fn signal(&self, signal: Signal) -> Result<()> {
        self.running.as_ref().map_or(Ok(()), |running| running.signal(signal))
    }

    fn ended(&self) -> Error {
        let said = self.log().map(|log| log::last_words(&log)).unwrap_or_default();
        let what = format!("the server of {} does not run: {said}", self.layout.volume().display());
        Error::transient(what).hint(self.see_log())
    }

    fn see_log(&self) -> String {
        format!("see {}", self.layout.log_file().display())
    }
}

/// What the server of a volume has said since a place in its log file; at most the last 256 KiB.
pub fn log_since(layout: &Layout, from: u64) -> Result<String> {
    log::since(&layout.log_file(), from)
}
