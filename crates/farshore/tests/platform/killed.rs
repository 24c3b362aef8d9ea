//! `farshore up` is killed while everything that it can do is under way.

use serde_json::json;

use super::client::sql;
use super::site::{Site, below, pause, times};
use super::support::{installed, wait_until};

/// The longest time from the requests to the kill: about what all of them take.
const KILL_AFTER_MS: u64 = 2500;

/// Rows that were acknowledged, one more with each call.
fn sell(uri: &str) -> u64 {
    sql(uri, "INSERT INTO sold DEFAULT VALUES RETURNING n").parse().unwrap()
}

fn sold(uri: &str) -> u64 {
    sql(uri, "SELECT count(*) FROM sold").parse().unwrap()
}

fn make(site: &Site, name: &str) -> String {
    site.create(name, "startup-4", &json!({}));
    made(site, name)
}

/// Waits until it runs, and opens its shop.
fn made(site: &Site, name: &str) -> String {
    let uri = site.settle_running(name);
    sql(&uri, "CREATE TABLE sold (n bigint GENERATED ALWAYS AS IDENTITY)");
    uri
}

/// A terminated service that was to come back is there, with its row; it ends again.
fn returned(site: &Site, name: &str, id: &str) {
    let uri = site.settle_running(name);
    assert_eq!((site.id(name).as_str(), sold(&uri), site.servers(id)), (id, 1, 1), "{name}");
    site.terminate(name);
    site.gone(id);
}

#[test]
fn a_platform_that_is_killed_while_runs_are_under_way_finishes_them_and_loses_nothing() {
    if !installed() {
        return;
    }
    let mut site = Site::new("[limits]\nworkers = 8\n", &["the log of service"]);
    let (base, cycle) = (make(&site, "base"), make(&site, "cycle"));
    let (mut rows, mut cycled, mut on) = (0, sell(&cycle), true);
    let mut ended: Option<(String, String)> = None;
    sell(&make(&site, "new-0"));
    for round in 1..=times(4, 20) {
        rows = sell(&base).max(rows);
        let (old, new, fork) = (format!("new-{}", round - 1), format!("new-{round}"), format!("fork-{round}"));
        let old_id = site.id(&old);
        site.create(&new, "startup-4", &json!({}));
        site.back_up("base");
        site.fork(&fork, "base", "local-south", None);
        on = !on;
        site.change("cycle", &json!({ "powered": on }));
        ended.iter().for_each(|(_, id)| site.undelete(id));
        site.terminate(&old);
        let after = below(KILL_AFTER_MS);
        println!("round {round}: killed after {after} ms");
        pause(after);
        site.kill();
        rows += 1;
        assert_eq!(sell(&base), rows, "databases outlive their platform");
        site.start();
        site.gone(&old_id);
        assert_eq!(site.settle_running("base"), base);
        assert_eq!(sold(&base), rows);
        let forked = sold(&site.settle_running(&fork));
        // One that was killed starts over: then the newest moment may be a later one.
        assert!(
            (rows - 1..=rows).contains(&forked),
            "{forked} of {rows}: all that was acknowledged when the fork was asked for"
        );
        sell(&made(&site, &new));
        if let Some((name, id)) = ended.replace((old, old_id)) {
            returned(&site, &name, &id);
        }
        site.settle("cycle", if on { "RUNNING" } else { "POWEROFF" });
        if on {
            assert_eq!((site.uri("cycle"), sold(&cycle)), (cycle.clone(), cycled));
            cycled = sell(&cycle);
        }
        for (name, count) in [("base", 1), ("cycle", usize::from(on)), (&*new, 1), (&*fork, 1)] {
            let id = site.id(name);
            wait_until(&format!("{name} has {count} servers"), || site.servers(&id) == count);
        }
        let fork_id = site.id(&fork);
        site.terminate(&fork);
        site.gone(&fork_id);
        let nodes: usize = site.agents().iter().map(|nodes| std::fs::read_dir(nodes).unwrap().count()).sum();
        assert_eq!(nodes, 2 + usize::from(on), "a second node of something");
    }
    site.finish();
}
