//! A sweep between the steps of a fork: the backup that it is made from stays, and the log as far as the target.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use farshore_agent::tasks::windows::Windows;
use farshore_objects::layers::{Action, Verb};
use farshore_types::{ErrorKind, Position, SystemClock, SystemEntropy, TargetKind};
use farshore_vault::care::sweep::{Settings, sweep};

use crate::support::cluster::Cluster;
use crate::support::forks::fork;
use crate::support::installation;
use crate::support::protection::Protection;
use crate::support::region::Region;

/// Nothing is spared because it is young.
const AT_ONCE: Settings = Settings { grace: Duration::ZERO, cycle: Duration::ZERO, session_margin: Duration::ZERO };

/// A region with two full backups, and a moment between them.
fn world() -> (Cluster, Region, Position) {
    let (cluster, region) = (Cluster::start(&installation()), Region::new());
    let protection = Protection::start(cluster.settings(), &region);
    cluster.sql("CREATE TABLE t AS SELECT 1 AS number");
    cluster.sql("SELECT pg_switch_wal()");
    let between = cluster.sql("SELECT pg_current_wal_lsn()::text").parse().unwrap();
    cluster.sql("INSERT INTO t VALUES (2)");
    cluster.sql("SELECT pg_switch_wal()");
    protection.await_archived_now();
    protection.stop().unwrap();
    region.back_up_in_full(&cluster);
    (cluster, region, between)
}

#[test]
fn a_backup_that_expires_while_it_is_forked_from_stays_with_its_log_until_the_fork_is_open() {
    let (cluster, region, between) = world();
    let backups = region.vault.repository.backups().unwrap();
    let (first, kept) = (backups[0], Arc::new(AtomicU64::new(0)));
    let (told, store) = (kept.clone(), region.reopened().repository);
    region.faults.set_hook(Arc::new(move |verb, name| {
        let due = name.starts_with("packs/") || name.starts_with("journal/");
        if due && matches!(verb, Verb::Get | Verb::GetRange) && told.load(Ordering::SeqCst) < 4 {
            // What the first condemns the second buries.
            for _ in 0..2 {
                let swept = sweep(&store, &[first.id], &AT_ONCE, (Arc::new(SystemClock::new()), &SystemEntropy));
                told.fetch_add(swept.map_or(0, |swept| swept.kept), Ordering::SeqCst);
            }
        }
        Action::Go
    }));
    let forked = fork(&region.vault, &cluster.installation, TargetKind::Position(between));
    assert_eq!(forked.sql("SELECT count(*) FROM t"), "1");
    region.faults.clear();
    assert!(kept.load(Ordering::SeqCst) >= 4, "no sweep came between");
    assert!(region.names("sessions/").is_empty(), "{:?}", region.names("sessions/"));
    // Nobody needs it any more.
    let store = region.reopened().repository;
    let swept = sweep(&store, &[first.id], &AT_ONCE, (Arc::new(SystemClock::new()), &SystemEntropy)).unwrap();
    assert_eq!((swept.kept, swept.manifests), (0, 1));
    assert_eq!(Windows::read(&region.reopened()).unwrap().windows.len(), 1);
}

#[test]
fn a_region_that_may_only_be_read_is_forked_from() {
    let (cluster, region, between) = world();
    let before = region.names("");
    region.faults.set_hook(Arc::new(|verb, _| match verb {
        Verb::PutNew | Verb::Delete => Action::FailBefore(ErrorKind::Denied),
        _ => Action::Go,
    }));
    let forked = fork(&region.vault, &cluster.installation, TargetKind::Position(between));
    assert_eq!(forked.sql("SELECT count(*) FROM t"), "1");
    assert_eq!(region.names(""), before);
}
