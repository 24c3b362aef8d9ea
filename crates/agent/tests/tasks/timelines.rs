//! The journal across switches of the timeline: a source that was put back to a moment, and a standby that is promoted.

use std::fs;

use farshore_agent::tasks::windows::Windows;
use farshore_engines::postgresql::provision::Installation;
use farshore_engines::postgresql::wire::Settings;
use farshore_types::{Position, Progress, Target, TargetKind, Timeline};

use crate::support::cluster::{Cluster, command, run};
use crate::support::forks::{Forked, fork_to};
use crate::support::load::{self, Known, Load, Order, Rows, rows_of};
use crate::support::protection::Protection;
use crate::support::region::Region;
use crate::support::{clock, installation, installations, samples, seed, wait_until};

fn target(kind: TargetKind) -> Target {
    Target { kind, inclusive: true }
}

fn check(region: &Region, installation: &Installation, target: &Target, expected: &Rows) {
    let forked = fork_to(&region.reopened(), installation, target.clone());
    let found = rows_of(&forked.opened.server);
    let differing: Vec<_> = expected.iter().filter(|(id, v)| found.get(id) != Some(v)).collect();
    assert!(differing.is_empty() && found.len() == expected.len(), "{target}: {} rows, {differing:?}", found.len());
    forked.check_pages();
}

/// One history of a source that is put back again and again: its rows so far, and where its log lies.
struct Round {
    known: Known,
    order: Order,
    before: Rows,
}

impl Round {
    fn rows(&self, target: &Target) -> Rows {
        let mut rows = self.before.clone();
        rows.extend(self.known.rows(&self.order.committed(target)));
        rows
    }
}

fn put_back(installation: &Installation, rounds: u32) {
    let cluster = Cluster::start(installation);
    load::prepare(&cluster);
    let region = Region::new();
    let mut from: Position = cluster.sql("SELECT pg_current_wal_lsn()::text").parse().unwrap();
    let (mut server, mut data, mut held) = (cluster.settings(), cluster.data.clone(), None::<Forked>);
    let mut before = Rows::new();
    for round in 1..=rounds {
        let protection = Protection::start(server.clone(), &region);
        let load = Load::start(&server, seed().wrapping_mul(u64::from(round)));
        load.advance(80);
        let known = load.stop();
        assert_eq!(protection.await_archived_now().breaks, 0);
        protection.stop().unwrap();
        let order = Order::read(installation, &data, Timeline(round), from);
        let past = Round { known, order, before };
        let commits: Vec<_> = past.order.commits().collect();
        let (at, _, time) = commits[commits.len() / 2];
        // Backwards across the switch, and to the end of this history.
        check(&region, installation, &target(TargetKind::Time(time)), &past.rows(&target(TargetKind::Time(time))));
        check(&region, installation, &Target::latest(), &past.rows(&Target::latest()));
        // The service goes on from the middle: what came after it is given up.
        let back = target(TargetKind::Position(at));
        before = past.rows(&back);
        let forked = fork_to(&region.vault, installation, back);
        assert_eq!(forked.opened.timeline, Timeline(round + 1));
        (server, data, from) = (forked.opened.server.clone(), forked.volume.data(), forked.opened.reached);
        held = Some(forked);
    }
    let windows = Windows::read(&region.reopened()).unwrap();
    let newest = windows.windows.last().unwrap();
    assert_eq!(newest.timeline, Timeline(rounds));
    drop(held);
}

#[test]
fn a_source_that_was_put_back_goes_on_in_the_same_journal() {
    for installation in installations() {
        put_back(&installation, if installation.major == 15 { u32::try_from(samples(2, 5)).unwrap() } else { 2 });
    }
}

#[test]
fn a_time_in_a_history_that_was_given_up_is_looked_for_in_that_history() {
    let installation = installation();
    let cluster = Cluster::start(&installation);
    load::prepare(&cluster);
    let region = Region::new();
    let from: Position = cluster.sql("SELECT pg_current_wal_lsn()::text").parse().unwrap();
    let archive = |server: &Settings, seed: u64| {
        let protection = Protection::start(server.clone(), &region);
        let load = Load::start(server, seed);
        load.advance(80);
        let known = load.stop();
        assert_eq!(protection.await_archived_now().breaks, 0);
        protection.stop().unwrap();
        known
    };
    let known = archive(&cluster.settings(), seed());
    let order = Order::read(&installation, &cluster.data, Timeline(1), from);
    let first = Round { known, order, before: Rows::new() };
    let commits: Vec<_> = first.order.commits().collect();
    // The server is put back to a quarter of what it did; three quarters are given up, and asked for in the middle.
    let back = target(TargetKind::Position(commits[commits.len() / 4].0));
    let given_up = target(TargetKind::Time(commits[commits.len() * 3 / 4].2));
    let second = fork_to(&region.vault, &installation, back);
    assert_eq!(second.opened.timeline, Timeline(2));
    archive(&second.opened.server, seed() + 1);
    let newest = rows_of(&second.opened.server);
    let windows = Windows::read(&region.reopened()).unwrap();
    let window = windows.windows.last().unwrap();
    let timelines: Vec<_> = window.branches.iter().map(|branch| branch.timeline).collect();
    assert_eq!((window.timeline, timelines), (Timeline(2), vec![Timeline(1), Timeline(2)]));
    let forked = fork_to(&region.reopened(), &installation, given_up.clone());
    assert_eq!(rows_of(&forked.opened.server), first.rows(&given_up));
    // The number of the second history is taken.
    assert_eq!(forked.opened.timeline, Timeline(3));
    forked.check_pages();
    check(&region, &installation, &Target::latest(), &newest);
    check(&region, &installation, &target(TargetKind::Time(window.reach.to_time)), &newest);
}

#[test]
fn a_server_that_was_promoted_long_ago_is_backed_up_archived_and_forked() {
    let installation = installation();
    let source = Cluster::start(&installation);
    load::prepare(&source);
    source.sql("INSERT INTO load VALUES (1, 1)");
    let old = Region::new();
    old.back_up(&source);
    let promoted = fork_to(&old.vault, &installation, Target::latest());
    promoted.sql("INSERT INTO load VALUES (2, 2)");
    // By one backup alone, and by an agent.
    let (alone, region) = (Region::new(), Region::new());
    alone.task_of(promoted.opened.server.clone()).run(&Progress::default()).unwrap();
    check(&alone, &installation, &Target::latest(), &Rows::from([(1, 1), (2, 2)]));
    let protection = Protection::start(promoted.opened.server.clone(), &region);
    promoted.sql("INSERT INTO load VALUES (3, 3)");
    protection.await_archived_now();
    protection.stop().unwrap();
    check(&region, &installation, &Target::latest(), &Rows::from([(1, 1), (2, 2), (3, 3)]));
}

#[test]
fn a_standby_that_is_promoted_while_its_log_is_archived_goes_on_in_the_same_journal() {
    let mut primary = Cluster::start(&installation());
    load::prepare(&primary);
    let mut standby = primary.beside("standby");
    let mut copy = command(primary.installation.program("pg_basebackup").unwrap());
    copy.arg("-h").arg(primary.base()).args(["-p", &primary.port.to_string(), "-U", "postgres", "-R", "-c", "fast"]);
    run(copy.arg("--no-sync").arg("-D").arg(&standby.data));
    standby.run(&[]);
    let from: Position = primary.sql("SELECT pg_current_wal_lsn()::text").parse().unwrap();
    let region = Region::new();
    let first = Load::start(&primary.settings(), seed());
    first.advance(20);
    primary.sql("CHECKPOINT");
    let protection = Protection::start(standby.settings(), &region);
    first.advance(60);
    let first = first.stop();
    let end = primary.sql("SELECT pg_current_wal_lsn()::text");
    let replayed = || standby.sql(&format!("SELECT pg_last_wal_replay_lsn() >= '{end}'")) == "t";
    wait_until("the standby has replayed everything", replayed);
    let order = Order::read(&primary.installation, &primary.data, Timeline(1), from);
    let before = first.rows(&order.committed(&Target::latest()));
    primary.stop();
    standby.sql("SELECT pg_promote()");
    let second = Load::start(&standby.settings(), seed() + 1);
    second.advance(60);
    let second = second.stop();
    let now = clock().now();
    protection.await_archived(now);
    let expected = rows_of(&standby.settings());
    assert!(expected.len() > before.len() && !second.acknowledged.is_empty());
    check(&region, &standby.installation, &Target::latest(), &expected);
    let commits: Vec<_> = order.commits().collect();
    let (_, xid, time) = commits[commits.len() - 5];
    let moment = target(TargetKind::Time(time));
    let held = first.rows(&order.committed(&moment));
    assert!(first.acknowledged.iter().any(|(known, _)| *known == xid));
    check(&region, &standby.installation, &moment, &held);
    assert!(fs::exists(standby.data.join("pg_wal/00000002.history")).unwrap());
    protection.stop().unwrap();
}
