//! A PostgreSQL server for one test: made in a directory below `/tmp`, stopped and removed when dropped.

use std::fs::{self, File, Permissions};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::sync::Arc;
use std::time::Duration;

use farshore_engines::postgresql::replication::Replication;
use farshore_engines::postgresql::wire::{Address, Connection, Settings};
use farshore_types::{Clock, ErrorKind, SystemClock};
use rustix::process::{Pid, Signal, geteuid, kill_process};

/// The password of the superuser in every test cluster.
pub const PASSWORD: &str = "correct horse 'battery'";
const START_DEADLINE: Duration = Duration::from_secs(60);
const POLL: Duration = Duration::from_millis(20);

/// Directories of binaries to test with: the installed ones, and the one that `FARSHORE_TEST_PG_NEXT` names, which must
/// be there under `CI=true`.
pub fn installations() -> Vec<PathBuf> {
    let installed =
        fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten().map(|entry| entry.path().join("bin"));
    let mut found: Vec<PathBuf> = installed.filter(|bin| bin.join("postgres").exists()).collect();
    match std::env::var_os("FARSHORE_TEST_PG_NEXT").map(PathBuf::from) {
        Some(next) => {
            assert!(next.join("postgres").exists(), "FARSHORE_TEST_PG_NEXT names {}: no server there", next.display());
            found.push(next);
        }
        None => assert!(std::env::var_os("CI").is_none_or(|ci| ci != "true"), "CI needs FARSHORE_TEST_PG_NEXT"),
    }
    assert!(!found.is_empty(), "no PostgreSQL below /usr/lib/postgresql and none in FARSHORE_TEST_PG_NEXT");
    found
}

/// The clock of all tests here: servers live in real time.
pub fn clock() -> Arc<dyn Clock> {
    Arc::new(SystemClock::new())
}

/// A command as the unprivileged user that PostgreSQL insists on.
pub fn command(path: impl AsRef<Path>) -> Command {
    let mut command = Command::new(path.as_ref());
    command.env("LC_ALL", "C").env("TZ", "UTC").current_dir("/");
    if let Some((user, group)) = unprivileged() {
        command.uid(user).gid(group);
    }
    command
}

/// User and group id of `postgres`, when running as root.
pub fn unprivileged() -> Option<(u32, u32)> {
    if !geteuid().is_root() {
        return None;
    }
    let users = fs::read_to_string("/etc/passwd").unwrap();
    let line = users.lines().find(|line| line.starts_with("postgres:")).expect("a user postgres for tests as root");
    let fields: Vec<&str> = line.split(':').collect();
    Some((fields[2].parse().unwrap(), fields[3].parse().unwrap()))
}

/// Runs a command to its end and returns what it printed; fails the test if the command fails.
pub fn run(mut command: Command) -> String {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{command:?}: {text}{}", String::from_utf8_lossy(&output.stderr));
    text
}

/// A directory that the unprivileged user owns.
pub fn directory() -> tempfile::TempDir {
    let directory = tempfile::Builder::new().prefix("fs-pg-").tempdir_in("/tmp").unwrap();
    fs::set_permissions(directory.path(), Permissions::from_mode(0o755)).unwrap();
    give(directory.path());
    directory
}

/// Gives a path to the unprivileged user.
pub fn give(path: &Path) {
    if let Some((user, group)) = unprivileged() {
        std::os::unix::fs::chown(path, Some(user), Some(group)).unwrap();
    }
}

/// Makes a directory that the unprivileged user owns.
pub fn make_directory(path: &Path) {
    fs::create_dir(path).unwrap();
    give(path);
}

/// A server and its directory.
pub struct Cluster {
    pub bin: PathBuf,
    pub data: PathBuf,
    pub port: u16,
    base: Arc<tempfile::TempDir>,
    process: Option<Child>,
}

impl Cluster {
    /// Makes and starts a cluster with page checksums.
    pub fn start(bin: &Path) -> Cluster {
        let mut cluster = Cluster::make(bin, &["--data-checksums"]);
        cluster.run(&[]);
        cluster
    }

    /// Makes a cluster without starting it.
    pub fn make(bin: &Path, options: &[&str]) -> Cluster {
        let base = Arc::new(directory());
        let data = base.path().join("data");
        let password_file = base.path().join("password");
        fs::write(&password_file, PASSWORD).unwrap();
        give(&password_file);
        let mut initdb = command(bin.join("initdb"));
        initdb.arg("-D").arg(&data).args(["-U", "postgres", "--auth-local=trust", "--auth-host=scram-sha-256"]);
        initdb.args(["--no-sync", "--encoding=UTF8", "--locale=C.UTF-8"]).args(options);
        run(initdb.into_with_file("--pwfile", &password_file));
        Cluster { bin: bin.to_path_buf(), data, port: free_port(), base, process: None }
    }

    /// A second cluster in the same temporary directory, on data that a test has put there.
    pub fn beside(&self, name: &str) -> Cluster {
        let (bin, data) = (self.bin.clone(), self.base.path().join(name));
        Cluster { bin, data, port: free_port(), base: self.base.clone(), process: None }
    }

    /// The directory that holds everything of this cluster, its socket too.
    pub fn base(&self) -> &Path {
        self.base.path()
    }

    /// Starts the server with settings and waits until it accepts connections.
    pub fn run(&mut self, settings: &[&str]) {
        let log = File::create(self.base().join(format!("log-{}", self.port))).unwrap();
        let mut postgres = command(self.bin.join("postgres"));
        postgres.arg("-D").arg(&self.data).args(["-c", "fsync=off", "-c", "listen_addresses=127.0.0.1"]);
        postgres
            .arg(format!("-cunix_socket_directories={}", self.base().display()))
            .arg(format!("-cport={}", self.port));
        for setting in settings {
            postgres.arg("-c").arg(setting);
        }
        self.process = Some(postgres.stdout(log.try_clone().unwrap()).stderr(log).spawn().unwrap());
        let clock = SystemClock::new();
        while let Err(error) = Connection::connect(&self.settings(), Arc::new(clock)) {
            let alive = self.process.as_mut().unwrap().try_wait().unwrap().is_none();
            let waiting = error.kind() == ErrorKind::Transient && clock.monotonic() < START_DEADLINE;
            assert!(alive && waiting, "{error}\n{}", self.log());
            clock.pause(POLL);
        }
    }

    /// What the server has logged.
    pub fn log(&self) -> String {
        fs::read_to_string(self.base().join(format!("log-{}", self.port))).unwrap_or_default()
    }

    /// Stops the server: fast, with a last checkpoint.
    pub fn stop(&mut self) {
        self.signal(Signal::INT);
        if let Some(mut process) = self.process.take() {
            process.wait().unwrap();
        }
    }

    /// Sends a signal to the server.
    pub fn signal(&self, signal: Signal) {
        if let Some(process) = &self.process {
            kill_process(Pid::from_child(process), signal).unwrap();
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

    /// A replication session of the superuser.
    pub fn replication(&self) -> Replication {
        Replication::connect(&self.settings(), clock()).unwrap()
    }

    /// Runs SQL in a session of its own and returns the first value.
    pub fn sql(&self, sql: &str) -> String {
        let mut connection = self.connect();
        connection.one_value(sql).unwrap_or_else(|error| panic!("{sql}: {error}")).unwrap_or_default()
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        if let Some(mut process) = self.process.take() {
            let _ = kill_process(Pid::from_child(&process), Signal::QUIT);
            let _ = process.wait();
        }
    }
}

/// Adds an option whose value is a file to a command.
trait WithFile {
    fn into_with_file(self, option: &str, file: &Path) -> Command;
}

impl WithFile for Command {
    fn into_with_file(mut self, option: &str, file: &Path) -> Command {
        self.arg(option).arg(file);
        self
    }
}

/// A TCP port that was free a moment ago.
pub fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}
