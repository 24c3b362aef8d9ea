//! A PostgreSQL server that somebody else made: below `/tmp`, with trust on the socket, ended when dropped.

use std::fs::{self, File, Permissions};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::sync::Arc;

use farshore_agent::process::working_in;
use farshore_engines::postgresql::provision::Installation;
use farshore_engines::postgresql::wire::{Address, Connection, Settings};
use farshore_types::{Clock, ErrorKind, SystemClock};
use rustix::process::{Pid, Signal, kill_process};

use super::{PATIENCE, POLL, clock, host, wait_until};

/// What every server here is started with: no waiting for the disk, no work of its own.
const SETTINGS: [&str; 8] = [
    "fsync=off",
    "autovacuum=off",
    "shared_buffers=32MB",
    "max_wal_size=512MB",
    "listen_addresses=",
    "max_slot_wal_keep_size=1GB",
    "wal_keep_size=512MB",
    "track_commit_timestamp=on",
];

/// A server and its directory.
pub struct Cluster {
    pub installation: Installation,
    pub data: PathBuf,
    pub port: u16,
    base: Arc<tempfile::TempDir>,
    process: Option<Child>,
}

impl Cluster {
    /// Makes and starts a cluster with page checksums.
    pub fn start(installation: &Installation) -> Cluster {
        let mut cluster = Cluster::make(installation, true);
        cluster.run(&[]);
        cluster
    }

    /// Makes a cluster without starting it.
    pub fn make(installation: &Installation, checksums: bool) -> Cluster {
        let base = Arc::new(directory());
        let data = base.path().join("data");
        let mut initdb = command(installation.program("initdb").unwrap());
        initdb.arg("-D").arg(&data).args(["-U", "postgres", "--auth=trust", "--no-sync", "--encoding=UTF8"]);
        initdb.arg("--locale=C.UTF-8");
        match (checksums, installation.major) {
            (true, _) => drop(initdb.arg("--data-checksums")),
            (false, 18..) => drop(initdb.arg("--no-data-checksums")),
            (false, _) => {}
        }
        run(&mut initdb);
        Cluster { installation: installation.clone(), data, port: free_port(), base, process: None }
    }

    /// A second cluster in the same place, on data that a test puts there.
    pub fn beside(&self, name: &str) -> Cluster {
        let (installation, data) = (self.installation.clone(), self.base().join(name));
        Cluster { installation, data, port: free_port(), base: self.base.clone(), process: None }
    }

    /// The directory that holds everything of this cluster, its socket too; others may enter it.
    pub fn base(&self) -> &Path {
        self.base.path()
    }

    /// A folder below the base that the server owns.
    pub fn folder(&self, name: &str) -> PathBuf {
        let path = self.base().join(name);
        fs::create_dir_all(&path).unwrap();
        give(&path);
        path
    }

    /// Starts the server with further settings and waits until it accepts connections.
    pub fn run(&mut self, settings: &[&str]) {
        let log = File::options().create(true).append(true).open(self.log_path()).unwrap();
        let mut postgres = command(self.installation.program("postgres").unwrap());
        postgres.arg("-D").arg(&self.data).arg(format!("-cport={}", self.port));
        postgres.arg(format!("-cunix_socket_directories={}", self.base().display()));
        for setting in SETTINGS.iter().chain(settings) {
            postgres.arg("-c").arg(setting);
        }
        self.process = Some(postgres.stdout(log.try_clone().unwrap()).stderr(log).spawn().unwrap());
        let clock = SystemClock::new();
        while let Err(error) = Connection::connect(&self.settings(), Arc::new(clock)) {
            let alive = self.process.as_mut().unwrap().try_wait().unwrap().is_none();
            let waiting = error.kind() == ErrorKind::Transient && clock.monotonic() < PATIENCE;
            assert!(alive && waiting, "{error}\n{}", self.log());
            clock.pause(POLL);
        }
    }

    fn log_path(&self) -> PathBuf {
        self.base().join(format!("log-{}", self.port))
    }

    /// What the server has logged.
    pub fn log(&self) -> String {
        fs::read_to_string(self.log_path()).unwrap_or_default()
    }

    /// Stops the server: fast, with a last checkpoint.
    pub fn stop(&mut self) {
        self.end(Signal::INT);
    }

    /// Kills the server as if it had crashed, and waits until nothing of it is left.
    pub fn crash(&mut self) {
        self.end(Signal::KILL);
        wait_until("nothing is left of the killed server", || working_in(&self.data).unwrap().is_empty());
    }

    /// The server's process, for whoever kills it in the middle of something.
    pub fn pid(&self) -> Pid {
        Pid::from_child(self.process.as_ref().unwrap())
    }

    fn end(&mut self, signal: Signal) {
        if let Some(mut process) = self.process.take() {
            let _ = kill_process(Pid::from_child(&process), signal);
            let _ = process.wait();
        }
    }

    /// The superuser on the socket.
    pub fn settings(&self) -> Settings {
        Settings::new(Address::socket(self.base(), self.port).unwrap(), "postgres")
    }

    /// A session of the superuser.
    pub fn connect(&self) -> Connection {
        Connection::connect(&self.settings(), clock()).unwrap()
    }

    /// Runs SQL in a session of its own and returns the first value.
    pub fn sql(&self, sql: &str) -> String {
        query(&self.settings(), sql)
    }

    /// The same in another database.
    pub fn sql_in(&self, database: &str, sql: &str) -> String {
        query(&self.settings().with_database(database), sql)
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        self.end(Signal::QUIT);
    }
}

/// Runs SQL in a session of its own and returns the first value.
pub fn query(settings: &Settings, sql: &str) -> String {
    let mut connection = Connection::connect(settings, clock()).unwrap_or_else(|error| panic!("{sql}: {error}"));
    connection.one_value(sql).unwrap_or_else(|error| panic!("{sql}: {error}")).unwrap_or_default()
}

/// A command as the unprivileged user that PostgreSQL insists on.
pub fn command(path: impl AsRef<Path>) -> Command {
    let mut command = Command::new(path.as_ref());
    command.env("LC_ALL", "C").env("TZ", "UTC").current_dir("/");
    if let Some((user, group)) = host().engines.owner() {
        command.uid(user).gid(group);
    }
    command
}

/// Runs a command to its end and returns what it printed; fails the test if the command fails.
pub fn run(command: &mut Command) -> String {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{command:?}: {text}{}", String::from_utf8_lossy(&output.stderr));
    text
}

/// A directory that the server's user owns and everybody can enter.
pub fn directory() -> tempfile::TempDir {
    let directory = tempfile::Builder::new().prefix("fs-task-").tempdir_in("/tmp").unwrap();
    fs::set_permissions(directory.path(), Permissions::from_mode(0o755)).unwrap();
    give(directory.path());
    directory
}

/// Gives a path to the server's user.
pub fn give(path: &Path) {
    if let Some((user, group)) = host().engines.owner() {
        std::os::unix::fs::chown(path, Some(user), Some(group)).unwrap();
    }
}

/// A TCP port that was free a moment ago; only part of the socket's name here.
pub fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}
