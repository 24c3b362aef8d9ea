//! Whole restores: a snapshot's files copied elsewhere, the log fetched by a `restore_command`, recovered to a moment.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use farshore_engines::postgresql::history::segment_name;
use farshore_engines::postgresql::provision;
use farshore_engines::postgresql::recovery::{
    Placement, Plan, check_major, place_tablespaces, restore_command, tablespace_map, target_not_reached,
};
use farshore_engines::postgresql::snapshot::{Checkpoint, Closed, Options, Snapshot};
use farshore_engines::postgresql::wire::{Address, Connection, Settings};
use farshore_types::snapshot::ClosingFile;
use farshore_types::{ErrorKind, Position, Target, TargetKind, Timeline, Timestamp};

use crate::copy::copy;
use crate::provision::{configuration, execute, installation, write_files};
use crate::support::{Cluster, clock, give, installations, make_directory};

const WAIT: std::time::Duration = std::time::Duration::from_secs(60);

/// A script that fetches from a directory.
fn fetch_script(base: &Path) -> PathBuf {
    let script = base.join("fetch");
    std::fs::write(&script, "#!/bin/sh\ntest -f \"$1/$2\" || exit 1\ncp \"$1/$2\" \"$3\"\n").unwrap();
    std::fs::set_permissions(&script, PermissionsExt::from_mode(0o755)).unwrap();
    script
}

struct Fork {
    settings: Settings,
    data: PathBuf,
    found: provision::Installation,
}

impl Fork {
    /// Starts and waits for the promotion; the error is what the server logged.
    fn start(base: &Path, name: &str, bin: &Path) -> Result<Fork, String> {
        let (found, data, log) = (installation(bin), base.join(name), base.join(format!("{name}.log")));
        let configuration = configuration(base);
        write_files(&data, &configuration.files().unwrap());
        let settings = Settings::new(Address::socket(base, configuration.port).unwrap(), "postgres");
        let program = provision::start(&found, &data, &log, WAIT).unwrap();
        let mut command = crate::support::command(&program.path);
        let started = command.args(&program.args).status().unwrap().success();
        let (wait, fork) = (clock(), Fork { settings, data, found });
        while started && provision::Postmaster::read(&fork.data).unwrap().is_some_and(|server| server.is_alive()) {
            match provision::readiness(&fork.settings, clock()).unwrap() {
                provision::Readiness::Ready { in_recovery: false } => return Ok(fork),
                other => assert!(wait.monotonic() < WAIT, "still {other:?}"),
            }
            wait.pause(std::time::Duration::from_millis(20));
        }
        Err(std::fs::read_to_string(log).unwrap())
    }

    fn sql(&self, sql: &str) -> String {
        Connection::connect(&self.settings, clock()).unwrap().one_value(sql).unwrap().unwrap_or_default()
    }
}

impl Drop for Fork {
    fn drop(&mut self) {
        if provision::Postmaster::read(&self.data).unwrap().is_some() {
            execute(&provision::stop(&self.found, &self.data, WAIT).unwrap());
        }
    }
}

struct Story {
    cluster: Cluster,
    closed: Closed,
    placements: Vec<Placement>,
    archive: PathBuf,
    middle_time: Timestamp,
    middle: Position,
}

/// A cluster with a life: rows 1 to 100 before the backup, to 200 during it, to 300 until the middle, to 400 after.
fn story(bin: &Path) -> Story {
    let cluster = Cluster::start(bin);
    let base = cluster.base().to_path_buf();
    for name in ["space", "spaces", "archive"] {
        make_directory(&base.join(name));
    }
    cluster.sql(&format!("CREATE TABLESPACE space LOCATION '{}'", base.join("space").display()));
    cluster.sql("CREATE TABLE t (a int PRIMARY KEY USING INDEX TABLESPACE space)");
    cluster.sql("CREATE UNLOGGED TABLE u AS SELECT 1 AS a");
    let insert = |from: u32| cluster.sql(&format!("INSERT INTO t SELECT generate_series({from}, {})", from + 99));
    insert(1);
    let options = Options { label: "story".to_string(), checkpoint: Checkpoint::Fast, data_directory: None };
    let snapshot = Snapshot::open(cluster.connect(), clock(), &options).unwrap();
    let placements = place_tablespaces(snapshot.tablespaces(), &base.join("spaces")).unwrap();
    insert(101);
    copy(&snapshot, &base.join("copied"), &placements);
    let start = snapshot.start();
    let closed = snapshot.close().unwrap();
    insert(201);
    let micros: i64 = cluster.sql("SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint").parse().unwrap();
    let middle = cluster.sql("SELECT pg_create_restore_point('it''s the middle')").parse().unwrap();
    insert(301);
    let end: Position = cluster.sql("SELECT pg_switch_wal()").parse().unwrap();
    let archive = base.join("archive");
    for segment in (start.aligned_down(16 << 20).0..=end.0).step_by(16 << 20) {
        let name = segment_name(Timeline(1), Position(segment), 16 << 20);
        std::fs::copy(cluster.data.join("pg_wal").join(&name), archive.join(&name)).unwrap();
        give(&archive.join(&name));
    }
    Story { cluster, closed, placements, archive, middle_time: Timestamp::from_micros(micros), middle }
}

impl Story {
    /// Recovers the copy (used up by it, so one per name) to a target.
    fn fork(&self, target: Target) -> Result<Fork, String> {
        let base = self.cluster.base();
        let name = format!("fork{}", std::fs::read_dir(base).unwrap().count());
        let mut duplicate = crate::support::command("/bin/cp");
        duplicate.arg("-a").arg(base.join("copied")).arg(base.join(&name));
        crate::support::run(duplicate);
        let script = fetch_script(base);
        let restore_command = restore_command(&script, &[self.archive.to_str().unwrap()]).unwrap();
        let plan = Plan { target, timeline: Timeline(1), restore_command };
        let mut files: Vec<ClosingFile> = plan.files(&self.closed.control).unwrap();
        for file in &self.closed.files {
            match file.path.as_str() {
                "tablespace_map" => files.extend(tablespace_map(&self.placements).unwrap()),
                _ => files.push(file.clone()),
            }
        }
        write_files(&base.join(&name), &files);
        Fork::start(base, &name, &self.cluster.bin)
    }
}

#[test]
fn a_copied_snapshot_recovers_to_each_kind_of_target() {
    for bin in installations() {
        let story = story(&bin);
        let target = |kind, inclusive| Target { kind, inclusive };
        let table = [
            (target(TargetKind::Latest, true), 400),
            (target(TargetKind::Immediate, true), 200),
            (target(TargetKind::Time(story.middle_time), true), 300),
            (target(TargetKind::Position(story.middle), true), 300),
            (target(TargetKind::Name("it's the middle".to_string()), true), 300),
        ];
        for (target, rows) in table {
            let fork = story.fork(target.clone()).unwrap_or_else(|log| panic!("{target}: {log}"));
            assert_eq!(fork.sql("SELECT count(*) FROM t"), rows.to_string(), "{target}");
            assert_eq!(fork.sql("SELECT count(*) FROM u"), "0", "the unlogged table is reset");
            assert_eq!(fork.sql("SET enable_seqscan = off; SELECT count(*) FROM t WHERE a > 0"), rows.to_string());
            let place = fork.sql("SELECT pg_tablespace_location(oid) FROM pg_tablespace WHERE spcname = 'space'");
            assert_eq!(Path::new(&place), story.placements[0].target);
            assert_eq!(fork.sql("SELECT timeline_id FROM pg_control_checkpoint()"), "2");
        }
        assert_eq!(story.cluster.sql("SELECT count(*) FROM t"), "400", "the source is untouched");
    }
}

#[test]
fn a_target_behind_the_last_commit_is_recognised_and_recovered_to_the_end() {
    let story = story(&installations()[0]);
    let later = Target { kind: TargetKind::Time(story.middle_time.plus_micros(3_600_000_000)), inclusive: true };
    let log = story.fork(later.clone()).err().unwrap();
    assert!(target_not_reached(&log), "{log}");
    let plan = Plan { target: later, timeline: Timeline(1), restore_command: "x".to_string() };
    assert_eq!(plan.to_the_end().target, Target::latest());
}

#[test]
fn another_major_version_is_refused_before_anything_is_made() {
    let found = installation(&installations()[0]);
    assert!(check_major(found.major * 10_000 + 3, found.major).is_ok());
    assert_eq!(check_major((found.major - 1) * 10_000, found.major).unwrap_err().kind(), ErrorKind::Invalid);
}
