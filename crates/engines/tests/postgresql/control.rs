//! `pg_control` against what `pg_controldata` prints.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use farshore_engines::postgresql::control::{State, read_stable};

use crate::support::{Cluster, clock, command, installations, run};

#[test]
fn every_field_equals_what_pg_controldata_prints() {
    // Packages of bare servers come without it.
    for bin in installations().into_iter().filter(|bin| bin.join("pg_controldata").exists()) {
        for options in [&["--data-checksums", "--wal-segsize=4"][..], &[][..]] {
            let mut cluster = Cluster::make(&bin, options);
            cluster.run(&[
                "wal_log_hints=on",
                "wal_level=logical",
                "max_prepared_transactions=7",
                "track_commit_timestamp=on",
            ]);
            cluster.sql("CREATE TABLE t AS SELECT 1");
            cluster.sql("CHECKPOINT");
            cluster.stop();
            let mut controldata = command(bin.join("pg_controldata"));
            controldata.arg(&cluster.data);
            let printed = run(controldata);
            let field = |name: &str| {
                let line = printed.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
                line.unwrap_or_else(|| panic!("{name} in {printed}")).trim().to_string()
            };
            let (control, bytes) = read_stable(&cluster.data, clock().as_ref()).unwrap();
            let table = [
                ("Database system identifier", control.system_identifier.to_string()),
                ("pg_control version number", control.control_version.to_string()),
                ("Catalog version number", control.catalog_version.to_string()),
                ("Latest checkpoint location", control.checkpoint.to_string()),
                ("Latest checkpoint's REDO location", control.redo.to_string()),
                ("Latest checkpoint's TimeLineID", control.timeline.0.to_string()),
                ("Minimum recovery ending location", control.recovery_end_min.to_string()),
                ("wal_log_hints setting", if control.wal_log_hints { "on" } else { "off" }.to_string()),
                ("max_connections setting", control.limits.connections.to_string()),
                ("max_worker_processes setting", control.limits.worker_processes.to_string()),
                ("max_wal_senders setting", control.limits.wal_senders.to_string()),
                ("max_prepared_xacts setting", control.limits.prepared_transactions.to_string()),
                ("max_locks_per_xact setting", control.limits.locks_per_transaction.to_string()),
                (
                    "track_commit_timestamp setting",
                    if control.limits.track_commit_timestamp { "on" } else { "off" }.to_string(),
                ),
                ("Database block size", control.block_size.to_string()),
                ("Blocks per segment of large relation", control.relation_segment_blocks.to_string()),
                ("Bytes per WAL segment", control.wal_segment_size.to_string()),
                ("Data page checksum version", control.data_checksum_version.to_string()),
            ];
            for (name, value) in table {
                assert_eq!(value, field(name), "{name}");
            }
            assert_eq!((control.state, field("Database cluster state").as_str()), (State::ShutDown, "shut down"));
            assert_eq!((control.wal_level, field("wal_level setting").as_str()), (2, "logical"));
            assert!(control.wal_log_hints && bytes.len() == 8192);
        }
    }
}

#[test]
fn a_control_file_is_read_whole_while_the_server_writes_it() {
    let cluster = Cluster::start(&installations()[0]);
    let done = Arc::new(AtomicBool::new(false));
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for _ in 0..100 {
                cluster.sql("CHECKPOINT");
            }
            done.store(true, Ordering::Relaxed);
        });
        while !done.load(Ordering::Relaxed) {
            assert_eq!(read_stable(&cluster.data, clock().as_ref()).unwrap().0.state, State::InProduction);
        }
    });
}

#[test]
fn the_fields_equal_what_the_server_says_of_itself() {
    for bin in installations() {
        let mut cluster = Cluster::make(&bin, &["--data-checksums", "--wal-segsize=4"]);
        cluster.run(&["max_connections=33", "max_prepared_transactions=7", "track_commit_timestamp=on"]);
        cluster.sql("CHECKPOINT");
        let (control, _) = read_stable(&cluster.data, clock().as_ref()).unwrap();
        let columns = "checkpoint_lsn, redo_lsn, timeline_id, pg_control_version, catalog_version_no, system_identifier, \
             database_block_size, blocks_per_segment, bytes_per_wal_segment, data_page_checksum_version";
        let parts = "pg_control_checkpoint() AS a, pg_control_system() AS b, pg_control_init() AS c";
        let mut answer = cluster.connect().query(&format!("SELECT {columns} FROM {parts}")).unwrap();
        let said: Vec<String> = answer.rows.remove(0).into_iter().flatten().collect();
        let read = [
            control.checkpoint.to_string(),
            control.redo.to_string(),
            control.timeline.0.to_string(),
            control.control_version.to_string(),
            control.catalog_version.to_string(),
            control.system_identifier.to_string(),
            control.block_size.to_string(),
            control.relation_segment_blocks.to_string(),
            control.wal_segment_size.to_string(),
            control.data_checksum_version.to_string(),
        ];
        assert_eq!(said, read);
        let limits = control.limits;
        assert_eq!((limits.connections, limits.prepared_transactions, limits.track_commit_timestamp), (33, 7, true));
        assert!((control.wal_level, control.state) == (1, State::InProduction) && !control.wal_log_hints);
    }
}
