//! The region of a copy is lost while copies run: nothing of it is promised meanwhile, and it is whole again afterwards, whatever it
//! returns with.

use std::fs;
use std::path::{Path, PathBuf};

use farshore_types::{Clock, SystemClock};
use serde_json::json;

use super::client::sql;
use super::regions::{EXPECTED, Load, moment, sold};
use super::site::{Site, below, pause, text, times};
use super::support::{installed, wait_until};

/// The longest time for which a client commits before the region is lost.
const LOAD_MS: u64 = 1500;
/// Bytes a second that a bounded route allows, and that it may exceed at once.
const RATE: u64 = 400_000;
/// How late it may be seen that copying begins, in milliseconds.
const SEEN_MS: u64 = 500;
/// A copy that is followed is not further behind.
const LAG_S: f64 = 30.0;

/// How a region is lost, and with what it returns.
#[derive(Debug, Clone, Copy)]
enum Loss {
    /// A drill; all its files are gone for good, and it returns empty.
    Destroyed,
    /// Its store is no longer mounted; later it is there as it was.
    Unmounted,
    /// The same while the platform is down.
    UnmountedUnseen,
    /// Its store is gone for good, and an empty one takes its place.
    Replaced,
}

impl Loss {
    const ALL: [Loss; 4] = [Loss::Destroyed, Loss::Unmounted, Loss::UnmountedUnseen, Loss::Replaced];

    fn happen(self, site: &mut Site) {
        let (store, aside) = places(site);
        match self {
            Loss::Destroyed => {
                site.fail("local-south");
                site.await_region("local-south", "down");
                site.destroy("local-south");
            }
            Loss::Unmounted | Loss::Replaced => fs::rename(store, aside).unwrap(),
            Loss::UnmountedUnseen => {
                site.kill();
                fs::rename(store, aside).unwrap();
                site.start();
            }
        }
    }

    fn end(self, site: &Site) {
        let (store, aside) = places(site);
        assert!(!store.exists(), "{self:?}: what is gone is not made anew");
        match self {
            Loss::Destroyed => {
                fs::create_dir(store).unwrap();
                site.let_return("local-south");
            }
            Loss::Unmounted | Loss::UnmountedUnseen => fs::rename(aside, store).unwrap(),
            Loss::Replaced => {
                fs::remove_dir_all(aside).unwrap();
                fs::create_dir(store).unwrap();
            }
        }
    }
}

/// Where the store is, and where it waits until it returns.
fn places(site: &Site) -> (PathBuf, PathBuf) {
    (site.world.data().join("regions/local-south"), site.world.path("aside"))
}

fn lose(site: &mut Site, what: Loss, round: u32) {
    let uri = site.uri("shop");
    sql(&uri, "DROP TABLE IF EXISTS sold");
    let load = Load::begin(&uri);
    wait_until("the client commits", || load.committed() > 0);
    let before = site.backups("shop").len();
    // Its copy is under way at a random moment of it.
    site.back_up("shop");
    pause(below(LOAD_MS));
    what.happen(site);
    site.await_region("local-south", "down");
    let folder = site.world.path("").display().to_string();
    let (region, paused) = (site.region("local-south"), site.copy("shop"));
    assert!(!region.to_string().contains(folder.trim_end_matches('/')), "a path is shown: {region}");
    assert!(paused["state"] == "paused" && text(&paused["pause_reason"]).contains("local-south"), "{what:?}: {paused}");
    let promised = paused["newest_moment"].as_str().map(|_| moment(&paused["newest_moment"]));
    let lag_s = paused["lag_seconds"].as_f64();
    wait_until("the lag grows", || match (lag_s, site.copy("shop")["lag_seconds"].as_f64()) {
        (Some(before), Some(now)) => now > before + 1.0,
        // A copy that was never read since the start promises nothing.
        (before, _) => before.is_none(),
    });
    site.back_up("shop");
    site.settle("shop", "RUNNING");
    let later = site.copy("shop")["newest_moment"].as_str().map(|_| moment(&site.copy("shop")["newest_moment"]));
    assert_eq!(later, promised, "{what:?}: nothing arrives in a region that is away");

    what.end(site);
    site.await_region("local-south", "up");
    let manifests = places(site).0.join(site.id("shop")).join("backups");
    let is_honest = || {
        let shown = site.copy("shop")["backups"].as_u64().unwrap();
        shown <= fs::read_dir(&manifests).map_or(0, Iterator::count) as u64
    };
    wait_until("what it held is promised no longer", is_honest);
    wait_until("what is newest is in the copy", || {
        assert!(is_honest(), "{what:?}: a backup is shown that is not there");
        let copy = site.copy("shop");
        copy["lag_seconds"].as_f64().is_some_and(|lag| lag < LAG_S)
            && moment(&copy["newest_moment"]) > promised.unwrap_or(0)
    });
    let (_, acknowledged) = load.end();
    wait_until("the copy is whole", || {
        assert!(is_honest(), "{what:?}: a backup is shown that is not there");
        let copy = site.copy("shop");
        copy["state"] == "complete" && copy["backups"] == before + 2
    });
    let newest = moment(&site.copy("shop")["newest_moment"]);
    let fork = format!("fork-{round}");
    // The first region is away, so that only the copy can serve.
    site.fail("local-north");
    site.await_region("local-north", "down");
    site.fork(&fork, "shop", "local-south", None);
    let there = sold(&site.settle_running(&fork));
    let old: Vec<_> = acknowledged.iter().filter(|(number, at)| **at < newest && !there.contains(number)).collect();
    let (last, sent) = (there.last(), acknowledged.last_key_value());
    assert!(
        old.is_empty(),
        "{what:?}: all before {newest} was reported as safe: {old:?}; {last:?} of {sent:?} is there"
    );
    println!("{what:?}: {} rows acknowledged, {} in the fork", acknowledged.len(), there.len());
    site.let_return("local-north");
    site.await_region("local-north", "up");
    site.settle_running("shop");
    let id = site.id("shop");
    wait_until("its server is back", || site.servers(&id) == 1);
    let fork_id = site.id(&fork);
    site.terminate(&fork);
    site.gone(&fork_id);
}

/// Bytes of all files below a folder.
fn size_bytes(folder: &Path) -> u64 {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let size = |entry: fs::DirEntry| match entry.metadata() {
        Ok(metadata) if metadata.is_dir() => size_bytes(&entry.path()),
        metadata => metadata.map_or(0, |metadata| metadata.len()),
    };
    entries.map(size).sum()
}

#[test]
fn a_copy_takes_no_more_bytes_a_second_than_its_route_allows() {
    if !installed() {
        return;
    }
    let route = format!("[[copies.routes]]\nfrom = \"local-north\"\nto = \"local-south\"\nbytes_per_second = {RATE}\n");
    let site = Site::new(&route, EXPECTED);
    let config = json!({ "additional_backup_regions": ["local-south"] });
    site.create("shop", "startup-4", &json!({ "cloud": "local-north", "user_config": config }));
    let clock = SystemClock::new();
    let stored = |region: &str| site.world.data().join("regions").join(region).join(site.id("shop"));
    wait_until("the first backup is there", || fs::read_dir(stored("local-north").join("backups")).is_ok());
    let begun = clock.monotonic();
    wait_until("the copy is whole", || site.copy("shop")["state"] == "complete" && site.copy("shop")["backups"] == 1);
    let took_ms = u64::try_from((clock.monotonic() - begun).as_millis()).unwrap();
    let bytes = size_bytes(&stored("local-south").join("packs"));
    let least_ms = bytes.saturating_sub(RATE) * 1000 / RATE;
    println!("{bytes} bytes of packs in {took_ms} ms, at least {least_ms} ms");
    assert!(bytes > 3 * RATE, "{bytes} bytes say nothing of a bound");
    assert!(took_ms + SEEN_MS >= least_ms, "{bytes} bytes in {took_ms} ms");
    site.settle_running("shop");
    site.finish();
}

#[test]
fn a_region_of_a_copy_that_is_lost_while_copies_run_is_whole_again_whatever_it_returns_with() {
    if !installed() {
        return;
    }
    let mut site = Site::new("[limits]\nworkers = 8\n", EXPECTED);
    site.copied("shop", "local-north", "local-south");
    for (round, what) in (1..=times(4, 16)).zip(Loss::ALL.into_iter().cycle()) {
        lose(&mut site, what, round);
    }
    site.change("shop", &json!({ "user_config": { "additional_backup_regions": [] } }));
    site.finish();
}
