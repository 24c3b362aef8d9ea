//! A service moves to the region of its copy while its platform dies, its former region returns, or something else is under way.

use farshore_store::runs;
use serde_json::{Value, json};

use super::client::sql;
use super::regions::EXPECTED;
use super::site::{Site, below, pause, times};
use super::support::{installed, wait_until};

/// The longest time from the request to the kill: about what a move takes.
const KILL_AFTER_MS: u64 = 2500;

fn other(region: &str) -> &'static str {
    if region == "local-north" { "local-south" } else { "local-north" }
}

/// A row that is in the copy, too.
fn sell(site: &Site, uri: &str) {
    sql(uri, "INSERT INTO sold DEFAULT VALUES");
    let now = sql(uri, "SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint").parse::<i64>().unwrap();
    wait_until("the row is in the copy", || {
        let copy = site.copy("shop");
        copy["state"] == "complete" && super::regions::moment(&copy["newest_moment"]) > now
    });
}

/// Moves the service out of a region that was lost, and kills the platform at a random moment of that. The region returns before or after
/// the next start.
fn move_once(site: &mut Site, from: &str, rows: &mut u64) {
    let (id, to) = (site.id("shop"), other(from));
    *rows += 1;
    sell(site, &site.uri("shop"));
    site.fail(from);
    site.await_region(from, "down");
    let told = site.events("shop", "service_region_move");
    site.change("shop", &json!({ "cloud": to, "powered": true }));
    let (after, returns_unseen) = (below(KILL_AFTER_MS), below(2) == 0);
    pause(after);
    site.kill();
    if returns_unseen {
        site.let_return(from);
    }
    site.start();
    let uri = settle_moved(site, to);
    println!(
        "moved to {to}: killed after {after} ms, the former region returned {}",
        if returns_unseen { "unseen" } else { "later" }
    );
    if !returns_unseen {
        site.let_return(from);
    }
    site.await_region(from, "up");
    let former = site.world.data().join("host").join(from).join("nodes").join(&id);
    wait_until("the former node is given up", || !former.exists() && site.servers(&id) == 1);
    assert_eq!(site.events("shop", "service_region_move"), told + 1, "it moves once");
    assert_eq!(sql(&uri, "SELECT count(*) FROM sold"), rows.to_string(), "nothing is lost, nothing is twice");
    let all = site.store().read(|tx| runs::of_subject(tx, &id, 1000)).unwrap();
    let restores = all.iter().filter(|run| run.kind == "restore").count();
    assert_eq!(restores, told + 1, "one run for each move: {all:?}");
}

/// Runs that were given up with the lost region are no failures.
fn settle_moved(site: &Site, to: &str) -> String {
    let id = site.id("shop");
    wait_until(&format!("shop runs in {to}"), || {
        let service: Value = site.service("shop");
        service["state"] == "RUNNING" && service["cloud_name"] == to && site.is_idle(&id)
    });
    site.uri("shop")
}

#[test]
fn a_platform_that_is_killed_during_a_move_ends_it_once_and_loses_nothing() {
    if !installed() {
        return;
    }
    let mut site = Site::new("[limits]\nworkers = 8\n", EXPECTED);
    let uri = site.copied("shop", "local-north", "local-south");
    sql(&uri, "CREATE TABLE sold (n bigint GENERATED ALWAYS AS IDENTITY)");
    let (mut from, mut rows) = ("local-north", 0);
    for _ in 0..times(2, 12) {
        move_once(&mut site, from, &mut rows);
        from = other(from);
    }
    site.finish();
}

/// What was told, in order of the words.
fn told(uri: &str) -> String {
    sql(uri, "SELECT string_agg(what, ' ' ORDER BY what) FROM told")
}

fn tell(uri: &str, what: &str) {
    sql(uri, &format!("INSERT INTO told VALUES ('{what}')"));
}

#[test]
fn what_a_lost_region_wrote_and_never_copied_does_not_return_with_it() {
    if !installed() {
        return;
    }
    let site = Site::new("[limits]\nworkers = 8\n", EXPECTED);
    let uri = site.copied("shop", "local-north", "local-south");
    sql(&uri, "CREATE TABLE sold (n bigint GENERATED ALWAYS AS IDENTITY)");
    sql(&uri, "CREATE TABLE told (what text)");
    tell(&uri, "a-copied");
    sell(&site, &uri);
    // Its newest backup, and the log behind it, are in the first region alone.
    site.fail("local-south");
    site.await_region("local-south", "down");
    tell(&uri, "b-lost");
    site.back_up("shop");
    let id = site.id("shop");
    wait_until("the backup is taken", || site.is_idle(&id));
    tell(&uri, "c-lost");
    site.fail("local-north");
    site.await_region("local-north", "down");
    site.let_return("local-south");
    site.await_region("local-south", "up");
    site.change("shop", &json!({ "cloud": "local-south", "powered": true }));
    let uri = settle_moved(&site, "local-south");
    assert_eq!(told(&uri), "a-copied");
    tell(&uri, "d-moved");

    // The first region returns with a backup that the service has never seen, and becomes the copy.
    site.let_return("local-north");
    site.await_region("local-north", "up");
    sell(&site, &uri);
    let newest = site.copy("shop")["newest_moment"].as_str().unwrap().to_string();
    site.fork("fork", "shop", "local-north", Some(&newest));
    assert_eq!(told(&site.settle_running("fork")), "a-copied d-moved", "the copy gives the history that goes on");
    tell(&uri, "e-moved");
    sell(&site, &uri);
    site.fail("local-south");
    site.await_region("local-south", "down");
    site.change("shop", &json!({ "cloud": "local-north", "powered": true }));
    let uri = settle_moved(&site, "local-north");
    assert_eq!(told(&uri), "a-copied d-moved e-moved");
    site.let_return("local-south");
    site.await_region("local-south", "up");
    site.finish();
}
