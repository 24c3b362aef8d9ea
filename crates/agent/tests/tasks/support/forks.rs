//! Forks of a region, with the real client of the log as `restore_command`; their servers end with the test.

use std::path::{Path, PathBuf};
use std::process::Command;

use farshore_agent::postgres::Layout;
use farshore_agent::tasks::fork::{Fork, Left, Opened};
use farshore_engines::postgresql::provision::{Installation, Postmaster};
use farshore_engines::postgresql::wire::Settings;
use farshore_types::{Progress, Result, Target, TargetKind};
use farshore_vault::Vault;
use rustix::process::{Pid, Signal, kill_process};

use super::cluster::{self, directory, free_port};
use super::{client, host, wait_until};

/// A folder for one fork, whose server ends with it.
pub struct Volume {
    base: tempfile::TempDir,
}

impl Volume {
    /// A new one.
    pub fn new() -> Volume {
        Volume { base: directory() }
    }

    /// Where the fork goes.
    pub fn path(&self) -> PathBuf {
        self.base.path().join("fork")
    }

    /// The data directory.
    pub fn data(&self) -> PathBuf {
        self.path().join("data")
    }

    /// What the fork's server has logged.
    pub fn log(&self) -> String {
        std::fs::read_to_string(Layout::new(self.path()).log_file()).unwrap_or_default()
    }

    /// The fork's server, if it lives.
    pub fn server(&self) -> Option<Pid> {
        let read = Postmaster::read(&self.data()).ok().flatten()?;
        read.is_alive().then(|| Pid::from_raw(read.pid)).flatten()
    }

    /// Whether a server has ever written here on a history of its own.
    pub fn has_promoted(&self) -> bool {
        self.log().contains("selected new timeline") || self.log().contains("archive recovery complete")
    }

    /// Kills the fork's server and waits until nothing of it is left.
    pub fn kill(&self, signal: Signal) {
        if let Some(pid) = self.server() {
            let _ = kill_process(pid, signal);
        }
        self.await_end();
    }

    /// Waits until nothing of the fork's server is left.
    pub fn await_end(&self) {
        let gone = || farshore_agent::process::working_in(&self.data()).map_or(true, |left| left.is_empty());
        wait_until("nothing is left of the fork's server", gone);
    }
}

impl Drop for Volume {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            self.kill(Signal::QUIT);
        } else if let Some(pid) = self.server() {
            let _ = kill_process(pid, Signal::QUIT);
        }
    }
}

/// An open fork.
pub struct Forked {
    pub opened: Opened,
    pub volume: Volume,
    installation: Installation,
}

/// Forks to a target.
pub fn fork(vault: &Vault, installation: &Installation, kind: TargetKind) -> Forked {
    fork_to(vault, installation, Target { kind, inclusive: true })
}

/// Forks to a target that may be exclusive.
pub fn fork_to(vault: &Vault, installation: &Installation, target: Target) -> Forked {
    let (volume, about) = (Volume::new(), target.to_string());
    let opened = try_fork(vault, installation, target, &volume);
    let opened = opened.unwrap_or_else(|error| panic!("{about}: {error}\n{}", volume.log()));
    Forked { opened, volume, installation: installation.clone() }
}

/// Forks, or says why not.
pub fn try_fork(vault: &Vault, installation: &Installation, target: Target, volume: &Volume) -> Result<Opened> {
    try_fork_at(vault, installation, target, &volume.path())
}

/// The same in a folder that somebody else looks after.
pub fn try_fork_at(vault: &Vault, installation: &Installation, target: Target, volume: &Path) -> Result<Opened> {
    let host = host();
    let fork = Fork {
        vault: vault.clone(),
        backup: None,
        target,
        volume: volume.to_path_buf(),
        installation: installation.clone(),
        port: free_port(),
        superuser: "postgres".to_string(),
        binary: client::write(volume.parent().unwrap()),
        workers: 2,
        left: Left::Running,
        host: &host,
    };
    fork.run(&Progress::default())
}

impl Forked {
    /// Runs SQL and returns the first value.
    pub fn sql(&self, sql: &str) -> String {
        cluster::query(&self.opened.server, sql)
    }

    /// Checks every table against its indexes in every database, and that every page has its checksum.
    pub fn check(self) {
        check_relations(&self.installation, &self.opened.server, &self.volume.path().join("run"));
        self.check_pages();
    }

    /// Stops the fork and checks every page's checksum.
    pub fn check_pages(self) {
        let checksums = self.sql("SHOW data_checksums") == "on";
        self.volume.kill(Signal::INT);
        if checksums {
            let mut checked = cluster::command(self.installation.program("pg_checksums").unwrap());
            cluster::run(checked.arg("--check").arg("-D").arg(self.volume.data()));
        }
    }
}

/// `pg_amcheck` over everything. The extension is made where it is missing.
pub fn check_relations(installation: &Installation, server: &Settings, socket: &Path) {
    let mut amcheck = Command::new(installation.program("pg_amcheck").unwrap());
    let port = match &server.address {
        farshore_engines::postgresql::wire::Address::Socket { port, .. } => port.to_string(),
        other => panic!("{other} is no socket"),
    };
    amcheck.env("LC_ALL", "C").arg("-h").arg(socket).args(["-p", &port, "-U", "postgres"]);
    amcheck.args(["--all", "--install-missing", "--heapallindexed", "--jobs=2"]);
    cluster::run(&mut amcheck);
}
