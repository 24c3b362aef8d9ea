//! An incremental backup against a full one of the same moment: every file, byte for byte, after everything that moves,
//! shortens, replaces or rewrites files behind a backup's back.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::JoinHandle;

use farshore_agent::tasks::stored::Stored;
use farshore_agent::tasks::take_backup::Outcome;
use farshore_agent::tasks::takers::Taker;
use farshore_engines::postgresql::provision::Installation;
use farshore_objects::layers::{Action, Verb};
use farshore_types::{Progress, TargetKind};

use crate::support::cluster::Cluster;
use crate::support::forks::fork;
use crate::support::region::{Region, unexplained};
use crate::support::{clock, installations, soak, wait_until};

/// A server, and two regions: one holds a chain of incrementals, the other fulls of the same moments.
struct World {
    cluster: Cluster,
    settings: &'static [&'static str],
    chain: Region,
    fulls: Region,
}

/// Something that happens between two backups.
type Event = (&'static str, fn(&mut World));

const EVENTS: [Event; 14] = [
    ("rows are updated here and there", |world| world.sql("UPDATE t SET v = v + 1 WHERE id % 50 = 0")),
    ("VACUUM shortens a table, which then grows again", |world| {
        world.sql("DELETE FROM t WHERE id > 12000");
        world.sql("VACUUM t");
        world.sql("INSERT INTO t SELECT i, i, repeat('y', 100) FROM generate_series(12001, 15000) AS i");
    }),
    ("VACUUM FREEZE and hint bits", |world| {
        world.sql("UPDATE t SET v = -v WHERE id % 7 = 0");
        world.sql("SELECT count(*) FROM t");
        world.sql("VACUUM (FREEZE) t");
    }),
    ("TRUNCATE, also in the transaction that made the table", |world| {
        world.sql("TRUNCATE u");
        world.sql("INSERT INTO u SELECT i, i FROM generate_series(1, 5000) AS i");
        world.sql(
            "BEGIN; CREATE TABLE w (x int); INSERT INTO w VALUES (1); TRUNCATE w; INSERT INTO w VALUES (2); COMMIT",
        );
    }),
    ("REINDEX, CLUSTER and VACUUM FULL, of the catalog too", |world| {
        world.sql("REINDEX TABLE t");
        world.sql("CLUSTER t USING t_pkey");
        world.sql("VACUUM FULL u");
        world.sql("VACUUM FULL pg_class");
        world.sql("REINDEX TABLE pg_attribute");
    }),
    ("a GiST build across the backup's start, sorted", |world| world.build_across_a_start("")),
    ("a GiST build across the backup's start, buffered", |world| {
        world.build_across_a_start("WITH (buffering = on)");
    }),
    ("CREATE DATABASE by copying files", |world| world.sql("CREATE DATABASE e TEMPLATE first STRATEGY FILE_COPY")),
    ("a database is dropped and made again under the same number", |world| {
        world.sql("DROP DATABASE d");
        world.sql("CREATE DATABASE d TEMPLATE second OID 77777 STRATEGY FILE_COPY");
    }),
    ("tables are dropped and made again", |world| {
        world.sql("DROP TABLE u");
        world.sql("CREATE TABLE u AS SELECT i AS a, i + 1 AS b FROM generate_series(1, 5000) AS i");
        world.sql("CREATE UNLOGGED TABLE IF NOT EXISTS n (x int)");
        world.sql("INSERT INTO n SELECT generate_series(1, 1000)");
    }),
    ("a table moves to a tablespace, changes, and comes back", |world| {
        world.sql("ALTER TABLE t SET TABLESPACE space");
        world.sql("UPDATE t SET v = 5 WHERE id % 90 = 0");
        world.sql("ALTER INDEX t_pkey SET TABLESPACE space");
    }),
    ("a database moves to a tablespace, changes, and comes back", |world| {
        world.sql("ALTER DATABASE d SET TABLESPACE space");
        world.cluster.sql_in("d", "CREATE TABLE moved AS SELECT generate_series(1, 3000) AS x");
        world.sql("ALTER DATABASE d SET TABLESPACE pg_default");
        world.sql("ALTER TABLE t SET TABLESPACE pg_default");
    }),
    ("large objects, sequences and prepared transactions", |world| {
        world.sql("SELECT lo_from_bytea(0, repeat('large', 20000)::bytea)");
        world.sql("CREATE SEQUENCE s; SELECT nextval('s') FROM generate_series(1, 100)");
        world.sql("BEGIN; UPDATE t SET v = 1 WHERE id = 1; PREPARE TRANSACTION 'waits'");
    }),
    ("a crash in the middle of a transaction, and the restart", |world| {
        let mut session = world.cluster.connect();
        session.query("BEGIN").unwrap();
        session.query("UPDATE t SET v = v + 1000 WHERE id > 1").unwrap();
        world.sql("CHECKPOINT");
        world.sql("INSERT INTO u SELECT i, i FROM generate_series(1, 3000) AS i");
        world.cluster.crash();
        world.cluster.run(world.settings);
        world.sql("ROLLBACK PREPARED 'waits'");
    }),
];

impl World {
    fn new(installation: &Installation, checksums: bool, settings: &'static [&'static str]) -> World {
        let mut cluster = Cluster::make(installation, checksums);
        cluster.run(settings);
        let world = World { cluster, settings, chain: Region::new(), fulls: Region::new() };
        let space = world.cluster.folder("space");
        world.sql(&format!("CREATE TABLESPACE space LOCATION '{}'", space.display()));
        world.sql("CREATE TABLE t (id int PRIMARY KEY, v int, pad text)");
        world.sql("INSERT INTO t SELECT i, i, repeat('x', 100) FROM generate_series(1, 15000) AS i");
        world.sql("CREATE INDEX ON t USING hash (v)");
        world.sql("CREATE TABLE u (a int, b int)");
        world.sql("CREATE TABLE g AS SELECT point(random(), random()) AS p FROM generate_series(1, 60000)");
        for name in ["first", "second"] {
            world.sql(&format!("CREATE DATABASE {name}"));
            world.cluster.sql_in(name, &format!("CREATE TABLE only_{name} AS SELECT generate_series(1, 2000) AS x"));
        }
        world.sql("CREATE DATABASE d TEMPLATE first OID 77777 STRATEGY FILE_COPY");
        world.chain.back_up(&world.cluster);
        world
    }

    fn sql(&self, sql: &str) {
        match self.cluster.installation.major {
            // Before, databases were made by copying files only, under a number that nobody could choose.
            ..15 => self.cluster.sql(&sql.replace(" STRATEGY FILE_COPY", "").replace(" OID 77777", "")),
            15.. => self.cluster.sql(sql),
        };
    }

    /// Whether the next backup has to be full: what the newest one reaches is more than twice what its full one put.
    fn outgrown(&self) -> bool {
        let repository = self.chain.reopened().repository;
        let backups = repository.backups().unwrap();
        let newest = repository.custody(backups.last().unwrap()).unwrap().1;
        let full = backups.iter().find(|name| name.id == newest.full).unwrap();
        newest.sizes.stored > 2 * repository.custody(full).unwrap().1.sizes.stored
    }

    /// Takes a backup while an index is being built whose pages carry made-up log positions.
    fn build_across_a_start(&mut self, how: &str) {
        self.sql("DROP INDEX IF EXISTS g_p");
        let mut session = self.cluster.connect();
        let sql = format!("CREATE INDEX g_p ON g USING gist (p) {how}");
        let building: JoinHandle<()> = std::thread::spawn(move || drop(session.query(&sql).unwrap()));
        wait_until("the build goes on", || {
            let sql = "SELECT count(*) FROM pg_stat_progress_create_index WHERE phase LIKE 'building%'";
            self.cluster.sql(sql) != "0" || building.is_finished()
        });
        self.chain.back_up(&self.cluster);
        building.join().unwrap();
    }

    /// Takes both, with nothing written in between, and compares what they restore.
    fn compare(&self, about: &str, incremental: bool) {
        self.sql("CHECKPOINT");
        let expected = match (incremental, self.outgrown()) {
            (false, _) => Some("neither page checksums nor wal_log_hints are on"),
            (true, true) => Some("the chain holds more than twice the bytes of its full backup"),
            (true, false) => None,
        };
        let (left, right) = (self.chain.back_up(&self.cluster), self.fulls.back_up_in_full(&self.cluster));
        assert_eq!(left.full_because.as_deref(), expected, "{about}");
        if expected.is_none() {
            assert!(left.taken.custody.sizes.new < right.taken.custody.sizes.new, "{about}: nothing was saved");
        }
        let folder = tempfile::tempdir().unwrap();
        let restored = |region: &Region, outcome: &Outcome, name: &str| {
            let to = folder.path().join(name);
            region.restore_files(&outcome.taken.name, &to).unwrap_or_else(|error| panic!("{about}: {error}"));
            to
        };
        let start = Stored::of(&self.chain.reopened().open_backup(&left.taken.name).unwrap()).unwrap().facts.start;
        let differing = unexplained(&restored(&self.chain, &left, "a"), &restored(&self.fulls, &right, "b"), start);
        assert!(differing.is_empty(), "{about}, from {start} on: {differing:?}");
    }
}

/// All events; compares after each of them (soak) or after every few.
fn live_through(installation: &Installation, checksums: bool, settings: &'static [&'static str], incremental: bool) {
    let mut world = World::new(installation, checksums, settings);
    let step = if soak() { 1 } else { 5 };
    for (number, (about, happen)) in EVENTS.iter().enumerate() {
        happen(&mut world);
        if (number + 1) % step == 0 || number + 1 == EVENTS.len() {
            world.compare(about, incremental);
        }
    }
    let forked = fork(&world.chain.reopened(), installation, TargetKind::Immediate);
    for sql in
        ["SELECT sum(v)::text || count(*)::text FROM t", "SELECT sum(a + b)::text FROM u", "SELECT count(*) FROM g"]
    {
        assert_eq!(forked.sql(sql), world.cluster.sql(sql), "{sql}");
    }
    forked.check();
}

const PREPARED: &str = "max_prepared_transactions=5";

#[test]
fn an_incremental_with_checksums_is_the_full_backup_byte_for_byte() {
    for installation in installations() {
        live_through(&installation, true, &[PREPARED], true);
    }
}

#[test]
fn an_incremental_with_wal_log_hints_alone_is_the_full_backup_byte_for_byte() {
    live_through(&crate::support::installation(), false, &[PREPARED, "wal_log_hints=on"], true);
}

#[test]
fn without_checksums_and_hints_every_file_is_taken_whole() {
    live_through(&crate::support::installation(), false, &[PREPARED], false);
}

/// Takes a backup that dies at the put of its `nth` pack; gives what it has put.
fn die(region: &Region, cluster: &Cluster, nth: u64) -> Vec<String> {
    let (before, left) = (region.names("packs/"), AtomicU64::new(nth));
    region.faults.set_hook(Arc::new(move |verb, name| {
        match verb == Verb::PutNew && name.starts_with("packs/") && left.fetch_sub(1, Ordering::SeqCst) == 1 {
            true => Action::StopBefore,
            false => Action::Go,
        }
    }));
    region.task(cluster).run(&Progress::default()).unwrap_err();
    region.faults.clear();
    region.faults.heal();
    region.names("packs/").into_iter().filter(|name| !before.contains(name)).collect()
}

#[test]
fn a_backup_that_goes_on_after_a_death_and_a_crash_is_the_full_backup_byte_for_byte() {
    let mut world = World::new(&crate::support::installation(), true, &[PREPARED]);
    for table in 0..8 {
        let text = "(SELECT string_agg(md5(i::text || j), '') FROM generate_series(1, 30) AS j)";
        world.sql(&format!("CREATE TABLE noise{table} AS SELECT i, {text} AS pad FROM generate_series(1, 12000) AS i"));
        // Else the first look at the rows would set hint bits on every page.
        world.sql(&format!("VACUUM (FREEZE) noise{table}"));
    }
    let put = die(&world.chain, &world.cluster, 3);
    assert_eq!((put.len(), world.chain.names("sessions/").len()), (2, 1));
    for table in 0..8 {
        world.sql(&format!("UPDATE noise{table} SET pad = 'changed' WHERE i % 1000 = 0"));
    }
    world.sql("DROP TABLE noise1");
    world.sql("CREATE TABLE noise1 AS SELECT i, i AS pad FROM generate_series(1, 5000) AS i");
    world.sql("DELETE FROM noise2 WHERE i > 6000");
    world.sql("VACUUM noise2");
    world.cluster.crash();
    world.cluster.run(world.settings);
    world.sql("UPDATE noise3 SET pad = 'changed after the crash' WHERE i % 1000 = 1");
    world.compare("after a death and a crash", true);
    let repository = world.chain.reopened().repository;
    let custody = repository.custody(repository.backups().unwrap().last().unwrap()).unwrap().1;
    let packs: Vec<String> = custody.packs().unwrap().into_iter().map(|pack| pack.0.to_string()).collect();
    let adopted: Vec<&String> = put.iter().filter(|name| packs.contains(name)).collect();
    let adopted: usize = adopted.iter().map(|name| world.chain.inner.get(name).unwrap().len()).sum();
    let fulls = world.fulls.reopened().repository;
    let full = fulls.custody(fulls.backups().unwrap().last().unwrap()).unwrap().1.sizes.new;
    assert!(adopted > 0, "nothing was adopted");
    assert!(custody.sizes.new + adopted as u64 / 2 < full, "{} of {full}, {adopted} adopted", custody.sizes.new);
    assert!(world.chain.names("sessions/").is_empty());
    // Every backup is announced, and while another one is running nothing is adopted.
    assert!(die(&world.chain, &world.cluster, 1).is_empty());
    let other = Taker::announce(&world.cluster.settings(), repository.id(), &clock()).unwrap();
    assert!(other.is_alone());
    world.chain.back_up(&world.cluster);
    assert_eq!((world.chain.names("sessions/").len(), world.chain.names("fences/").len()), (1, 1));
    drop(other);
    wait_until("the server has noticed", || {
        world.cluster.sql("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'") == "0"
    });
    world.chain.back_up(&world.cluster);
    assert_eq!((world.chain.names("sessions/").len(), world.chain.names("fences/").len()), (0, 2));
}
