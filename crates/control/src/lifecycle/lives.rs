//! What becomes of a service from its creation to the destruction of its keys: each verb, what it refuses, and what is left.

use farshore_runs::State;
use farshore_types::ErrorKind;
use serde_json::json;

use super::scene::{PROJECT, Scene, nothing, refused};
use crate::hosts::NodeState;
use crate::reconcile;
use crate::services::{self, NewService, Patch, Secrets, state};

#[test]
fn a_new_service_runs_with_its_users_and_has_a_backup_at_once() {
    let scene = Scene::new();
    let service = scene.running("pg-1", nothing());
    assert_eq!((service.state.as_str(), service.backup_region.as_ref()), (state::RUNNING, None));
    assert_eq!(scene.backups(&service), 1);
    let secrets = Secrets::open(&scene.control, &service).unwrap();
    assert_eq!(scene.hosts.password(&service.id, "avnadmin").as_deref(), secrets.password("avnadmin").ok());
    assert!(service.facts["port"].as_u64().is_some() && service.next_backup_at > Some(scene.control.clock.now()));
    let events = scene.events();
    assert_eq!(events[..3], ["service_backup", "service_running", "service_create"], "{events:?}");
    let printed = format!("{secrets:?}");
    assert!(!printed.contains(secrets.password("avnadmin").unwrap()), "{printed}");
}

/// Each of them is allowed, both together take more memory than a plan has.
fn too_large() -> serde_json::Value {
    json!({"pg": {"max_prepared_transactions": 10_000, "max_locks_per_transaction": 6400}})
}

#[test]
fn what_cannot_be_made_is_refused_in_words_and_nothing_is_left() {
    let scene = Scene::idle();
    scene.create("taken", nothing()).unwrap();
    let good = || NewService {
        name: "pg-1".to_string(),
        service_type: "pg".to_string(),
        plan: "startup-4".to_string(),
        user_config: json!({}),
        ..NewService::default()
    };
    type Case = (fn(&mut NewService), ErrorKind, &'static [&'static str]);
    let table: [Case; 14] = [
        (|new| new.name = "Pg".to_string(), ErrorKind::Invalid, &["\"Pg\"", "a-z"]),
        (|new| new.name = "taken".to_string(), ErrorKind::Conflict, &["already in use", "already exists"]),
        (|new| new.service_type = "postgres".to_string(), ErrorKind::Invalid, &["postgres", "pg"]),
        (|new| new.service_type = "mysql".to_string(), ErrorKind::Invalid, &["cannot be created yet"]),
        (|new| new.plan = "startup-5".to_string(), ErrorKind::Invalid, &["startup-5", "startup-4"]),
        (|new| new.plan = "business-4".to_string(), ErrorKind::Invalid, &["business-4", "standby"]),
        (|new| new.region = Some("moon".to_string()), ErrorKind::Invalid, &["moon", "local-north"]),
        (|new| new.disk_mib = Some(1), ErrorKind::Invalid, &["1 MiB"]),
        (|new| new.user_config = json!({"colour": 1}), ErrorKind::Invalid, &["colour"]),
        (|new| new.user_config = json!({"backup_hour": 24}), ErrorKind::Invalid, &["backup_hour", "23"]),
        (|new| new.user_config = json!({"backup_hour": "x"}), ErrorKind::Invalid, &["backup_hour", "integer"]),
        (|new| new.maintenance = Some(json!({"time": "25:00:00"})), ErrorKind::Invalid, &["maintenance.time", "HH:MM"]),
        (|new| new.user_config = too_large(), ErrorKind::Invalid, &["max_prepared_transactions 10000", "4096 MiB"]),
        (|new| new.user_config = json!([]), ErrorKind::Invalid, &["user_config"]),
    ];
    for (spoil, kind, words) in table {
        let mut new = good();
        spoil(&mut new);
        refused(services::create(&scene.control, &scene.actor, PROJECT, &new), kind, words);
    }
    refused(services::create(&scene.control, &scene.actor, "other", &good()), ErrorKind::Missing, &["other"]);
    assert_eq!(services::list(&scene.control, PROJECT).unwrap().len(), 1);
}

#[test]
fn a_power_cycle_keeps_address_and_passwords_and_takes_a_last_backup() {
    let scene = Scene::new();
    let service = scene.running("pg-1", nothing());
    let power = |on: bool| Patch { powered: Some(on), ..Patch::default() };
    let update = |patch: &Patch| services::update(&scene.control, &scene.actor, PROJECT, "pg-1", patch);
    let off = update(&power(false)).unwrap();
    assert_eq!((off.state.as_str(), off.powered), (state::REBALANCING, false));
    update(&power(false)).unwrap();
    scene.settle(&service.id);
    let off = scene.row(&service.id);
    assert_eq!(off.state, state::POWEROFF);
    assert!(scene.backups(&service) == 2 && off.off_since.is_some() && off.next_backup_at.is_none());
    assert!(scene.hosts.order(&service.id).is_none(), "the node is gone");
    let shop = crate::hosts::Database { name: "shop".to_string(), ..Default::default() };
    let database = services::create_database(&scene.control, &scene.actor, PROJECT, "pg-1", &shop);
    refused(database, ErrorKind::Conflict, &["is powered off", "power it on"]);
    update(&power(true)).unwrap();
    scene.settle(&service.id);
    let on = scene.row(&service.id);
    assert_eq!((on.state.as_str(), on.off_since), (state::RUNNING, None));
    assert_eq!((&on.facts["port"], &on.sealed), (&service.facts["port"], &service.sealed));
    assert_eq!(update(&power(true)).unwrap().state, state::RUNNING, "nothing happens");
    assert_eq!(scene.backups(&service), 3);
}

#[test]
fn protection_blocks_the_end_and_power_off_until_it_is_taken_away() {
    let scene = Scene::new();
    let service = scene.running("pg-1", nothing());
    let update = |patch: Patch| services::update(&scene.control, &scene.actor, PROJECT, "pg-1", &patch);
    update(Patch { termination_protection: Some(true), ..Patch::default() }).unwrap();
    let words = ["Service is protected against termination and shutdown. Remove termination protection first."];
    refused(services::terminate(&scene.control, &scene.actor, PROJECT, "pg-1"), ErrorKind::Denied, &words);
    refused(update(Patch { powered: Some(false), ..Patch::default() }), ErrorKind::Denied, &words);
    update(Patch { termination_protection: Some(false), ..Patch::default() }).unwrap();
    services::terminate(&scene.control, &scene.actor, PROJECT, "pg-1").unwrap();
    scene.settle(&service.id);
}

#[test]
fn a_terminated_service_frees_its_name_comes_back_and_is_destroyed_in_the_end() {
    let scene = Scene::new();
    let service = scene.running("pg-1", nothing());
    services::terminate(&scene.control, &scene.actor, PROJECT, "pg-1").unwrap();
    refused(services::get(&scene.control, PROJECT, "pg-1"), ErrorKind::Missing, &["Service pg-1 does not exist"]);
    let other = scene.running("pg-1", nothing());
    assert_ne!(other.id, service.id);
    scene.settle(&service.id);
    let undelete = |scene: &Scene| services::undelete(&scene.control, &scene.actor, PROJECT, service.id.as_str());
    refused(undelete(&scene), ErrorKind::Conflict, &["in use again"]);
    services::terminate(&scene.control, &scene.actor, PROJECT, "pg-1").unwrap();
    scene.settle(&other.id);
    assert_eq!(services::deleted(&scene.control, PROJECT).unwrap().len(), 2);
    undelete(&scene).unwrap();
    scene.settle(&service.id);
    assert_eq!(scene.row(&service.id).state, state::RUNNING);
    refused(undelete(&scene), ErrorKind::Conflict, &["was not terminated"]);

    reconcile::shred(&scene.control).unwrap();
    assert!(scene.row(&other.id).shredded_at.is_none(), "thirty days are not over");
    assert_eq!(scene.control.settings.undelete_window.as_secs(), 30 * 24 * 3600);
    let over = Scene::with(|settings| settings.undelete_window = std::time::Duration::ZERO);
    let service = over.running("pg-1", nothing());
    services::terminate(&over.control, &over.actor, PROJECT, "pg-1").unwrap();
    over.settle(&service.id);
    for _ in 0..2 {
        reconcile::shred(&over.control).unwrap();
    }
    let row = over.row(&service.id);
    assert!(row.shredded_at.is_some() && row.sealed.is_none(), "{row:?}");
    let region = "local-north".parse().unwrap();
    assert_eq!(over.control.hosts.stock(&region, &service.id).unwrap().backups, []);
    refused(
        services::undelete(&over.control, &over.actor, PROJECT, service.id.as_str()),
        ErrorKind::Missing,
        &["can be brought back"],
    );
    assert_eq!(over.events().iter().filter(|event| *event == "service_shredded").count(), 1);
}

#[test]
fn a_backup_that_was_asked_for_before_the_end_is_no_failure_after_it() {
    let scene = Scene::new();
    let service = scene.running("pg-1", nothing());
    for _ in 0..3 {
        services::back_up(&scene.control, &scene.actor, PROJECT, "pg-1").unwrap();
    }
    services::terminate(&scene.control, &scene.actor, PROJECT, "pg-1").unwrap();
    scene.settle(&service.id);

    let stopped = scene.running("pg-2", nothing());
    scene.hosts.lose(&stopped.id);
    let off = Patch { powered: Some(false), ..Patch::default() };
    services::update(&scene.control, &scene.actor, PROJECT, "pg-2", &off).unwrap();
    scene.settle(&stopped.id);
    assert_eq!(scene.row(&stopped.id).state, state::POWEROFF, "a lost node is powered off without a last backup");
}

#[test]
fn options_are_merged_and_a_setting_that_needs_it_restarts_the_server() {
    let scene = Scene::new();
    let service = scene.running("pg-1", json!({"backup_hour": 3}));
    let update = |options: serde_json::Value| {
        let patch = Patch { user_config: Some(options), ..Patch::default() };
        services::update(&scene.control, &scene.actor, PROJECT, "pg-1", &patch)
    };
    update(json!({"work_mem": 8})).unwrap();
    update(json!({})).unwrap();
    let row = scene.row(&service.id);
    assert_eq!(row.user_config, json!({"backup_hour": 3, "work_mem": 8}));
    scene.settle(&service.id);
    let order = scene.hosts.order(&service.id).unwrap();
    assert!(order.settings.contains(&("work_mem".to_string(), "8MB".to_string())), "{:?}", order.settings);
    let removed = update(json!({"backup_hour": null})).unwrap();
    assert!(removed.user_config.get("backup_hour").is_none_or(serde_json::Value::is_null));
    refused(update(too_large()), ErrorKind::Invalid, &["max_locks_per_transaction 6400", "4096 MiB"]);
    refused(update(json!({"service_to_fork_from": "x"})), ErrorKind::Invalid, &["created"]);
    scene.settle(&service.id);
}

#[test]
fn a_service_whose_server_does_not_start_with_a_change_runs_on_and_the_failure_is_told() {
    let scene = Scene::new();
    let service = scene.running("pg-1", nothing());
    let update = |number: u32| {
        let patch = Patch { user_config: Some(json!({"pg": {"max_worker_processes": number}})), ..Patch::default() };
        services::update(&scene.control, &scene.actor, PROJECT, "pg-1", &patch).unwrap();
    };
    scene.hosts.fail("restart", Some(ErrorKind::Invalid));
    update(9);
    let runs = scene.end(&service.id);
    assert_eq!((runs[0].kind.as_str(), runs[0].state), ("configure", State::Failed), "{:#?}", runs[0]);
    assert_eq!(scene.row(&service.id).state, state::RUNNING);
    assert_eq!(scene.events().iter().filter(|event| *event == "service_configure_failed").count(), 1);
    scene.hosts.mend();
    update(10);
    scene.settle_last(&service.id);
    assert_eq!(scene.row(&service.id).state, state::RUNNING);
}

#[test]
fn a_lost_node_is_rebuilt_and_a_broken_log_is_answered_by_a_backup() {
    let scene = Scene::new();
    let service = scene.running("pg-1", nothing());
    scene.hosts.lose(&service.id);
    for _ in 0..2 {
        reconcile::supervise(&scene.control).unwrap();
    }
    scene.settle(&service.id);
    let view = crate::hosts::Hosts::view(scene.hosts.as_ref(), &service.id).unwrap();
    assert_eq!((view.state, scene.row(&service.id).state.as_str()), (NodeState::Ready, state::RUNNING));
    assert_eq!(scene.row(&service.id).facts["port"], service.facts["port"]);
    let lost = scene.events().iter().filter(|event| *event == "service_node_lost").count();
    assert_eq!(lost, 1, "asked for once");

    // The second agent counts anew: its first break is as new as the other's second.
    for (breaks, backups) in [(0, 2), (1, 3), (1, 3), (2, 4), (0, 4), (1, 5)] {
        scene.hosts.break_log(&service.id, breaks);
        for _ in 0..2 {
            reconcile::supervise(&scene.control).unwrap();
            scene.settle(&service.id);
        }
        assert_eq!(scene.backups(&service), backups, "{breaks} breaks");
    }
}

#[test]
fn what_left_no_backup_is_not_offered_to_be_brought_back() {
    let scene = Scene::new();
    let kept = scene.running("pg-1", nothing());
    scene.hosts.fail("back_up", Some(ErrorKind::Invalid));
    let bare = scene.create("pg-2", nothing()).unwrap();
    scene.end(&bare.id);
    for name in ["pg-1", "pg-2"] {
        services::terminate(&scene.control, &scene.actor, PROJECT, name).unwrap();
    }
    let offered = services::deleted(&scene.control, PROJECT).unwrap();
    assert_eq!(offered.iter().map(|service| &service.id).collect::<Vec<_>>(), [&kept.id]);
    refused(
        services::undelete(&scene.control, &scene.actor, PROJECT, bare.id.as_str()),
        ErrorKind::Conflict,
        &["had no backup"],
    );
}
