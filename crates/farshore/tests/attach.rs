//! `farshore attach pg` and `farshore backup pg` on a server that somebody else made: the printed rights are enough, what
//! is lacking is named, the throttle holds, and an agent that is killed is simply started again.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "test helpers fail the test")]

#[path = "../../agent/tests/tasks/support/mod.rs"]
mod support;

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use farshore_agent::tasks::protect::{Status, ask};
use farshore_types::{Clock, SystemClock};
use rustix::process::{Pid, Signal, kill_process};

use support::cluster::{Cluster, directory, free_port};
use support::{PATIENCE, installation, wait_until};

const BINARY: &str = env!("CARGO_BIN_EXE_farshore");
const ROLE: &str = "keeper";

/// A server, a folder for keys and stores, and the lines that are typed.
struct World {
    cluster: Cluster,
    folder: tempfile::TempDir,
}

impl World {
    fn new() -> World {
        let world = World { cluster: Cluster::start(&installation()), folder: directory() };
        succeeds(Command::new(BINARY).arg("keygen").arg(world.path("north.key")));
        world
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn command(&self, verb: &str, user: &str) -> Command {
        let mut command = Command::new(BINARY);
        command.args([verb, "pg", "--host"]).arg(self.cluster.base()).args(["--port", &self.cluster.port.to_string()]);
        command.args(["--user", user, "--store"]).arg(self.path("store"));
        command.arg("--identity").arg(self.path("north.key"));
        command
    }

    /// Runs the SQL that the program prints.
    fn grant(&self) -> Vec<String> {
        let printed = succeeds(self.command("attach", ROLE).arg("--rights"));
        let sql: Vec<String> = printed.lines().filter(|line| !line.starts_with("--")).map(str::to_string).collect();
        sql.iter().for_each(|statement| drop(self.cluster.sql(statement)));
        assert!(printed.contains(&format!("local replication \"{ROLE}\" peer")), "{printed}");
        sql
    }

    fn attach(&self) -> Attached {
        let socket = self.path("control");
        let mut command = self.command("attach", ROLE);
        command.args(["--interval-ms", "300", "--control"]).arg(&socket).stdout(Stdio::null());
        Attached { process: command.spawn().unwrap(), socket }
    }
}

/// A running agent; killed when dropped.
struct Attached {
    process: Child,
    socket: PathBuf,
}

impl Attached {
    fn status(&self) -> Option<Status> {
        ask(&self.socket, "status", PATIENCE).ok()
    }

    fn await_archived(&self) -> Status {
        let now = SystemClock::new().now();
        wait_until("the log is archived", || self.status().is_some_and(|status| status.archived_to > now));
        self.status().unwrap()
    }

    fn kill(&mut self) {
        let _ = kill_process(Pid::from_child(&self.process), Signal::KILL);
        let _ = self.process.wait();
    }
}

impl Drop for Attached {
    fn drop(&mut self) {
        self.kill();
    }
}

fn output(command: &mut Command) -> Output {
    command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"))
}

fn succeeds(command: &mut Command) -> String {
    let output = output(command);
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{command:?}: {text}{}", String::from_utf8_lossy(&output.stderr));
    text
}

fn refused(command: &mut Command) -> String {
    let output = output(command);
    assert!(!output.status.success(), "{command:?}");
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn what_the_role_lacks_is_named_and_nothing_is_made() {
    let world = World::new();
    let absent = refused(&mut world.command("attach", ROLE));
    assert!(absent.contains("--rights"), "{absent}");
    world.cluster.sql(&format!("CREATE ROLE {ROLE} LOGIN"));
    let error = refused(&mut world.command("attach", ROLE));
    for lack in ["stream the log", "data directory", "start a backup", "stop a backup", "pg_read_all_settings"] {
        assert!(error.contains(lack), "{lack}: {error}");
    }
    assert!(!world.path("store").exists());
    world.cluster.sql(&format!("DROP ROLE {ROLE}"));
    let sql = world.grant();
    for (revoke, lack) in [
        (format!("ALTER ROLE {ROLE} NOREPLICATION"), "stream the log"),
        (format!("REVOKE pg_read_all_settings FROM {ROLE}"), "data directory"),
        (format!("REVOKE EXECUTE ON FUNCTION pg_backup_start(text, boolean) FROM {ROLE}"), "start a backup"),
        (format!("REVOKE EXECUTE ON FUNCTION pg_backup_stop(boolean) FROM {ROLE}"), "stop a backup"),
    ] {
        world.cluster.sql(&revoke);
        for verb in ["attach", "backup"] {
            let error = refused(&mut world.command(verb, ROLE));
            assert!(error.contains(lack), "{revoke}: {error}");
        }
        // Everything but the first statement may be run again.
        world.cluster.sql(&format!("ALTER ROLE {ROLE} REPLICATION"));
        sql.iter().skip(1).for_each(|statement| drop(world.cluster.sql(statement)));
    }
    assert!(!world.path("store").exists());
}

#[test]
fn a_role_with_only_the_printed_rights_protects_and_a_killed_agent_is_started_again() {
    let world = World::new();
    world.grant();
    world.cluster.sql("CREATE TABLE t (n int)");
    for round in 1..=support::samples(3, 20) {
        let mut attached = world.attach();
        world.cluster.sql(&format!("INSERT INTO t VALUES ({round})"));
        if round == 1 {
            wait_until("there is a backup", || attached.status().is_some_and(|status| status.backups > 0));
        }
        let status = attached.await_archived();
        assert_eq!((status.breaks, status.trouble), (0, None));
        attached.kill();
    }
    let volume = support::forks::Volume::new();
    fork(&world, &volume.path());
    let socket = volume.path().join("run");
    let node = farshore_agent::postgres::adopt(&volume.path(), &support::host()).unwrap();
    let rows = support::cluster::query(&node.settings().unwrap(), "SELECT count(*) FROM t");
    assert_eq!(rows, support::samples(3, 20).to_string());
    support::forks::check_relations(&installation(), &node.settings().unwrap(), &socket);
}

fn fork(world: &World, volume: &Path) {
    let mut fork = Command::new(BINARY);
    fork.args(["fork", "pg", "--store"]).arg(world.path("store")).arg("--identity").arg(world.path("north.key"));
    fork.arg("--data").arg(volume).args(["--port", &free_port().to_string()]);
    succeeds(fork.arg("--bin").arg(&installation().bin_directory));
}

#[test]
fn a_backup_reads_no_faster_than_it_may() {
    let world = World::new();
    let bytes: u64 = world.cluster.sql("SELECT sum(pg_database_size(oid))::bigint FROM pg_database").parse().unwrap();
    let clock = SystemClock::new();
    succeeds(world.command("backup", "postgres").args(["--full", "--rate", &(bytes / 4).to_string()]));
    let slow = clock.monotonic();
    assert!((3.0..20.0).contains(&slow.as_secs_f64()), "{bytes} bytes at a quarter of that per second took {slow:?}");
}
