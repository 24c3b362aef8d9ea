//! A region is destroyed under load: its services come back in another one, from the copies there, with everything that was older than
//! what was reported as behind. Regions also go away for a while and return, and copies go on.

use std::collections::BTreeSet;
use std::fs;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, PoisonError};
use std::thread::JoinHandle;

use farshore_types::{Clock, SystemClock, Timestamp};
use serde_json::{Value, json};

use super::client::{Pgbench, sql};
use super::lost::{Acknowledged, commit};
use super::site::{Site, below, pause, text, times};
use super::support::{installed, wait_until};

/// The longest time for which a client commits before its region is lost.
const LOAD_MS: u64 = 4000;
/// Requests of which one percent may be slow while a region is down.
const REQUESTS: usize = 200;
/// No request may take longer, but for that percent.
pub const ANSWER_US: i64 = 1_000_000;
/// What losing regions may log.
pub const EXPECTED: &[&str] = &[
    "a region does not answer",
    "the server has crashed and is started again",
    "the log of service",
    "is gone",
    "is tried again",
    "terminating connection due to unexpected postmaster exit",
];

/// A client that commits rows one by one.
pub struct Load {
    sent: Arc<AtomicU64>,
    acknowledged: Acknowledged,
    stop: Arc<AtomicBool>,
    thread: JoinHandle<()>,
}

impl Load {
    pub fn begin(uri: &str) -> Load {
        sql(uri, "CREATE TABLE IF NOT EXISTS sold (n bigint PRIMARY KEY)");
        let (sent, acknowledged) = (Arc::new(AtomicU64::new(0)), Acknowledged::default());
        let stop = Arc::new(AtomicBool::new(false));
        let (uri, counted, noted, told) = (uri.to_string(), sent.clone(), acknowledged.clone(), stop.clone());
        let thread = std::thread::spawn(move || commit(&uri, &counted, &noted, &told));
        Load { sent, acknowledged, stop, thread }
    }

    pub fn committed(&self) -> usize {
        self.acknowledged.lock().unwrap_or_else(PoisonError::into_inner).len()
    }

    /// Its last row may have been sent and not acknowledged.
    pub fn end(self) -> (u64, std::collections::BTreeMap<u64, i64>) {
        self.stop.store(true, Ordering::SeqCst);
        self.thread.join().unwrap();
        let acknowledged = self.acknowledged.lock().unwrap_or_else(PoisonError::into_inner).clone();
        (self.sent.load(Ordering::SeqCst), acknowledged)
    }
}

pub fn now_us() -> i64 {
    SystemClock::new().now().micros()
}

impl Site {
    pub fn copy(&self, name: &str) -> Value {
        self.ask("GET", &format!("/v1/project/main/service/{name}/copies"), &Value::Null)["copies"]
            .get(0)
            .cloned()
            .unwrap_or_default()
    }

    pub fn region(&self, name: &str) -> Value {
        let answer = self.ask("GET", "/v1/project/main/regions", &Value::Null);
        answer["regions"].as_array().unwrap().iter().find(|region| region["region"] == name).unwrap().clone()
    }

    /// A service with a copy elsewhere, whole.
    pub fn copied(&self, name: &str, cloud: &str, to: &str) -> String {
        let config = json!({ "additional_backup_regions": [to] });
        self.create(name, "startup-4", &json!({ "cloud": cloud, "user_config": config }));
        let uri = self.settle_running(name);
        wait_until("the copy is whole", || self.copy(name)["state"] == "complete" && self.copy(name)["backups"] == 1);
        uri
    }

    /// As `farshore region fail` and `return` ask for it.
    pub fn fail(&self, region: &str) {
        fs::write(self.world.data().join("drills").join(region), "errors and hangs\n").unwrap();
    }

    pub fn let_return(&self, region: &str) {
        fs::remove_file(self.world.data().join("drills").join(region)).unwrap();
    }

    /// Everything of a region on this machine, but for its key.
    pub fn destroy(&self, region: &str) {
        for folder in ["host", "regions"] {
            let folder = self.world.data().join(folder).join(region);
            wait_until("its files are gone", || fs::remove_dir_all(&folder).is_ok() || !folder.exists());
        }
    }

    pub fn await_region(&self, region: &str, state: &str) {
        wait_until(&format!("{region} is {state}"), || self.region(region)["state"] == state);
    }
}

/// The rows; none where the table itself was too new.
pub fn sold(uri: &str) -> BTreeSet<u64> {
    if sql(uri, "SELECT to_regclass('sold') IS NULL") == "t" {
        return BTreeSet::new();
    }
    sql(uri, "SELECT n FROM sold").lines().map(|number| number.parse().unwrap()).collect()
}

pub fn moment(value: &Value) -> i64 {
    text(value).parse::<Timestamp>().unwrap().micros()
}

/// Who dies while copies are made.
fn kill_copier(site: &mut Site, shop: &str, round: u32) {
    match round % 3 {
        // Nobody.
        1 => return,
        // The platform with all agents.
        2 => {
            site.kill();
            pause(below(LOAD_MS));
            site.start();
        }
        // The agent that pulls, with its store.
        _ => {
            site.fail("local-south");
            site.await_region("local-south", "down");
            pause(below(LOAD_MS));
            site.let_return("local-south");
        }
    }
    wait_until("the copy goes on", || site.copy(shop)["lag_seconds"].as_f64().is_some_and(|lag| lag < 30.0));
    pause(below(LOAD_MS));
}

/// Loses the region under load: two clients of pgbench, and one that notes what was acknowledged and when.
fn lose_region(site: &mut Site, round: u32) {
    let (shop, again) = (format!("shop-{round}"), format!("again-{round}"));
    let uri = site.copied(&shop, "local-north", "local-south");
    let (pgbench, load) = (Pgbench::begin(&uri), Load::begin(&uri));
    wait_until("the clients commit", || load.committed() > 0 && Pgbench::counted(&uri) > 0);
    let copied = now_us();
    wait_until("the copy has what pgbench began with", || moment(&site.copy(&shop)["newest_moment"]) > copied);
    pause(below(LOAD_MS));
    kill_copier(site, &shop, round);
    let before = moment(&site.copy(&shop)["newest_moment"]);
    site.fail("local-north");
    wait_until("its servers are killed", || site.servers(&site.id(&shop)) == 0);
    let lost_us = now_us();
    let (sent, acknowledged) = load.end();
    drop(pgbench);
    site.destroy("local-north");
    site.await_region("local-north", "down");
    let copy = site.copy(&shop);
    let (lag_s, newest) = (copy["lag_seconds"].as_f64().unwrap(), moment(&copy["newest_moment"]));
    assert!(newest >= before, "what was reported as safe went back");
    answers_quickly(site, &shop);

    site.fork(&again, &shop, "local-south", None);
    let uri = site.settle_running(&again);
    let there = sold(&uri);
    assert!(there.last().is_none_or(|last| *last <= sent), "a row that nobody sent");
    let missing: Vec<(&u64, &i64)> = acknowledged.iter().filter(|(number, _)| !there.contains(number)).collect();
    let old: Vec<_> = missing.iter().filter(|(_, at)| **at < newest).collect();
    assert!(old.is_empty(), "everything before {newest} was reported as safe: {old:?}");
    let loss_s = missing.first().map_or(0.0, |(_, at)| (lost_us - **at) as f64 / 1e6);
    assert!(loss_s <= lag_s, "{loss_s} s were lost, {lag_s} s were reported");
    println!(
        "round {round}: {} rows acknowledged, {} lost, {loss_s:.2} s; {lag_s:.2} s reported; {} transactions of pgbench",
        acknowledged.len(),
        missing.len(),
        Pgbench::counted(&uri)
    );

    for name in [&shop, &again] {
        site.terminate(name);
    }
    // New machines in place of the old ones.
    fs::create_dir(site.world.data().join("regions/local-north")).unwrap();
    site.let_return("local-north");
    site.await_region("local-north", "up");
}

/// What is asked of the API while a region neither answers nor refuses.
fn answers_quickly(site: &Site, name: &str) {
    let (service, fork) = (format!("/v1/project/main/service/{name}"), "/v1/project/main/service");
    let mut took: Vec<(i64, String)> = Vec::new();
    for request in 0..REQUESTS {
        let path = match request % 5 {
            0 => service.clone(),
            1 => format!("{service}/backups"),
            2 => format!("{service}/copies"),
            3 => "/v1/project/main/regions".to_string(),
            _ => fork.to_string(),
        };
        let begun = now_us();
        if request % 25 == 24 {
            let body = json!({ "service_name": "nowhere", "service_type": "pg", "plan": "startup-4", "cloud": "local-east",
                               "user_config": { "service_to_fork_from": name } });
            let (status, answer) = site.up().ask("POST", fork, &body.to_string());
            assert!(status == 409 && answer.contains("local-south"), "{status} {answer}");
        } else {
            site.ask("GET", &path, &Value::Null);
        }
        took.push((now_us() - begun, path));
    }
    took.sort();
    let slow = &took[REQUESTS - 1 - REQUESTS / 100];
    assert!(slow.0 <= ANSWER_US, "one in a hundred takes longer than {slow:?} us");
}

#[test]
fn a_region_that_is_destroyed_under_load_is_recovered_elsewhere_with_no_more_lost_than_was_reported() {
    if !installed() {
        return;
    }
    let mut site = Site::new("[limits]\nworkers = 8\n", EXPECTED);
    for round in 1..=times(3, 20) {
        lose_region(&mut site, round);
    }
    site.finish();
}

#[test]
fn a_region_that_goes_away_and_returns_harms_nothing_and_copies_go_on() {
    if !installed() {
        return;
    }
    let site = Site::new("", EXPECTED);
    let uri = site.copied("shop", "local-north", "local-south");
    // The region of the copy is away: the service does not notice.
    site.fail("local-south");
    site.await_region("local-south", "down");
    let load = Load::begin(&uri);
    site.back_up("shop");
    site.settle("shop", "RUNNING");
    let paused = site.copy("shop");
    assert!(paused["state"] == "paused" && text(&paused["pause_reason"]).contains("local-south"), "{paused}");
    let lag_s = paused["lag_seconds"].as_f64().unwrap();
    wait_until("the lag grows", || site.copy("shop")["lag_seconds"].as_f64().unwrap() > lag_s + 1.0);
    assert!(load.committed() > 0, "commits wait for no copy");
    site.let_return("local-south");
    wait_until("the copy has caught up", || {
        let copy = site.copy("shop");
        copy["state"] == "complete" && copy["backups"] == 2 && copy["lag_seconds"].as_f64().unwrap() < 30.0
    });

    // Its own region is away, and it moves to the copy; what is left there is given up when it is back.
    site.fail("local-north");
    site.await_region("local-north", "down");
    let (_, acknowledged) = load.end();
    let newest = moment(&site.copy("shop")["newest_moment"]);
    site.change("shop", &json!({ "cloud": "local-south", "powered": true }));
    let moved = site.settle_running("shop");
    let there: BTreeSet<u64> =
        sql(&moved, "SELECT n FROM sold").lines().map(|number| number.parse().unwrap()).collect();
    let old: Vec<_> = acknowledged.iter().filter(|(number, at)| **at < newest && !there.contains(number)).collect();
    assert!(old.is_empty(), "everything before {newest} was reported as safe: {old:?}");
    sql(&moved, "INSERT INTO sold VALUES (1000000)");
    let sold_us = now_us();
    site.let_return("local-north");
    site.await_region("local-north", "up");
    let id = site.id("shop");
    let former = site.world.data().join("host/local-north/nodes").join(&id);
    wait_until("the former node is given up", || !former.exists());
    assert_eq!((site.servers(&id), site.service("shop")["cloud_name"].clone()), (1, json!("local-south")));
    site.back_up("shop");
    site.settle("shop", "RUNNING");
    wait_until("the former region holds a copy", || {
        let copy = site.copy("shop");
        let newest = copy["newest_moment"].as_str().map_or(0, |_| moment(&copy["newest_moment"]));
        copy["region"] == "local-north" && copy["state"] == "complete" && newest > sold_us
    });
    site.fork("back", "shop", "local-north", None);
    let back = site.settle_running("back");
    assert_eq!(sql(&back, "SELECT count(*) FROM sold WHERE n = 1000000"), "1", "the newest history is copied back");
    site.finish();
}

#[test]
fn copies_that_are_no_longer_wanted_are_destroyed_after_their_grace() {
    if !installed() {
        return;
    }
    let site = Site::new("[copies]\ngrace_hours = 0\n", EXPECTED);
    site.copied("shop", "local-north", "local-south");
    let stored = site.world.data().join("regions/local-south").join(site.id("shop"));
    assert!(fs::read_dir(stored.join("backups")).unwrap().count() == 1);
    site.change("shop", &json!({ "user_config": { "additional_backup_regions": [] } }));
    wait_until("the copy is gone", || site.copy("shop").is_null());
    let left = |folder: &str| fs::read_dir(stored.join(folder)).map_or(0, Iterator::count);
    assert_eq!((left("keys"), left("backups")), (0, 0));
    assert_eq!(site.events("shop", "service_copy_deleted"), 1);
    assert_eq!(site.backups("shop").len(), 1, "the first region keeps what it has");
    site.finish();
}
