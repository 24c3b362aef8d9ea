//! A running service goes to another region under load, its platform dies on the way, and its backups stay where they are.

use std::path::Path;
use std::sync::atomic::{AtomicI64, Ordering};

use serde_json::json;

use super::client::{sql, try_sql};
use super::regions::{ANSWER_US, EXPECTED, Load, moment, now_us, sold};
use super::site::{Site, below, pause, text, times};
use super::support::{installed, wait_until};

/// The longest time from the request to the kill: about what a move takes.
const KILL_AFTER_MS: u64 = 4000;

/// What this may log besides: a server that was restarted waits for its store.
const TOLD: &[&str] = &{
    let mut told = ["open the repository"; EXPECTED.len() + 1];
    let mut at = 0;
    while at < EXPECTED.len() {
        told[at] = EXPECTED[at];
        at += 1;
    }
    told
};

/// The folder of a service in the store of a region.
fn stored(site: &Site, region: &str, id: &str) -> bool {
    let store = site.world.data().join("regions").join(region);
    holds(&store, id)
}

fn holds(folder: &Path, name: &str) -> bool {
    std::fs::read_dir(folder)
        .into_iter()
        .flatten()
        .flatten()
        .any(|entry| entry.file_name().to_string_lossy() == name || entry.path().is_dir() && holds(&entry.path(), name))
}

fn relocate(site: &mut Site, from: &str, to: &str) {
    let (id, uri) = (site.id("shop"), site.uri("shop"));
    let load = Load::begin(&uri);
    wait_until("the client commits", || load.committed() > 0);
    let told = site.events("shop", "service_region_move");
    site.change("shop", &json!({ "cloud": to }));
    let after = below(KILL_AFTER_MS);
    pause(after);
    site.kill();
    site.start();
    // Somebody who saw no answer asks again.
    site.change("shop", &json!({ "cloud": to }));
    site.settle("shop", "RUNNING");
    println!("from {from} to {to}: killed after {after} ms");
    let (sent, acknowledged) = load.end();
    assert_eq!(site.uri("shop"), uri, "clients find it where it was");
    let there = sold(&uri);
    let missing: Vec<_> = acknowledged.keys().filter(|row| !there.contains(row)).collect();
    assert!(missing.is_empty(), "acknowledged rows are missing: {missing:?}");
    assert!(there.iter().all(|row| *row <= sent), "rows that nobody sent");
    assert_eq!(site.service("shop")["cloud_name"], to);
    assert_eq!(site.events("shop", "service_region_move"), told + 1, "it moves once");
    let former = site.world.data().join("host").join(from).join("nodes").join(&id);
    wait_until("the former node is given up", || !former.exists() && site.servers(&id) == 1);
    sql(&uri, "DROP TABLE sold");
}

#[test]
fn a_running_service_moves_under_load_and_its_backups_stay_where_they_are() {
    if !installed() {
        return;
    }
    let mut site = Site::new("[limits]\nworkers = 8\n[copies]\ngrace_hours = 0\n", TOLD);
    site.copied("shop", "local-north", "local-south");
    let id = site.id("shop");
    for round in 0..times(1, 5) {
        // To the region of the copy, to one that has nothing of it, and home.
        let away = if round % 2 == 0 { "local-east" } else { "local-south" };
        relocate(&mut site, "local-north", away);
        lives_away(&site, &id);
        relocate(&mut site, away, "local-north");
    }
    assert!(!stored(&site, "local-east", &id), "nothing of it was kept there");
    beside_its_copy(&site);
    site.finish();
}

/// Where a service lives beside its copy, that goes as any other, and the service stays.
fn beside_its_copy(site: &Site) {
    site.change("shop", &json!({ "cloud": "local-south" }));
    let uri = site.settle_running("shop");
    site.change("shop", &json!({ "user_config": { "additional_backup_regions": [] } }));
    wait_until("the copy is gone", || site.copy("shop").is_null());
    assert_eq!(sql(&uri, "SELECT 1"), "1");
    site.back_up("shop");
    site.settle("shop", "RUNNING");
}

/// Backups, log and copy go on from where they were; the store's loss stops nobody.
fn lives_away(site: &Site, id: &str) {
    let uri = site.uri("shop");
    sql(&uri, "CREATE TABLE away (n int)");
    sql(&uri, "INSERT INTO away VALUES (1)");
    let now = sql(&uri, "SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint").parse::<i64>().unwrap();
    site.back_up("shop");
    wait_until("the backup is taken", || site.is_idle(id));
    let listed = site.ask("GET", "/v1/project/main/service/shop/backups", &json!(null));
    let all = listed["backups"].as_array().unwrap();
    assert!(all.iter().all(|backup| backup["storage_location"] == "local-north"), "{listed}");
    wait_until("the copy has it", || {
        let copy = site.copy("shop");
        copy["state"] == "complete" && moment(&copy["newest_moment"]) > now
    });
    site.fork("near", "shop", "local-south", None);
    assert_eq!(sql(&site.settle_running("near"), "SELECT n FROM away"), "1", "from the copy");
    site.fork("far", "shop", "local-east", None);
    assert_eq!(sql(&site.settle_running("far"), "SELECT n FROM away"), "1", "from where its backups are");
    for name in ["near", "far"] {
        let fork = site.id(name);
        site.terminate(name);
        site.gone(&fork);
    }
    site.fail("local-north");
    site.await_region("local-north", "down");
    assert_eq!(try_sql(&uri, "INSERT INTO away VALUES (2) RETURNING n").as_deref(), Ok("2"), "its server is elsewhere");
    let told = text(&site.service("shop")["service_notifications"][0]["message"]);
    assert!(told.contains("local-north has not answered") && told.contains("local-south"), "{told}");
    // A change that restarts it needs no store, and holds up nobody who asks.
    site.change("shop", &json!({ "user_config": { "pg": { "max_locks_per_transaction": 128 } } }));
    let longest_us = AtomicI64::new(0);
    wait_until("the change is in effect", || {
        let begun = now_us();
        site.service("shop");
        longest_us.fetch_max(now_us() - begun, Ordering::SeqCst);
        try_sql(&uri, "SHOW max_locks_per_transaction").as_deref() == Ok("128")
    });
    let longest_us = longest_us.into_inner();
    assert!(longest_us < ANSWER_US, "an answer took {longest_us} us");
    site.settle("shop", "RUNNING");
    site.change("shop", &json!({ "user_config": { "pg": { "max_locks_per_transaction": null } } }));
    site.settle("shop", "RUNNING");
    site.let_return("local-north");
    site.await_region("local-north", "up");
    wait_until("the log goes on", || {
        site.service("shop")["metadata"]["data_at_risk_seconds"].as_f64().is_some_and(|seconds| seconds < 10.0)
    });
    sql(&uri, "DROP TABLE away");
}
