//! Nodes of PostgreSQL for tests: in a directory below `/tmp` that every user can enter, stopped and removed when dropped.
//!
//! `node("a")` is started and has an empty cluster on the first installation; `place` only has the directory, for tests
//! that provision or restore themselves. As root a user `postgres` must exist.

#![allow(dead_code, reason = "no test uses all of it")]
#![allow(clippy::unwrap_used, clippy::panic, reason = "a helper that cannot go on fails its test")]

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use farshore_agent::host::Host;
use farshore_agent::postgres::{Node, Sizes, Spec, provision};
use farshore_agent::process::{ProcessId, Running, working_in};
use farshore_engines::postgresql::provision::{Installation, candidates, version_program};
use farshore_engines::postgresql::wire::Connection;
use farshore_types::{Clock, SystemClock, SystemEntropy};
use rustix::process::Signal;

/// For starts and stops in tests; the machine may be busy.
pub const DEADLINE: Duration = Duration::from_secs(120);
/// Installations below this directory and the one that the variable names are tested.
const NEXT: &str = "FARSHORE_TEST_PG_NEXT";

/// This machine.
pub fn host() -> Host {
    Host::new(None, clock(), Arc::new(SystemEntropy)).unwrap()
}

/// The clock of all tests here: servers live in real time.
pub fn clock() -> Arc<dyn Clock> {
    Arc::new(SystemClock::new())
}

/// All PostgreSQL to test with: at least one; two under `CI=true`.
pub fn installations() -> Vec<Installation> {
    let next = std::env::var_os(NEXT).map(PathBuf::from);
    let mut bins = candidates(None, None);
    bins.extend(next.filter(|bin| bin.join("postgres").exists()));
    let found: Vec<Installation> = bins.iter().map(|bin| installation(bin)).collect();
    assert!(!found.is_empty(), "no PostgreSQL is installed");
    assert!(found.len() > 1 || std::env::var("CI").as_deref() != Ok("true"), "{NEXT} names no second PostgreSQL");
    found
}

fn installation(bin: &Path) -> Installation {
    let printed = host().run(&version_program(bin)).unwrap().text();
    Installation::parse(bin, &printed).unwrap()
}

/// A directory below `/tmp` that every user can enter; removed with all servers in it when dropped.
pub struct Place {
    directory: tempfile::TempDir,
}

/// A new place.
pub fn place() -> Place {
    let directory = tempfile::Builder::new().prefix("fs-").tempdir_in("/tmp").unwrap();
    fs::set_permissions(directory.path(), Permissions::from_mode(0o755)).unwrap();
    Place { directory }
}

impl Place {
    /// Its path.
    pub fn path(&self) -> &Path {
        self.directory.path()
    }

    /// What a small node here would be.
    pub fn spec(&self, name: &str, installation: &Installation) -> Spec {
        small(&self.path().join(name), installation)
    }

    /// Ends every server below this place at once, without a last checkpoint.
    fn end_servers(&self) {
        let volumes = fs::read_dir(self.path()).into_iter().flatten().flatten();
        for data in volumes.map(|volume| volume.path().join("data")) {
            let servers: Vec<Running> = working_in(&data).unwrap_or_default().into_iter().filter_map(running).collect();
            for server in &servers {
                let _ = server.signal(Signal::QUIT);
            }
            for server in servers {
                let _ = server.wait(DEADLINE, &SystemClock::new());
            }
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.end_servers();
    }
}

/// What a small node in a volume would be.
pub fn small(volume: &Path, installation: &Installation) -> Spec {
    let mut spec = Spec::new(volume, installation.clone());
    spec.sizes = Sizes { connections_max: 40, shared_buffers_mib: 16, slot_keep_mib: 256 };
    spec.extra = vec![("max_wal_size".to_string(), "128MB".to_string())];
    spec
}

fn running(pid: i32) -> Option<Running> {
    Running::adopt(ProcessId::of(pid).ok()??).ok()?
}

/// A started node with a place of its own.
pub struct TestNode {
    /// The node; dropped before its place.
    pub node: Node,
    /// Where it lives; further nodes may be made here.
    pub place: Place,
}

/// A node with an empty cluster on the first installation, started.
pub fn node(name: &str) -> TestNode {
    let first = installations().swap_remove(0);
    node_on(name, &first)
}

/// A node with an empty cluster, started.
pub fn node_on(name: &str, installation: &Installation) -> TestNode {
    let place = place();
    let mut node = provision(&place.spec(name, installation), &host()).unwrap();
    node.start(DEADLINE).unwrap();
    TestNode { node, place }
}

impl TestNode {
    /// A session of the superuser.
    pub fn connect(&self) -> Connection {
        connect(&self.node)
    }

    /// Runs SQL in a session of its own; the first value.
    pub fn sql(&self, sql: &str) -> String {
        query(&self.node, sql)
    }
}

/// A session of the superuser.
pub fn connect(node: &Node) -> Connection {
    Connection::connect(&node.settings().unwrap(), clock()).unwrap()
}

/// Runs SQL in a session of its own; the first value.
pub fn query(node: &Node, sql: &str) -> String {
    connect(node).one_value(sql).unwrap_or_else(|error| panic!("{sql}: {error}")).unwrap_or_default()
}

/// Sends a signal to the node's server, only if it is that server.
pub fn signal(node: &Node, signal: Signal) {
    running(node.pid().unwrap()).unwrap().signal(signal).unwrap();
}

/// Waits for a condition, at most [`DEADLINE`].
pub fn wait_until(what: &str, mut condition: impl FnMut() -> bool) {
    let clock = SystemClock::new();
    while !condition() {
        assert!(clock.monotonic() < DEADLINE, "{what}: not within {DEADLINE:?}");
        clock.pause(Duration::from_millis(10));
    }
}
