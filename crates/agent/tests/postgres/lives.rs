//! The life of a node: made, started, stopped, crashed, started again.

use std::os::unix::fs::MetadataExt;
use std::time::Duration;

use farshore_agent::postgres::{Status, adopt, kill, provision};
use farshore_agent::process::{ProcessId, working_in};
use farshore_engines::postgresql::wire::{Address, Connection, Settings};
use farshore_types::ErrorKind;
use rustix::process::Signal;

use crate::common::{DEADLINE, clock, host, installations, node, node_on, place, query, signal, wait_until};

/// Processes of servers whose parent is no server: one for each server.
fn servers(data: &std::path::Path) -> usize {
    let all = working_in(data).unwrap();
    let parent = |pid: &i32| {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        stat.rsplit_once(')').and_then(|(_, rest)| rest.split_whitespace().nth(1)?.parse::<i32>().ok())
    };
    all.iter().filter(|pid| parent(pid).is_some_and(|parent| !all.contains(&parent))).count()
}

#[test]
fn a_node_is_made_started_and_stopped_on_every_installed_version() {
    for installation in installations() {
        let mut test = node_on("n", &installation);
        assert_eq!(test.node.status().unwrap(), Status::Ready { in_recovery: false });
        assert_eq!(test.sql("SHOW data_checksums"), "on");
        assert_eq!(test.sql("SHOW wal_level"), "replica");
        assert_eq!(test.sql("SHOW max_slot_wal_keep_size"), "256MB");
        assert_eq!(
            test.sql("SELECT current_setting('server_version_num')::int / 10000"),
            installation.major.to_string()
        );
        let server = std::fs::metadata(format!("/proc/{}", test.node.pid().unwrap())).unwrap();
        assert_eq!(server.uid(), host().engines.user);
        assert_ne!(server.uid(), 0);
        test.node.stop(DEADLINE).unwrap();
        assert_eq!((test.node.status().unwrap(), servers(&test.node.layout().data())), (Status::Stopped, 0));
        test.node.stop(DEADLINE).unwrap();
    }
}

#[test]
fn starting_and_provisioning_again_changes_nothing() {
    let mut test = node("n");
    let (pid, port) = (test.node.pid(), test.node.port());
    test.sql("CREATE TABLE t AS SELECT 7 AS x");
    test.node.start(DEADLINE).unwrap();
    test.node.launch().unwrap();
    assert_eq!((test.node.pid(), servers(&test.node.layout().data())), (pid, 1));
    let spec = test.place.spec("n", &test.node.installation());
    assert_eq!(provision(&spec, &host()).err().unwrap().kind(), ErrorKind::Busy, "two agents had one node");
    let common = test;
    drop(common.node);
    let again = provision(&spec, &host()).unwrap();
    assert_eq!((again.pid(), again.port(), query(&again, "SELECT x FROM t").as_str()), (pid, port, "7"));
}

#[test]
fn a_provisioning_that_was_cut_short_is_finished_or_begun_again() {
    let installation = installations().swap_remove(0);
    let (place, host) = (place(), host());
    let spec = place.spec("n", &installation);
    let node = provision(&spec, &host).unwrap();
    let (layout, password) = (node.layout().clone(), node.password().unwrap());
    drop(node);
    // Cut before the record, and before that in the middle of initdb.
    std::fs::remove_file(layout.record()).unwrap();
    let half = layout.volume().join("data-0123456789abcdef.new");
    std::fs::rename(layout.data(), &half).unwrap();
    std::fs::remove_file(half.join("PG_VERSION")).unwrap();
    std::fs::write(layout.run().join("password-0123456789abcdef"), "x").unwrap();
    let mut node = provision(&spec, &host).unwrap();
    assert_eq!(node.password().unwrap(), password);
    assert!(!half.exists() && std::fs::read_dir(layout.run()).unwrap().next().is_none());
    node.start(DEADLINE).unwrap();
    query(&node, "CREATE TABLE kept AS SELECT 1");
    node.stop(DEADLINE).unwrap();
    drop(node);
    // Cut right before the record: what was made is kept.
    std::fs::remove_file(layout.record()).unwrap();
    let mut node = provision(&spec, &host).unwrap();
    node.start(DEADLINE).unwrap();
    assert_eq!(query(&node, "SELECT count(*) FROM kept"), "1");
}

#[test]
fn a_killed_server_is_noticed_and_recovers_when_started_again() {
    let mut test = node("n");
    test.sql("CREATE TABLE t AS SELECT generate_series(1, 1000) AS x");
    // A session that works on, so that a process outlives the server for a moment.
    let mut busy = test.connect();
    let held = std::thread::spawn(move || busy.query("SELECT count(*) FROM generate_series(1, 20000000)").is_ok());
    wait_until("the session works", || {
        test.sql("SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%20000000)' AND state = 'active'") != "0"
    });
    let killed = test.node.pid().unwrap();
    signal(&test.node, Signal::KILL);
    wait_until("the end is noticed", || !test.node.is_alive().unwrap());
    assert_eq!(test.node.status().unwrap(), Status::Crashed);
    assert_eq!(ProcessId::of(killed).unwrap(), None);
    test.node.start(DEADLINE).unwrap();
    assert_eq!((test.sql("SELECT count(*) FROM t").as_str(), servers(&test.node.layout().data())), ("1000", 1));
    assert_ne!(test.node.pid(), Some(killed));
    held.join().unwrap();
}

#[test]
fn a_server_that_died_after_its_handle_was_dropped_does_not_keep_the_next_one_from_starting() {
    let test = node("n");
    let (layout, killed) = (test.node.layout().clone(), test.node.pid().unwrap());
    drop(test.node);
    kill(&layout.data()).unwrap();
    // The kernel remembers our child until somebody waits for it, and PostgreSQL would take it for a living server.
    wait_until("it is dead", || ProcessId::of(killed).unwrap().is_none());
    let mut node = adopt(layout.volume(), &host()).unwrap();
    node.start(DEADLINE).unwrap();
    assert!(matches!(node.status().unwrap(), Status::Ready { .. }));
    assert!(!std::path::Path::new(&format!("/proc/{killed}")).exists());
}

#[test]
fn a_server_that_cannot_start_says_why() {
    let installation = installations().swap_remove(0);
    let (place, host) = (place(), host());
    let mut node = provision(&place.spec("n", &installation), &host).unwrap();
    let port = std::net::TcpListener::bind(("127.0.0.1", node.port())).unwrap();
    let error = node.start(DEADLINE).unwrap_err();
    assert!(error.to_string().contains("could not create any TCP/IP sockets"), "{error}");
    assert_eq!(node.status().unwrap(), Status::Crashed);
    drop(port);
    node.start(DEADLINE).unwrap();
}

#[test]
fn stopping_gives_up_at_its_deadline_and_never_kills() {
    let mut test = node("n");
    // A stopped process cannot stop.
    signal(&test.node, Signal::STOP);
    let error = test.node.stop(Duration::from_millis(200)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Busy);
    assert!(test.node.is_alive().unwrap());
    signal(&test.node, Signal::CONT);
    test.node.stop(DEADLINE).unwrap();
    assert_eq!(test.node.status().unwrap(), Status::Stopped);
}

#[test]
fn a_node_is_reached_over_loopback_with_its_password_only() {
    let test = node("n");
    let over = Settings::new(Address::loopback(test.node.port()), "postgres");
    let password = test.node.password().unwrap().unwrap();
    assert!(Connection::connect(&over.clone().with_password(password.expose()), clock()).is_ok());
    let error = Connection::connect(&over.with_password("wrong"), clock()).err().unwrap();
    assert_eq!(error.kind(), ErrorKind::Denied);
}

#[test]
fn only_a_stopped_node_is_removed() {
    let mut test = node("n");
    let volume = test.node.layout().volume().to_path_buf();
    assert_eq!(test.node.remove().err().unwrap().kind(), ErrorKind::Conflict);
    test.node = adopt(&volume, &host()).unwrap();
    test.node.stop(DEADLINE).unwrap();
    test.node.remove().unwrap();
    assert!(!volume.exists());
    assert_eq!(adopt(&volume, &host()).err().unwrap().kind(), ErrorKind::Missing);
}
