//! Protection when backups fail, are damaged, or take long: nothing is claimed that is not so, and nothing waits for ever.

use std::sync::Arc;
use std::time::Duration;

use farshore_objects::layers::{Action, Verb};
use farshore_types::{ErrorKind, TargetKind};

use crate::support::cluster::Cluster;
use crate::support::forks::fork;
use crate::support::protection::Protection;
use crate::support::region::Region;
use crate::support::{clock, installation, let_pass, wait_until};

#[test]
fn a_server_is_not_called_protected_before_its_first_backup_exists() {
    let (cluster, region) = (Cluster::start(&installation()), Region::new());
    region.faults.set_hook(Arc::new(|verb, name| match verb == Verb::PutNew && name.starts_with("backups/") {
        true => Action::FailBefore(ErrorKind::Denied),
        false => Action::Go,
    }));
    let protection = Protection::begin(cluster.settings(), &region);
    wait_until("the agent answers", || protection.try_status().is_some());
    wait_until("the backup has failed", || protection.status().backup_trouble.is_some());
    assert!(!protection.has_announced());
    region.faults.clear();
    protection.back_up();
    wait_until("it is announced", || protection.has_announced());
    protection.stop().unwrap();
}

#[test]
fn nothing_is_at_risk_on_an_idle_server_however_long_it_idles() {
    let (cluster, region) = (Cluster::start(&installation()), Region::new());
    let protection = Protection::start(cluster.settings(), &region);
    protection.await_archived_now();
    // Marks come at ever longer pauses: after this one the next would come more than four seconds later.
    let_pass(Duration::from_secs(5));
    let objects = region.names("journal/").len();
    let mut most: f64 = 0.0;
    for _ in 0..40 {
        let_pass(Duration::from_millis(100));
        most = most.max(protection.status().at_risk_s);
    }
    assert!(most > 0.0 && most < 2.0, "{most} s");
    assert!(region.names("journal/").len() <= objects + 2, "an idle server costs no objects");
    // What is written and cannot be put is at risk.
    region.faults.fail_all(ErrorKind::Transient);
    cluster.sql("CREATE TABLE t (n int)");
    let_pass(Duration::from_secs(3));
    assert!(protection.status().at_risk_s > 2.0, "{:?}", protection.status());
    region.faults.heal();
    protection.stop().unwrap();
}

#[test]
fn a_backup_that_takes_long_ends_when_protection_shall() {
    let (cluster, region) = (Cluster::start(&installation()), Region::new());
    let protection = Protection::begin_at(cluster.settings(), &region, Some(200_000));
    wait_until("the agent answers", || protection.try_status().is_some());
    wait_until("a backup runs", || protection.status().running.is_some_and(|(done, _)| done > 0));
    let clock = clock();
    protection.stop().unwrap();
    // The whole of it would take more than a minute.
    assert!(clock.monotonic() < Duration::from_secs(20), "{:?}", clock.monotonic());
    assert!(region.names("backups/").is_empty());
}

#[test]
fn a_damaged_newest_backup_is_followed_by_a_full_one() {
    let (cluster, region) = (Cluster::start(&installation()), Region::new());
    cluster.sql("CREATE TABLE t AS SELECT generate_series(1, 1000) AS n");
    region.back_up(&cluster);
    region.damage(&region.names("backups/")[0]);
    let outcome = region.back_up(&cluster);
    assert!(outcome.full_because.is_some_and(|reason| reason.contains("damaged")));
    let forked = fork(&region.reopened(), &cluster.installation, TargetKind::Immediate);
    assert_eq!(forked.sql("SELECT count(*) FROM t"), "1000");
}
