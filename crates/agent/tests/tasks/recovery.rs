//! A recovery whose log fails in the middle stops. It never takes a failure for the end of the log, and never promotes early.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use farshore_objects::layers::{Action, Verb};
use farshore_types::{ErrorKind, Target, TargetKind};
use farshore_vault::names::JournalName;

use crate::support::cluster::Cluster;
use crate::support::forks::{Volume, fork, try_fork};
use crate::support::protection::Protection;
use crate::support::region::Region;
use crate::support::{clock, installation};

/// A region with a backup and half a dozen segments of log after it.
fn world() -> (Cluster, Region) {
    let cluster = Cluster::start(&installation());
    let region = Region::new();
    let protection = Protection::start(cluster.settings(), &region);
    cluster.sql("CREATE TABLE t (number int)");
    for number in 1..=6 {
        cluster.sql(&format!("INSERT INTO t VALUES ({number})"));
        cluster.sql("CREATE TABLE much AS SELECT repeat(md5(i::text), 20) FROM generate_series(1, 10000) AS i");
        cluster.sql("DROP TABLE much");
        cluster.sql("SELECT pg_switch_wal()");
    }
    protection.await_archived(clock().now());
    protection.stop().unwrap();
    (cluster, region)
}

/// Journal objects that are long after the backup, in order.
fn late_objects(region: &Region) -> Vec<String> {
    let mut ranges = Vec::new();
    for name in region.names("journal/") {
        if let Ok(JournalName::Range(range)) = JournalName::parse(&name)
            && range.from < range.to
        {
            ranges.push((range.from, name));
        }
    }
    ranges.sort();
    let half = ranges.len() / 2;
    ranges.into_iter().skip(half).map(|(_, name)| name).collect()
}

/// Forks, which must fail without a promotion. Gives the error's text.
fn stopped(region: &Region) -> String {
    let volume = Volume::new();
    let error = try_fork(&region.vault, &installation(), Target::latest(), &volume).unwrap_err().to_string();
    assert!(!volume.has_promoted(), "{error}\n{}", volume.log());
    assert!(volume.server().is_none(), "a server was left behind");
    error
}

#[test]
fn a_damaged_journal_object_stops_the_recovery_and_is_named() {
    let (_cluster, region) = world();
    let damaged = late_objects(&region).swap_remove(1);
    region.damage(&damaged);
    let error = stopped(&region);
    assert!(error.contains(&damaged), "{error} does not name {damaged}");
}

#[test]
fn a_store_that_dies_in_the_middle_stops_the_recovery_and_the_next_attempt_succeeds() {
    let (cluster, region) = world();
    let (gets, late) = (AtomicUsize::new(0), late_objects(&region));
    let first = late[1].clone();
    let hook = move |verb, name: &str| {
        let due = gets.load(Ordering::Relaxed) > 0 || (verb == Verb::Get && name == first);
        if !due {
            return Action::Go;
        }
        gets.fetch_add(1, Ordering::Relaxed);
        Action::FailBefore(ErrorKind::Transient)
    };
    region.faults.set_hook(Arc::new(hook));
    let error = stopped(&region);
    assert!(error.contains("journal/"), "{error}");
    region.faults.clear();
    let forked = fork(&region.vault, &cluster.installation, TargetKind::Latest);
    assert_eq!(forked.sql("SELECT max(number) FROM t"), "6");
    forked.check_pages();
}

#[test]
fn a_journal_object_that_is_gone_is_a_gap_and_refused_with_both_ends() {
    let (cluster, region) = world();
    let end = cluster.sql("SELECT pg_current_wal_lsn()::text");
    let gone = late_objects(&region).swap_remove(0);
    let Ok(JournalName::Range(range)) = JournalName::parse(&gone) else { panic!("{gone}") };
    region.inner.delete(&gone).unwrap();
    let target = Target { kind: TargetKind::Position(end.parse().unwrap()), inclusive: true };
    let volume = Volume::new();
    let error = try_fork(&region.vault, &cluster.installation, target, &volume).unwrap_err().to_string();
    assert!(error.contains(&range.from.to_string()), "{error} does not say where the window ends: {}", range.from);
    // What lies before the gap is as good as before.
    let forked = fork(&region.vault, &cluster.installation, TargetKind::Position(range.from));
    let found: u32 = forked.sql("SELECT count(*) FROM t").parse().unwrap();
    assert!((1..6).contains(&found));
    forked.check_pages();
}
