//! Empty stores to test on: a file for SQLite, a database of its own on a server that this process starts for PostgreSQL.
//!
//! The server is held by a shell that waits for the end of this process, however it ends, and then stops and removes it.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use farshore_store::Store;
use farshore_types::{Clock, SystemClock};

const START_DEADLINE: Duration = Duration::from_secs(60);
const POLL: Duration = Duration::from_millis(20);
/// Runs the server until the test process is gone, which closes the pipe that `read` waits for.
const KEEPER: &str = "bin=$1; base=$2; \"$bin/postgres\" -D \"$base/data\" -k \"$base\" -c listen_addresses= -c fsync=off \
     -c max_connections=60 >\"$base/log\" 2>&1 & server=$!; read -r _; kill -QUIT $server; wait $server; rm -rf \"$base\"";

/// An empty place for a store.
pub struct Place {
    /// For `Store::open`.
    pub location: String,
    _directory: Option<tempfile::TempDir>,
}

impl Place {
    /// A store that is opened here.
    pub fn open(&self) -> Arc<Store> {
        Arc::new(Store::open(&self.location, clock()).unwrap())
    }
}

/// The machine's clock.
pub fn clock() -> Arc<dyn Clock> {
    Arc::new(SystemClock::new())
}

/// A new file.
pub fn sqlite() -> Place {
    let directory = tempfile::tempdir().unwrap();
    Place { location: format!("sqlite:{}", directory.path().join("store").display()), _directory: Some(directory) }
}

/// A new database; none without PostgreSQL on this machine, which `CI=true` does not allow.
pub fn postgresql() -> Option<Place> {
    static SERVER: OnceLock<Option<Server>> = OnceLock::new();
    static NUMBER: AtomicU32 = AtomicU32::new(0);
    let server = SERVER.get_or_init(Server::start).as_ref()?;
    let name = format!("test{}", NUMBER.fetch_add(1, Ordering::Relaxed));
    let mut admin = postgres::Client::connect(&server.location("postgres"), postgres::NoTls).unwrap();
    admin.batch_execute(&format!("CREATE DATABASE {name}")).unwrap();
    Some(Place { location: server.location(&name), _directory: None })
}

struct Server {
    base: PathBuf,
    _keeper: Child,
}

impl Server {
    fn start() -> Option<Server> {
        let Some(bin) = programs() else {
            assert!(std::env::var("CI").as_deref() != Ok("true"), "no PostgreSQL: set FARSHORE_TEST_PG");
            eprintln!("skipped: no PostgreSQL on this machine");
            return None;
        };
        let base = tempfile::Builder::new().prefix("fs-runs-").tempdir_in("/tmp").unwrap().keep();
        fs::set_permissions(&base, Permissions::from_mode(0o700)).unwrap();
        if let Some((user, group)) = unprivileged() {
            std::os::unix::fs::chown(&base, Some(user), Some(group)).unwrap();
        }
        let mut initdb = command(&bin.join("initdb"));
        initdb.arg("-D").arg(base.join("data")).args([
            "-U",
            "postgres",
            "--auth=trust",
            "--no-sync",
            "--encoding=UTF8",
        ]);
        let output = initdb.args(["--locale=C.UTF-8"]).output().unwrap();
        assert!(output.status.success(), "initdb: {}", String::from_utf8_lossy(&output.stderr));
        let mut keeper = command(Path::new("/bin/sh"));
        keeper.args(["-c", KEEPER, "keeper"]).arg(&bin).arg(&base);
        let server = Server { _keeper: keeper.stdin(Stdio::piped()).spawn().unwrap(), base };
        let clock = SystemClock::new();
        while postgres::Client::connect(&server.location("postgres"), postgres::NoTls).is_err() {
            let log = || fs::read_to_string(server.base.join("log")).unwrap_or_default();
            assert!(clock.monotonic() < START_DEADLINE, "the server does not start: {}", log());
            clock.pause(POLL);
        }
        Some(server)
    }

    fn location(&self, database: &str) -> String {
        format!("postgres://postgres@/{database}?host={}", self.base.display())
    }
}

fn programs() -> Option<PathBuf> {
    let named = std::env::var_os("FARSHORE_TEST_PG").map(PathBuf::from);
    let installed = fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    named.into_iter().chain(installed.map(|entry| entry.path().join("bin"))).find(|bin| bin.join("postgres").exists())
}

/// A command as the unprivileged user that PostgreSQL insists on.
fn command(path: &Path) -> Command {
    let mut command = Command::new(path);
    command.env("LC_ALL", "C").env("TZ", "UTC").current_dir("/");
    if let Some((user, group)) = unprivileged() {
        command.uid(user).gid(group);
    }
    command
}

fn unprivileged() -> Option<(u32, u32)> {
    if !rustix::process::geteuid().is_root() {
        return None;
    }
    let users = fs::read_to_string("/etc/passwd").unwrap();
    let line = users.lines().find(|line| line.starts_with("postgres:")).expect("a user postgres for tests as root");
    let fields: Vec<&str> = line.split(':').collect();
    Some((fields[2].parse().unwrap(), fields[3].parse().unwrap()))
}
