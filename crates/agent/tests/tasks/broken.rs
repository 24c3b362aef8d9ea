//! The journal when things break: a dead store, a lost slot, log that was thrown away. Seen, counted, mended; never silent.

use std::time::Duration;

use farshore_agent::tasks::windows::Windows;
use farshore_types::{ErrorKind, Position, Target, TargetKind, Timeline};

use crate::support::cluster::Cluster;
use crate::support::forks::{Volume, fork_to, try_fork};
use crate::support::load::{self, Load, Order, rows_of};
use crate::support::protection::{Protection, SLOT};
use crate::support::region::Region;
use crate::support::{clock, installation, let_pass, samples, seed, wait_until};

/// A server that throws its log away as soon as it may.
const FORGETFUL: [&str; 4] =
    ["wal_keep_size=0", "min_wal_size=32MB", "max_wal_size=32MB", "max_slot_wal_keep_size=32MB"];

fn world(settings: &[&str]) -> (Cluster, Region) {
    let mut cluster = Cluster::make(&installation(), true);
    cluster.run(settings);
    load::prepare(&cluster);
    (cluster, Region::new())
}

/// Writes more log than a forgetful server keeps.
fn write_much(cluster: &Cluster) {
    for _ in 0..6 {
        cluster.sql("CREATE TABLE much AS SELECT repeat(md5(i::text), 20) FROM generate_series(1, 4000) AS i");
        cluster.sql("DROP TABLE much");
        cluster.sql("SELECT pg_switch_wal()");
    }
    cluster.sql("CHECKPOINT");
}

#[derive(Clone, Copy)]
enum Death {
    Fails,
    Hangs,
}

fn store_dies(death: Death) {
    let (cluster, region) = world(&[]);
    let from: Position = cluster.sql("SELECT pg_current_wal_lsn()::text").parse().unwrap();
    let protection = Protection::start(cluster.settings(), &region);
    let load = Load::start(&cluster.settings(), seed());
    load.advance(100);
    protection.await_archived_now();
    let usual = load.longest_wait();
    match death {
        Death::Fails => region.faults.fail_all(ErrorKind::Transient),
        Death::Hangs => region.faults.block_all(),
    }
    let (clock, died) = (clock(), load.count());
    wait_until("the trouble is seen", || protection.status().trouble.is_some());
    let length = Duration::from_secs(samples(5, 60) as u64);
    while clock.monotonic() < length {
        let_pass(Duration::from_millis(100));
    }
    let status = protection.status();
    assert!(status.trouble.is_some() && status.at_risk_s > length.as_secs_f64() - 2.0, "{status:?}");
    assert!(load.count() > died + 100, "the load stood still");
    region.faults.heal();
    let told = clock.now();
    let mended = protection.await_archived(told);
    assert_eq!((mended.trouble, mended.breaks), (None, 0));
    let longest = load.longest_wait();
    assert!(longest < usual * 4 + Duration::from_secs(1), "a commit took {longest:?}, before that {usual:?}");
    let known = load.stop();
    let order = Order::read(&cluster.installation, &cluster.data, Timeline(1), from);
    let dead = known.acknowledged[known.acknowledged.len() * 2 / 3].1;
    protection.await_archived_now();
    let moment = Target { kind: TargetKind::Time(dead), inclusive: true };
    let forked = fork_to(&region.reopened(), &cluster.installation, moment.clone());
    assert_eq!(rows_of(&forked.opened.server), known.rows(&order.committed(&moment)));
    protection.stop().unwrap();
}

#[test]
fn a_store_that_fails_is_seen_stalls_nobody_and_leaves_no_gap() {
    store_dies(Death::Fails);
}

#[test]
fn a_store_that_hangs_is_seen_stalls_nobody_and_leaves_no_gap() {
    store_dies(Death::Hangs);
}

/// After a break: counted, a new full backup, two intervals, and what lies between them refused by name.
fn broken(cluster: &Cluster, region: &Region, protection: &Protection, lost: (Position, farshore_types::Timestamp)) {
    wait_until("the break is counted", || protection.status().breaks == 1);
    wait_until("a new backup is there", || region.reopened().repository.backups().unwrap().len() == 2);
    wait_until("and told", || protection.status().last_backup.is_some_and(|backup| backup.full));
    let vault = region.reopened();
    let windows = Windows::read(&vault).unwrap().windows;
    assert_eq!(windows.len(), 2);
    assert!(windows[0].reach.to <= lost.0 && windows[1].reach.from > lost.0, "{windows:?}");
    for kind in [TargetKind::Position(lost.0), TargetKind::Time(lost.1)] {
        let volume = Volume::new();
        let error = try_fork(&vault, &cluster.installation, Target { kind, inclusive: true }, &volume);
        let text = error.unwrap_err().to_string();
        let told: Vec<Position> = text.split('(').filter_map(|part| part.split_once(')')?.0.parse().ok()).collect();
        let [first, second] = [windows[0].reach, windows[1].reach];
        assert!(told.starts_with(&[first.from, first.to, second.from]), "{text}");
        // The second window is still growing: its end may have moved on since it was read.
        assert!(told.len() == 4 && told[3] >= second.to, "{text}, {} when it was read", second.to);
        assert!(!volume.path().exists(), "something was made for a refused fork");
    }
    // Both sides of the gap are whole.
    cluster.sql("INSERT INTO load VALUES (2, 2)");
    protection.await_archived_now();
    for (kind, rows) in [(TargetKind::Position(windows[0].reach.to), 1), (TargetKind::Latest, 2)] {
        let forked = fork_to(&vault, &cluster.installation, Target { kind, inclusive: true });
        assert_eq!(rows_of(&forked.opened.server).len(), rows);
        forked.check_pages();
    }
}

fn here(cluster: &Cluster) -> (Position, farshore_types::Timestamp) {
    let at = cluster.sql("SELECT pg_current_wal_lsn()::text").parse().unwrap();
    // A moment after what was archived, and before anything that will be.
    let_pass(Duration::from_millis(5));
    (at, clock().now())
}

#[test]
fn a_slot_that_was_dropped_while_the_agent_was_away_breaks_the_journal_visibly() {
    let (cluster, region) = world(&FORGETFUL);
    cluster.sql("INSERT INTO load VALUES (1, 1)");
    let protection = Protection::start(cluster.settings(), &region);
    protection.await_archived_now();
    protection.stop().unwrap();
    let dropped = || cluster.connect().query(&format!("SELECT pg_drop_replication_slot('{SLOT}')")).is_ok();
    wait_until("the slot is free", dropped);
    cluster.sql("SELECT pg_switch_wal()");
    write_much(&cluster);
    let lost = here(&cluster);
    write_much(&cluster);
    let protection = Protection::begin(cluster.settings(), &region);
    wait_until("the agent answers", || protection.try_status().is_some());
    broken(&cluster, &region, &protection, lost);
    protection.stop().unwrap();
}

#[test]
fn a_slot_that_fell_behind_its_bound_while_the_store_was_dead_breaks_the_journal_visibly() {
    let (cluster, region) = world(&FORGETFUL);
    cluster.sql("INSERT INTO load VALUES (1, 1)");
    let protection = Protection::start(cluster.settings(), &region);
    protection.await_archived_now();
    region.faults.fail_all(ErrorKind::Transient);
    let lost_slot = || {
        write_much(&cluster);
        cluster.sql(&format!("SELECT wal_status FROM pg_replication_slots WHERE slot_name = '{SLOT}'")) == "lost"
    };
    wait_until("the server has given the slot up", lost_slot);
    let lost = here(&cluster);
    write_much(&cluster);
    region.faults.heal();
    broken(&cluster, &region, &protection, lost);
    protection.stop().unwrap();
}

/// What keeps the log's connections out, what mends it, and in which words it is told.
const MENDABLE: [(&str, &str, &str); 2] = [
    ("ALTER ROLE keeper NOLOGIN", "ALTER ROLE keeper LOGIN", "28000"),
    ("ALTER DATABASE postgres ALLOW_CONNECTIONS false", "ALTER DATABASE postgres ALLOW_CONNECTIONS true", "55000"),
];

fn keeper(cluster: &Cluster) -> farshore_engines::postgresql::wire::Settings {
    cluster.sql("CREATE ROLE keeper LOGIN SUPERUSER");
    farshore_engines::postgresql::wire::Settings { user: "keeper".to_string(), ..cluster.settings() }
}

/// Ends every connection of the keeper, the stream's too.
fn cut_off(cluster: &Cluster) {
    let cut = "SELECT count(pg_terminate_backend(pid))::text FROM pg_stat_activity WHERE usename = 'keeper'";
    cluster.sql_in("template1", cut);
}

#[test]
fn a_server_that_refuses_us_for_a_while_is_told_and_archived_again_when_it_takes_us_back() {
    let (cluster, region) = world(&[]);
    let protection = Protection::start(keeper(&cluster), &region);
    protection.await_archived_now();
    for (breaks, mends, code) in MENDABLE {
        cluster.sql_in("template1", breaks);
        cut_off(&cluster);
        let told = || protection.status().trouble.is_some_and(|trouble| trouble.contains(code));
        wait_until("the refusal is told", told);
        let_pass(Duration::from_secs(2));
        assert!(!protection.has_ended() && told(), "{:?}", protection.status());
        cluster.sql_in("template1", mends);
        cluster.sql("INSERT INTO load VALUES (1, 1) ON CONFLICT DO NOTHING");
        let status = protection.await_archived_now();
        assert_eq!((status.trouble, status.breaks), (None, 0));
    }
    // A right that the role lacks is a mistake that we made, and ends it.
    cluster.sql("ALTER ROLE keeper NOSUPERUSER NOREPLICATION");
    cut_off(&cluster);
    wait_until("it has ended", || protection.has_ended());
    assert!(protection.stop().unwrap_err().to_string().contains("42501"));
}
