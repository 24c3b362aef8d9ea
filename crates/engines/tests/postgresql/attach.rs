//! The rights on a cluster made by somebody else: missing ones are found, the printed SQL is enough.

use farshore_engines::postgresql::attach::{check, check_files, sql};
use farshore_engines::postgresql::replication::Replication;
use farshore_engines::postgresql::server::{Server, Watermark};
use farshore_engines::postgresql::slot;
use farshore_engines::postgresql::snapshot::{Checkpoint, Options, Snapshot};
use farshore_engines::postgresql::wire::{Connection, Settings};
use farshore_types::{Position, Timeline};

use crate::support::{Cluster, clock, installations};

fn keeper(cluster: &Cluster) -> Settings {
    Settings { user: "the keeper".to_string(), ..cluster.settings() }
}

#[test]
fn a_role_without_rights_is_told_all_that_it_lacks() {
    for bin in installations() {
        let cluster = Cluster::start(&bin);
        cluster.sql("CREATE ROLE \"the keeper\" LOGIN");
        let mut session = Connection::connect(&keeper(&cluster), clock()).unwrap();
        let lacks = check(&mut session).unwrap();
        let blocking = lacks.iter().filter(|lack| lack.blocking).count();
        assert_eq!(blocking, 4, "{lacks:?}");
        // What is printed as remedy is enough.
        for lack in lacks.iter().filter(|lack| lack.remedy.ends_with(';')) {
            cluster.sql(&lack.remedy);
        }
        assert!(check(&mut session).unwrap().iter().all(|lack| !lack.blocking && !lack.remedy.ends_with(';')));
    }
}

#[test]
fn the_printed_sql_is_enough_to_back_up_and_to_stream() {
    for bin in installations() {
        let cluster = Cluster::start(&bin);
        let major = Server::read(&mut cluster.connect()).unwrap().major();
        for statement in sql(major, "the keeper", "postgres").unwrap() {
            cluster.sql(&statement);
        }
        let mut session = Connection::connect(&keeper(&cluster), clock()).unwrap();
        assert!(check(&mut session).unwrap().iter().all(|lack| !lack.blocking));
        Watermark::read(&mut session).unwrap();
        slot::create(&mut session, "kept").unwrap();
        assert!(slot::read(&mut session, "kept").unwrap().is_some());
        let options = Options { label: "attached".to_string(), checkpoint: Checkpoint::Fast, data_directory: None };
        let snapshot = Snapshot::open(session, clock(), &options).unwrap();
        assert!(snapshot.files().unwrap().all(|file| file.is_ok()));
        let closed = snapshot.close().unwrap();
        let replication = Replication::connect(&keeper(&cluster), clock()).unwrap();
        replication
            .start(Some("kept"), closed.stop.aligned_down(16 << 20).max(Position(16 << 20)), Timeline(1))
            .unwrap();
    }
}

#[test]
fn settings_that_forbid_or_endanger_backups_are_named() {
    let mut cluster = Cluster::make(&installations()[0], &[]);
    cluster.run(&["wal_level=minimal", "max_wal_senders=0", "max_replication_slots=0"]);
    let lacks = check(&mut cluster.connect()).unwrap();
    let named = |word: &str, blocking| lacks.iter().any(|lack| lack.remedy.contains(word) && lack.blocking == blocking);
    for word in ["wal_level", "max_wal_senders", "max_replication_slots"] {
        assert!(named(word, true), "{word}: {lacks:?}");
    }
    assert!(named("wal_log_hints", false) && named("max_slot_wal_keep_size", false));
    assert!(check_files(&cluster.data).is_empty());
    assert_eq!(check_files(std::path::Path::new("/no/such/place")).len(), 4);
}
