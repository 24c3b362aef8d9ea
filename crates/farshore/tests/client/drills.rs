//! `farshore region fail` and `return`: asked for in the platform's folder by who owns it, and told when the platform has done it.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use farshore_agent::durable::Lock;
use serde_json::{Value, json};

use crate::canned::{Canned, Ended, TOKEN, bare};

/// A platform on a folder: a region is down while a drill of it is asked for, or for another reason.
struct World {
    folder: tempfile::TempDir,
    _lock: Lock,
    platform: Canned,
}

impl World {
    fn new(broken: Option<&'static str>) -> World {
        let folder = tempfile::tempdir().unwrap();
        let drills = folder.path().join("drills");
        std::fs::create_dir(&drills).unwrap();
        let platform = Canned::start(move |asked| match asked.path.as_str() {
            "/project" => (200, json!({"projects": [{"project_name": "main"}]})),
            _ => (200, regions(&drills, broken)),
        });
        for (name, text) in [("farshore.db", ""), ("address", platform.url.as_str()), ("admin-token", TOKEN)] {
            std::fs::write(folder.path().join(name), text).unwrap();
        }
        let lock = Lock::take(&folder.path().join("up.lock")).unwrap();
        World { folder, _lock: lock, platform }
    }

    fn drill(&self) -> PathBuf {
        self.folder.path().join("drills/local-north")
    }

    fn run(&self, line: &str) -> Ended {
        Ended::of(bare(line).arg("--data").arg(self.folder.path()))
    }
}

fn regions(drills: &Path, broken: Option<&str>) -> Value {
    let drill = drills.join("local-north").exists().then_some("a drill");
    let reason = broken.or(drill);
    let held = json!({"region": "local-south", "from": "2026-11-20T03:07:00Z", "to": "2026-11-21T10:15:03Z"});
    json!({"regions": [
        {"region": "local-north", "provider": "local", "state": if reason.is_some() { "down" } else { "up" },
         "since": reason.map(|_| "2026-11-21T10:15:04Z"), "reason": reason,
         "services": [{"service_name": "pg-1", "state": "RUNNING", "restorable": [held]}]},
        {"region": "local-south", "provider": "local", "state": "up", "services": []},
    ]})
}

#[test]
fn a_region_is_lost_and_returns() {
    let world = World::new(None);
    let data = world.folder.path().display();
    let lost = world.run("region fail local-north --yes").good();
    for line in [
        "Region local-north is down since 2026-11-21 10:15:04 UTC: a drill.".to_string(),
        "pg-1 can be restored in local-south up to 2026-11-21 10:15:03 UTC.".to_string(),
        format!("  farshore region fork-all local-north --to local-south --data {data}"),
        format!("  farshore region return local-north --data {data}"),
    ] {
        assert!(lost.lines().any(|found| found == line), "{line}: {lost}");
    }
    assert_eq!(std::fs::read_to_string(world.drill()).unwrap(), "errors and hangs\n");
    assert_eq!(std::fs::metadata(world.drill()).unwrap().permissions().mode() & 0o777, 0o600);
    // It was asked for in the folder alone.
    assert!(world.platform.asked().iter().all(|asked| asked.method == "GET"));

    let back = world.run("region return local-north").good();
    assert!(back.starts_with("Region local-north is up.\n") && back.contains("farshore backup lag --data"), "{back}");
    assert!(!world.drill().exists());
    // Nothing is left to be ended, which is no fault.
    world.run("region return local-north").good();
}

#[test]
fn both_answer_with_all_regions_for_programs() {
    let world = World::new(None);
    for (line, state) in [("region fail local-north --yes", "down"), ("region return local-north", "up")] {
        let answer: Value = serde_json::from_str(&world.run(&format!("{line} --json")).good()).unwrap();
        assert_eq!(answer["regions"][0]["state"], state);
    }
}

#[test]
fn what_is_no_drill_is_not_begun() {
    let world = World::new(None);
    let other = tempfile::tempdir().unwrap();
    for (line, data, code, expect) in [
        ("region fail local-north", Some(world.folder.path()), 2, "add --yes"),
        ("region fail local-west --yes", Some(world.folder.path()), 1, "local-north and local-south"),
        ("region fail ../keys --yes", Some(world.folder.path()), 1, "the platform has no region ../keys"),
        ("region fail local-north --yes", Some(other.path()), 1, "is not the folder of a platform"),
        ("region fail local-north --yes", None, 2, "give --data DIR"),
        ("region return local-north", None, 2, "give --data DIR"),
    ] {
        let mut command = world.platform.farshore(line);
        if let Some(data) = data {
            command.arg("--data").arg(data);
        }
        let ended = Ended::of(&mut command);
        assert!(ended.code == code && ended.errors.contains(expect), "{line}: {ended:?}");
        let left = std::fs::read_dir(world.folder.path().join("drills")).unwrap().count();
        assert_eq!(left, 0, "{line}");
    }
}

#[test]
fn a_folder_on_which_no_platform_works_or_an_older_one_is_refused() {
    let world = World::new(None);
    std::fs::remove_dir(world.folder.path().join("drills")).unwrap();
    let ended = world.run("region fail local-north --yes");
    assert!(ended.code == 1 && ended.errors.contains("knows no drills"), "{ended:?}");
    let World { folder, _lock: lock, platform } = world;
    drop(lock);
    let asked = platform.asked().len();
    let ended = Ended::of(bare("region fail local-north --yes --data").arg(folder.path()));
    assert!(ended.code == 1 && ended.errors.contains("no `farshore up` works on"), "{ended:?}");
    assert_eq!(platform.asked().len(), asked);
}

#[test]
fn a_region_that_is_down_for_another_reason_is_not_brought_back() {
    let world = World::new(Some("its store does not answer"));
    let ended = world.run("region return local-north");
    assert!(ended.code == 1 && ended.errors.contains("and it is down: its store does not answer"), "{ended:?}");
}
