//! Backups of running servers: what is handed out, and what is refused.

use farshore_engines::postgresql::control::{Control, State};
use farshore_engines::postgresql::snapshot::{Checkpoint, Options, Snapshot};
use farshore_engines::postgresql::wire::Connection;
use farshore_types::snapshot::SourceKind;
use farshore_types::{ErrorKind, Position, Timeline};

use crate::copy::standby_of;
use crate::support::{Cluster, clock, installations, make_directory};

fn options(label: &str) -> Options {
    Options { label: label.to_string(), checkpoint: Checkpoint::Fast, data_directory: None }
}

fn open(cluster: &Cluster) -> Snapshot {
    Snapshot::open(cluster.connect(), clock(), &options("it's a test")).unwrap()
}

#[test]
fn a_snapshot_ends_with_its_label_its_tablespaces_and_the_control_file_last() {
    for bin in installations() {
        let cluster = Cluster::start(&bin);
        let place = cluster.base().join("space");
        make_directory(&place);
        cluster.sql(&format!("CREATE TABLESPACE space LOCATION '{}'", place.display()));
        let before: Position = cluster.sql("SELECT pg_current_wal_lsn()").parse().unwrap();
        let mut snapshot = open(&cluster);
        snapshot.still_open().unwrap();
        assert!(snapshot.start() >= before && snapshot.timeline() == Timeline(1));
        assert_eq!(snapshot.first_believable(), Position(16 << 20));
        assert_eq!(snapshot.tablespaces()[0].target.as_deref(), Some(place.as_path()));
        let server = snapshot.server().clone();
        assert!(server.positions_believable() && server.data_checksum_version == 1 && server.block_size == 8192);
        assert!(snapshot.files().unwrap().map(Result::unwrap).any(|file| matches!(file.kind, SourceKind::Pages(_))));
        cluster.sql("CREATE TABLE later AS SELECT generate_series(1, 1000)");
        let (start, start_time) = (snapshot.start(), snapshot.start_time());
        let closed = snapshot.close().unwrap();
        assert!(closed.stop > start && closed.stop_time > start_time);
        let paths: Vec<&str> = closed.files.iter().map(|file| file.path.as_str()).collect();
        assert_eq!(paths, ["backup_label", "tablespace_map", "global/pg_control"]);
        let label = String::from_utf8(closed.files[0].content.clone()).unwrap();
        assert!(
            label.contains("LABEL: it's a test") && label.contains(&format!("START WAL LOCATION: {start}")),
            "{label}"
        );
        assert!(String::from_utf8_lossy(&closed.files[1].content).contains(place.to_str().unwrap()));
        let control = Control::parse(&closed.files[2].content).unwrap();
        assert_eq!((control.system_identifier, control.state), (server.system_identifier, State::InProduction));
        assert!(control.redo >= start && control.checkpoint < closed.stop);
    }
}

#[test]
fn a_dropped_snapshot_leaves_the_server_free_for_the_next() {
    let cluster = Cluster::start(&installations()[0]);
    drop(open(&cluster));
    let first = open(&cluster);
    let second = open(&cluster);
    assert!(second.start() > first.start());
    let facts = first.facts().clone();
    first.close().unwrap();
    assert_eq!(second.parent_refused(&facts), None);
    second.close().unwrap();
}

#[test]
fn a_backup_is_no_parent_across_a_promotion_that_left_it_behind() {
    let cluster = Cluster::start(&installations()[0]);
    let early = open(&cluster).facts().clone();
    let standby = standby_of(&cluster);
    wait_for(&standby, "SELECT pg_last_wal_replay_lsn() > '0/0'");
    standby.sql("SELECT pg_promote()");
    // The old primary goes on: what it backs up now is not in the standby's past.
    cluster.sql("CREATE TABLE t AS SELECT generate_series(1, 200000)");
    let late = open(&cluster).facts().clone();
    standby.sql("CREATE TABLE t AS SELECT generate_series(1, 500000)");
    let snapshot = open(&standby);
    assert_eq!(snapshot.timeline(), Timeline(2));
    assert_eq!(snapshot.parent_refused(&early), None);
    let reason = snapshot.parent_refused(&late).unwrap();
    assert!(reason.contains("is not in the past of timeline 00000002"), "{reason}");
    let other = Cluster::start(&installations()[0]);
    let reason = open(&other).parent_refused(&early).unwrap();
    assert!(reason.contains("another cluster"), "{reason}");
}

#[test]
fn a_backup_from_a_standby_fails_when_it_is_promoted_meanwhile() {
    let cluster = Cluster::start(&installations()[0]);
    let standby = standby_of(&cluster);
    let calm = open(&standby);
    assert!(calm.server().in_recovery);
    let closed = calm.close().unwrap();
    assert!(closed.control.state == State::InArchiveRecovery);
    let disturbed = open(&standby);
    standby.sql("SELECT pg_promote()");
    let error = disturbed.close().unwrap_err();
    assert!(error.kind() == ErrorKind::Conflict && error.to_string().contains("promoted"), "{error}");
}

#[test]
fn a_snapshot_is_lost_when_the_server_restarts() {
    let mut cluster = Cluster::start(&installations()[0]);
    let mut snapshot = open(&cluster);
    cluster.stop();
    cluster.run(&[]);
    assert_eq!(snapshot.still_open().unwrap_err().kind(), ErrorKind::Transient);
    assert!(snapshot.close().is_err());
}

#[test]
fn another_clusters_directory_is_noticed_even_when_it_is_a_copy() {
    let cluster = Cluster::start(&installations()[0]);
    let standby = standby_of(&cluster);
    standby.sql("SELECT pg_promote()");
    let mut elsewhere = options("x");
    elsewhere.data_directory = Some(standby.data.clone());
    let error = Snapshot::open(cluster.connect(), clock(), &elsewhere).err().unwrap();
    assert!(error.to_string().contains("is not the data directory of this server"), "{error}");
}

#[test]
fn minimal_logging_and_unusable_labels_are_refused() {
    let bin = &installations()[0];
    let mut cluster = Cluster::make(bin, &[]);
    cluster.run(&["wal_level=minimal", "max_wal_senders=0"]);
    let attempt =
        |connection: Connection, label: &str| Snapshot::open(connection, clock(), &options(label)).err().unwrap();
    let error = attempt(cluster.connect(), "x");
    assert!(error.to_string().contains("wal_level = replica"), "{error}");
    for label in ["", "two\nlines", &"x".repeat(1025)] {
        assert_eq!(attempt(cluster.connect(), label).kind(), ErrorKind::Invalid);
    }
    // Without checksums and hint logging no page position may be believed.
    let server = farshore_engines::postgresql::server::Server::read(&mut cluster.connect()).unwrap();
    assert!(!server.positions_believable() && !server.layout().unwrap().believe_positions);
}

/// Asks until the answer is `true`.
pub fn wait_for(cluster: &Cluster, sql: &str) {
    let clock = clock();
    let mut connection = cluster.connect();
    while !matches!(connection.one_value(sql).unwrap().as_deref(), Some("t" | "true")) {
        assert!(clock.monotonic().as_secs() < 30, "{sql} stays false");
        clock.pause(std::time::Duration::from_millis(20));
    }
}
