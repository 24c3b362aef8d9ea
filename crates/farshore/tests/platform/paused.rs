//! `farshore up` is paused for longer than a worker may be silent.

use rustix::process::Signal;
use serde_json::json;

use super::client::sql;
use super::site::{Site, below, pause, text, times};
use super::support::{installed, wait_until};

/// The lease of a run, and how long the platform is paused.
const LEASE: &str = "[limits]\nlease_s = 1\n";
const PAUSE_MS: u64 = 3000;
/// About what the backup takes.
const BACKUP_MS: u64 = 300;

#[test]
fn a_platform_that_is_paused_for_longer_than_a_lease_takes_its_backup_once() {
    if !installed() {
        return;
    }
    let site = Site::new(LEASE, &["the log of service"]);
    site.create("shop", "startup-4", &json!({}));
    let uri = site.settle_running("shop");
    sql(&uri, "CREATE TABLE sold AS SELECT n, repeat(md5(n::text), 20) AS what FROM generate_series(1, 100000) n");
    for _ in 0..times(1, 6) {
        pause_once(&site);
    }
    assert_eq!(site.servers(&site.id("shop")), 1);
    site.finish();
}

/// Pauses the platform at a random moment of a backup.
fn pause_once(site: &Site) {
    let before = (site.backups("shop").len(), site.events("shop", "service_backup"));
    let run = text(&site.back_up("shop")["id"]);
    let path = format!("/v1/project/main/run/{run}");
    let shown = || site.ask("GET", &path, &serde_json::Value::Null)["run"].take();
    wait_until("the backup is under way", || shown()["step"] == "take" || shown()["state"] == "done");
    assert_eq!(shown()["state"], "running", "a backup that takes no time cannot be interrupted");
    pause(below(BACKUP_MS));
    site.up().signal(Signal::STOP);
    pause(PAUSE_MS);
    site.up().signal(Signal::CONT);
    site.settle_running("shop");
    assert_eq!(shown()["state"], "done");
    assert_eq!((site.backups("shop").len(), site.events("shop", "service_backup")), (before.0 + 1, before.1 + 1));
    let steps = site.store().read(|tx| farshore_store::runs::steps(tx, &run)).unwrap();
    assert_eq!(steps.len(), 2, "each step was recorded once: {steps:?}");
}
