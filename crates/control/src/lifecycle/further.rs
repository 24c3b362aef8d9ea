//! Further regions: copies are wanted, late, left and destroyed; a region is lost and comes back.

use std::time::Duration;

use farshore_store::copies;
use farshore_types::{ErrorKind, RegionName, ServiceId};
use serde_json::{Value, json};

use super::scene::{PROJECT, Scene, add_region, nothing, refused};
use crate::copies::{Condition, Shown, of_service};
use crate::services::{self, Patch, state};
use crate::settings::Region;
use crate::{Control, reconcile};

pub fn region(name: &str) -> RegionName {
    name.parse().unwrap()
}

pub fn wanted() -> Value {
    json!({"additional_backup_regions": ["local-south"]})
}

/// What the platform does by itself, once.
pub fn pass(control: &Control) {
    for name in ["local-north", "local-south"] {
        for _ in 0..2 {
            reconcile::probe(control, &region(name)).unwrap();
        }
    }
    reconcile::copy(control).unwrap();
    for name in ["local-north", "local-south"] {
        reconcile::refresh(control, &region(name)).unwrap();
    }
}

pub fn copy(scene: &Scene, id: &ServiceId) -> Option<Shown> {
    of_service(&scene.control, &scene.row(id)).unwrap().into_iter().next()
}

pub fn count(scene: &Scene, event: &str) -> usize {
    scene.events().iter().filter(|told| *told == event).count()
}

#[test]
fn a_copy_that_falls_behind_its_objective_is_told_once_and_told_again_when_it_has_caught_up() {
    let scene = Scene::with(|settings| settings.copy_lag_objective = Duration::ZERO);
    let service = scene.running("pg-1", wanted());
    pass(&scene.control);
    assert_eq!(copy(&scene, &service.id).unwrap().condition, Condition::Complete);
    for _ in 0..3 {
        pass(&scene.control);
    }
    assert_eq!((count(&scene, "service_copy_lag"), count(&scene, "service_copy_caught_up")), (1, 0));
    // A service that is off has nothing that could be lost.
    let off = Patch { powered: Some(false), ..Patch::default() };
    services::update(&scene.control, &scene.actor, PROJECT, "pg-1", &off).unwrap();
    scene.settle(&service.id);
    pass(&scene.control);
    pass(&scene.control);
    assert_eq!(copy(&scene, &service.id).unwrap().lag_s, Some(0.0));
    assert_eq!((count(&scene, "service_copy_lag"), count(&scene, "service_copy_caught_up")), (1, 1));
}

#[test]
fn a_copy_is_not_late_in_the_moment_in_which_its_region_returns() {
    let scene = Scene::with(|settings| settings.copy_lag_objective = Duration::ZERO);
    scene.running("pg-1", wanted());
    let looks = |times: usize| {
        (0..times).for_each(|_| reconcile::probe(&scene.control, &region("local-south")).unwrap());
    };
    scene.hosts.down(&region("local-south"));
    looks(2);
    scene.hosts.up(&region("local-south"));
    looks(1);
    for _ in 0..3 {
        pass(&scene.control);
    }
    assert_eq!(count(&scene, "service_copy_lag"), 0, "any lag is too much here, and is told a minute later");
}

#[test]
fn a_copy_that_is_left_stays_for_its_grace_then_goes_and_may_come_back_before() {
    let scene = Scene::with(|settings| settings.copy_grace = Duration::from_secs(3600));
    let service = scene.running("pg-1", wanted());
    pass(&scene.control);
    let set = |regions: Value| {
        let patch = Patch { user_config: Some(json!({"additional_backup_regions": regions})), ..Patch::default() };
        services::update(&scene.control, &scene.actor, PROJECT, "pg-1", &patch).unwrap();
        scene.settle(&service.id);
        pass(&scene.control);
        reconcile::end_copies(&scene.control).unwrap();
    };
    set(json!([]));
    let left = copy(&scene, &service.id).unwrap();
    assert!(
        left.condition == Condition::Leaving && left.paused.unwrap().contains("is deleted at"),
        "it is kept for now"
    );
    set(json!(["local-south"]));
    assert_eq!(copy(&scene, &service.id).unwrap().condition, Condition::Complete);
    set(json!([]));
    let end = |at_us: i64| {
        let mut row = scene.control.store.read(|tx| copies::of_service(tx, &service.id)).unwrap().remove(0);
        row.ends_at = Some(scene.control.clock.now().plus_micros(at_us));
        scene.control.store.write(|tx| copies::put(tx, &row)).unwrap();
    };
    end(-1);
    // While it is away it cannot be destroyed, and nobody says that it was.
    scene.hosts.down(&region("local-south"));
    reconcile::end_copies(&scene.control).unwrap();
    assert!(copy(&scene, &service.id).is_some());
    scene.hosts.up(&region("local-south"));
    reconcile::end_copies(&scene.control).unwrap();
    assert_eq!(copy(&scene, &service.id), None);
    assert_eq!(scene.control.hosts.stock(&region("local-south"), &service.id).unwrap().backups, []);
    assert_eq!((count(&scene, "service_copy_deleted"), scene.backups(&service)), (1, 1));
}

#[test]
fn a_terminated_service_is_destroyed_in_every_region_once_all_of_them_answer() {
    let scene = Scene::with(|settings| settings.undelete_window = Duration::ZERO);
    let service = scene.running("pg-1", wanted());
    pass(&scene.control);
    scene.hosts.down(&region("local-south"));
    pass(&scene.control);
    services::terminate(&scene.control, &scene.actor, PROJECT, "pg-1").unwrap();
    scene.settle(&service.id);
    reconcile::shred(&scene.control).unwrap();
    assert_eq!(scene.row(&service.id).shredded_at, None, "a region that is away still has its keys");
    scene.hosts.up(&region("local-south"));
    pass(&scene.control);
    reconcile::shred(&scene.control).unwrap();
    assert!(scene.row(&service.id).shredded_at.is_some());
    for name in ["local-north", "local-south"] {
        assert_eq!(scene.control.hosts.stock(&region(name), &service.id).unwrap().backups, [], "{name}");
    }
}

#[test]
fn a_service_whose_region_is_lost_is_neither_rebuilt_beside_a_living_node_nor_backed_up() {
    let scene = Scene::new();
    let service = scene.running("pg-1", wanted());
    pass(&scene.control);
    scene.hosts.down(&region("local-north"));
    pass(&scene.control);
    let runs = scene.settle(&service.id).len();
    reconcile::supervise(&scene.control).unwrap();
    reconcile::due_backups(&scene.control).unwrap();
    assert_eq!((scene.settle(&service.id).len(), scene.row(&service.id).state.as_str()), (runs, state::RUNNING));
    refused(scene.create("pg-2", nothing()), ErrorKind::Conflict, &["local-north has not answered since"]);
    assert_eq!((count(&scene, "region_down"), count(&scene, "region_up")), (1, 0));
    scene.hosts.up(&region("local-north"));
    pass(&scene.control);
    assert_eq!((count(&scene, "region_down"), count(&scene, "region_up")), (1, 1));
}

#[test]
fn a_node_of_a_service_that_was_terminated_while_its_region_was_away_is_removed_when_it_is_back() {
    let scene = Scene::idle();
    let service = scene.create("pg-1", nothing()).unwrap();
    let order = crate::kinds::node_order(&scene.control, &service, farshore_types::Generation(1)).unwrap();
    scene.control.hosts.provision(&order).unwrap();
    reconcile::sweep_nodes(&scene.control).unwrap();
    assert!(scene.hosts.order(&service.id).is_some(), "it is being made");
    scene
        .control
        .store
        .write(|tx| {
            let mut row = farshore_store::services::get(tx, &service.id)?.unwrap();
            row.deleted_at = Some(tx.now());
            farshore_store::services::update(tx, &row)
        })
        .unwrap();
    reconcile::sweep_nodes(&scene.control).unwrap();
    assert!(scene.hosts.order(&service.id).is_some(), "its run may still be carried out");
    scene.runs.start().unwrap();
    scene.end(&service.id);
    reconcile::sweep_nodes(&scene.control).unwrap();
    assert!(scene.hosts.order(&service.id).is_none());
}

#[test]
fn the_documented_bound_of_a_copy_is_a_setting() {
    for bounded in [false, true] {
        let scene = Scene::with(|settings| settings.copies_end_at_backups = bounded);
        let service = scene.running("pg-1", wanted());
        pass(&scene.control);
        let newest = services::backups_of(&scene.control, &service, "local-south").unwrap().0[0].taken_at;
        let later = json!({"service_to_fork_from": "pg-1", "recovery_target_time": newest.plus_micros(1).to_string()});
        let asked = services::NewService {
            name: "fork-1".to_string(),
            service_type: "pg".to_string(),
            plan: "startup-4".to_string(),
            region: Some("local-south".to_string()),
            user_config: later,
            ..services::NewService::default()
        };
        let outcome = services::create(&scene.control, &scene.actor, PROJECT, &asked);
        let words: &[&str] =
            if bounded { &["later than the newest backup in local-south", "goes from"] } else { &["in no window"] };
        refused(outcome, ErrorKind::Invalid, words);
    }
}

#[test]
fn a_region_in_place_of_another_is_not_changed_again_on_the_same_day_unless_the_settings_say_so() {
    for (wait_s, may) in [(24 * 3600, false), (0, true)] {
        let scene = Scene::with(|settings| {
            settings.copy_change_wait = Duration::from_secs(wait_s);
            ["local-east", "local-west"].iter().for_each(|name| add_region(settings, name));
        });
        let service = scene.running("pg-1", wanted());
        let ask = |region: &str| {
            let patch = Patch { user_config: Some(json!({"additional_backup_regions": [region]})), ..Patch::default() };
            let asked = services::update(&scene.control, &scene.actor, PROJECT, "pg-1", &patch);
            scene.settle(&service.id);
            asked.map(drop)
        };
        ask("local-east").unwrap();
        ask("local-south").unwrap();
        match may {
            true => ask("local-west").unwrap(),
            false => {
                let error = ask("local-west").unwrap_err();
                assert!(error.kind() == ErrorKind::Invalid && error.to_string().contains("changed at"), "{error}");
                assert_eq!(copy(&scene, &service.id).map(|shown| shown.region), Some("local-east".to_string()));
                assert_eq!(scene.row(&service.id).user_config["additional_backup_regions"], json!(["local-south"]));
            }
        }
    }
}

#[test]
fn a_change_of_regions_is_remembered_where_a_copy_that_is_left_goes_at_once() {
    let scene = Scene::with(|settings| {
        settings.copy_grace = Duration::ZERO;
        add_region(settings, "local-east");
    });
    let service = scene.running("pg-1", wanted());
    let ask = |regions: Value| {
        let patch = Patch { user_config: Some(json!({"additional_backup_regions": regions})), ..Patch::default() };
        let asked = services::update(&scene.control, &scene.actor, PROJECT, "pg-1", &patch);
        scene.settle(&service.id);
        reconcile::end_copies(&scene.control).unwrap();
        asked.map(drop)
    };
    for empty in ["", " ", "['']"] {
        refused(ask(json!([empty])), ErrorKind::Invalid, &["additional_backup_regions"]);
        assert_eq!(copy(&scene, &service.id).map(|shown| shown.region), Some("local-south".to_string()), "{empty:?}");
    }
    ask(json!(["local-east"])).unwrap();
    assert_eq!(copy(&scene, &service.id).map(|shown| shown.region), Some("local-east".to_string()));
    assert_eq!(count(&scene, "service_copy_deleted"), 1);
    refused(ask(json!(["local-south"])), ErrorKind::Invalid, &["too soon", "changed at"]);
    ask(json!([])).unwrap();
    assert_eq!(copy(&scene, &service.id), None);
    refused(ask(json!(["local-south"])), ErrorKind::Invalid, &["too soon", "changed at"]);
}

#[test]
fn a_fork_takes_over_the_further_regions_that_it_may_have_where_it_is() {
    let scene = Scene::with(|settings| {
        let more = settings.regions.first().cloned();
        let far = |one| Region { name: region("far-west"), provider: "far".to_string(), ..one };
        settings.regions.extend(more.map(far));
    });
    scene.running("pg-1", wanted());
    pass(&scene.control);
    for (name, cloud, expect) in [
        ("fork-1", "local-north", json!(["local-south"])),
        ("fork-2", "local-south", json!([])),
        ("fork-3", "far-west", json!([])),
    ] {
        let asked = services::NewService {
            name: name.to_string(),
            service_type: "pg".to_string(),
            plan: "startup-4".to_string(),
            region: Some(cloud.to_string()),
            user_config: json!({"service_to_fork_from": "pg-1"}),
            ..services::NewService::default()
        };
        let fork = services::create(&scene.control, &scene.actor, PROJECT, &asked).unwrap();
        assert_eq!(fork.user_config["additional_backup_regions"], expect, "{cloud}");
        scene.settle(&fork.id);
    }
}

#[test]
fn what_the_settings_forbid_since_stops_no_change_of_a_service_that_has_it() {
    let mut scene = Scene::with(|settings| {
        settings.backup_regions_of_any_provider = true;
        settings.backup_regions_max = 2;
        let more = settings.regions.first().cloned();
        let far = |one| Region { name: region("far-west"), provider: "far".to_string(), ..one };
        settings.regions.extend(more.map(far));
    });
    let service = scene.running("pg-1", json!({"additional_backup_regions": ["far-west", "local-south"]}));
    scene.restart_with(|settings| settings.backup_regions_of_any_provider = false);
    let update = |options: Value| {
        let patch = Patch { user_config: Some(options), ..Patch::default() };
        services::update(&scene.control, &scene.actor, PROJECT, "pg-1", &patch)
    };
    update(json!({"work_mem": 8})).unwrap();
    update(json!({"work_mem": 9, "additional_backup_regions": ["far-west"]})).unwrap();
    update(json!({"additional_backup_regions": ["far-west", "local-south"]})).unwrap();
    let protect = Patch { termination_protection: Some(true), ..Patch::default() };
    services::update(&scene.control, &scene.actor, PROJECT, "pg-1", &protect).unwrap();
    assert_eq!(copy(&scene, &service.id).map(|shown| shown.ends_at), Some(None), "it goes on");
    update(json!({"additional_backup_regions": []})).unwrap();
    refused(update(json!({"additional_backup_regions": ["far-west"]})), ErrorKind::Invalid, &["far-west", "provider"]);
    scene.settle(&service.id);
}

#[test]
fn a_region_that_returns_empty_is_shown_as_empty_at_once() {
    let scene = Scene::new();
    let service = scene.running("pg-1", wanted());
    pass(&scene.control);
    assert_eq!(copy(&scene, &service.id).unwrap().backups.len(), 1);
    scene.hosts.down(&region("local-south"));
    pass(&scene.control);
    let away = copy(&scene, &service.id).unwrap();
    assert!(away.condition == Condition::Paused && away.paused.unwrap().contains("local-south has not answered"));
    assert_eq!(away.backups.len(), 1, "what it had it may still have");
    scene.hosts.empty(&region("local-south"));
    scene.hosts.up(&region("local-south"));
    reconcile::probe(&scene.control, &region("local-south")).unwrap();
    // Looked at without the fake's copying, which takes no time.
    let rows = services::backups_of(&scene.control, &service, "local-south").unwrap();
    assert_eq!((rows.0.len(), rows.1.len()), (0, 0));
    pass(&scene.control);
    assert_eq!(copy(&scene, &service.id).unwrap().condition, Condition::Complete);
}

#[test]
fn what_a_copy_lacks_is_counted_while_its_region_is_away_and_not_when_it_is_left() {
    let scene = Scene::with(|settings| settings.copy_grace = Duration::from_secs(3600));
    let service = scene.running("pg-1", wanted());
    pass(&scene.control);
    let waiting = || {
        let view = copy(&scene, &service.id).unwrap().view;
        (view.waiting_backups, view.waiting_bytes > 0, view.oldest_waiting.is_some())
    };
    assert_eq!(waiting(), (0, false, false));
    scene.hosts.down(&region("local-south"));
    pass(&scene.control);
    services::back_up(&scene.control, &scene.actor, PROJECT, "pg-1").unwrap();
    scene.settle(&service.id);
    pass(&scene.control);
    assert_eq!(waiting(), (1, true, true));
    let none = Patch { user_config: Some(json!({"additional_backup_regions": []})), ..Patch::default() };
    services::update(&scene.control, &scene.actor, PROJECT, "pg-1", &none).unwrap();
    scene.settle(&service.id);
    assert_eq!(waiting(), (0, false, false), "nothing more is copied there");
}
