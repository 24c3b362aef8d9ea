//! A node whose data is gone comes back by itself, with everything that was older than the shown data at risk.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use farshore_types::{Clock, SystemClock};
use serde_json::json;

use super::client::{Session, sql};
use super::site::{Site, pause, times};
use super::support::{installed, wait_until};

/// Around the figure that is shown: it was taken a little before, and rows are counted from their acknowledgement.
const TOLERANCE_US: i64 = 1_000_000;

/// Rows by number, with the moment at which each was acknowledged.
pub type Acknowledged = Arc<Mutex<BTreeMap<u64, i64>>>;

/// Commits rows one by one until the server is gone or it is told to stop.
pub fn commit(uri: &str, sent: &AtomicU64, acknowledged: &Acknowledged, stop: &AtomicBool) {
    let (mut session, clock) = (Session::begin(uri), SystemClock::new());
    while !stop.load(Ordering::SeqCst) {
        let number = sent.fetch_add(1, Ordering::SeqCst) + 1;
        if session.ask(&format!("INSERT INTO sold VALUES ({number}) RETURNING n")).is_none() {
            return;
        }
        acknowledged.lock().unwrap().insert(number, clock.now().micros());
    }
}

/// What is removed of the node.
#[derive(Debug, Clone, Copy)]
enum Lost {
    /// The server's data.
    Data,
    /// A part of them, without which nobody can log in.
    Part,
    /// All that its host has of it.
    Node,
    /// The same while the platform is down.
    NodeUnseen,
}

impl Lost {
    const ALL: [Lost; 4] = [Lost::Data, Lost::Part, Lost::Node, Lost::NodeUnseen];

    /// The server goes on writing while its files vanish.
    fn remove(self, site: &mut Site) {
        let node = site.node(&site.id("shop"));
        let (version, part) = (node.join("data/PG_VERSION"), node.join("data/global"));
        let (gone, version) = match self {
            Lost::Data => (node.join("data"), version),
            Lost::Part => (part.clone(), part),
            Lost::Node | Lost::NodeUnseen => (node, version),
        };
        if matches!(self, Lost::NodeUnseen) {
            site.kill();
        }
        // It may make files faster than they are removed. What nobody can take for a server's data any more is not touched again: the
        // platform may be at work there.
        wait_until("the files are gone", || match fs::remove_dir_all(&gone) {
            Err(_) if matches!(self, Lost::NodeUnseen) => !gone.exists(),
            Err(_) => !version.exists(),
            Ok(()) => true,
        });
        if matches!(self, Lost::NodeUnseen) {
            site.start();
        }
    }
}

/// Loses the node under a client, waits until it is back, and compares.
fn lose(site: &mut Site, what: Lost, sent: &Arc<AtomicU64>, acknowledged: &Acknowledged) {
    let uri = site.settle_running("shop");
    let stop = Arc::new(AtomicBool::new(false));
    let client = {
        let (uri, sent, acknowledged, stop) = (uri.clone(), sent.clone(), acknowledged.clone(), stop.clone());
        std::thread::spawn(move || commit(&uri, &sent, &acknowledged, &stop))
    };
    let begun = acknowledged.lock().unwrap().len();
    pause(3000);
    assert!(acknowledged.lock().unwrap().len() > begun + 50, "the client commits");
    let (lost, clock) = (site.events("shop", "service_node_lost"), SystemClock::new());
    let at_risk_s = || site.service("shop")["metadata"]["data_at_risk_seconds"].as_f64();
    wait_until("it is known what is at risk", || at_risk_s().is_some());
    let at_risk_s = at_risk_s().unwrap();
    let moment = clock.now().micros();
    what.remove(site);
    wait_until("the loss is seen", || site.events("shop", "service_node_lost") == lost + 1);
    stop.store(true, Ordering::SeqCst);
    client.join().unwrap();
    assert_eq!(site.settle_running("shop"), uri, "the same address and password");
    assert_eq!(site.servers(&site.id("shop")), 1);
    let back_us = clock.now().micros() - moment;
    let there: BTreeSet<u64> = sql(&uri, "SELECT n FROM sold").lines().map(|number| number.parse().unwrap()).collect();
    let limit = moment - (at_risk_s * 1e6) as i64 - TOLERANCE_US;
    let acknowledged = acknowledged.lock().unwrap();
    let missing: Vec<_> = acknowledged.iter().filter(|(number, _)| !there.contains(number)).collect();
    let old: Vec<_> = missing.iter().filter(|(_, at)| **at < limit).collect();
    let first = missing.first().map(|(_, at)| moment - **at);
    assert!(old.is_empty(), "{at_risk_s} s were shown; older rows are missing: {old:?}");
    assert!(there.last().is_none_or(|last| *last <= sent.load(Ordering::SeqCst)), "a row that nobody sent");
    println!("{what:?}: {at_risk_s} s at risk, lost since {first:?} us before the loss; back after {back_us} us");
    drop(acknowledged);
}

#[test]
fn a_node_whose_data_is_removed_is_rebuilt_with_every_row_older_than_the_data_at_risk() {
    if !installed() {
        return;
    }
    let mut site = Site::new("", &["is gone", "the log of service", "the server has crashed"]);
    site.create("shop", "startup-4", &json!({}));
    let uri = site.settle_running("shop");
    sql(&uri, "CREATE TABLE sold (n bigint PRIMARY KEY)");
    let (sent, acknowledged) = (Arc::new(AtomicU64::new(0)), Acknowledged::default());
    for what in Lost::ALL.into_iter().cycle().take(times(4, 12) as usize) {
        // What the last loss took is not missed again.
        let kept: BTreeSet<u64> =
            sql(&uri, "SELECT n FROM sold").lines().map(|number| number.parse().unwrap()).collect();
        acknowledged.lock().unwrap().retain(|number, _| kept.contains(number));
        lose(&mut site, what, &sent, &acknowledged);
    }
    site.finish();
}
