//! Forks: what they take over, what is new, what is refused before anything is made.

use farshore_types::ErrorKind;
use serde_json::json;

use super::scene::{PROJECT, Scene, nothing, refused};
use crate::services::{self, NewService, Secrets, state};

#[test]
fn a_fork_takes_over_options_and_users_with_new_passwords_and_leaves_its_source_alone() {
    let scene = Scene::new();
    let source = scene.running("pg-1", json!({"work_mem": 8, "backup_hour": 3}));
    services::create_user(&scene.control, &scene.actor, PROJECT, "pg-1", "dora").unwrap();
    scene.control.hosts.stock(&"local-north".parse().unwrap(), &source.id).unwrap();
    services::back_up(&scene.control, &scene.actor, PROJECT, "pg-1").unwrap();
    scene.settle(&source.id);
    let before = scene.row(&source.id);
    let fork = scene.running("fork-1", json!({"service_to_fork_from": "pg-1"}));
    assert_eq!((fork.state.as_str(), fork.forked_from.as_ref()), (state::RUNNING, Some(&source.id)));
    assert_eq!((&fork.user_config["work_mem"], &fork.user_config["backup_hour"]), (&json!(8), &json!(3)));
    let (old, new) = (Secrets::open(&scene.control, &before).unwrap(), Secrets::open(&scene.control, &fork).unwrap());
    for user in ["avnadmin", "dora"] {
        assert_ne!(old.password(user).unwrap(), new.password(user).unwrap());
        assert_eq!(scene.hosts.password(&fork.id, user).as_deref(), new.password(user).ok());
        assert_eq!(scene.hosts.password(&source.id, user).as_deref(), old.password(user).ok());
    }
    assert_eq!((scene.backups(&fork), scene.row(&source.id)), (1, before));
}

#[test]
fn a_fork_has_a_disk_that_holds_its_sources_and_its_window_of_maintenance() {
    let scene = Scene::new();
    let new = |name: &str, plan: &str, options: serde_json::Value| NewService {
        name: name.to_string(),
        service_type: "pg".to_string(),
        plan: plan.to_string(),
        user_config: options,
        ..NewService::default()
    };
    let gib = |gib: u64| gib * 1024;
    let window = json!({"dow": "sunday", "time": "03:00:00"});
    let create = |asked: &NewService| services::create(&scene.control, &scene.actor, PROJECT, asked).unwrap();
    let source = create(&NewService {
        disk_mib: Some(gib(200)),
        maintenance: Some(window.clone()),
        ..new("pg-1", "startup-4", nothing())
    });
    scene.settle(&source.id);
    let of = json!({"service_to_fork_from": "pg-1"});
    let disk = |name: &str, plan: &str| create(&new(name, plan, of.clone()));
    let fork = disk("same", "startup-4");
    assert_eq!((fork.disk_mb, &fork.maintenance), (gib(200), &Some(window)));
    assert_eq!(disk("larger", "startup-8").disk_mb, gib(205), "the next step that holds it");
    assert_eq!(disk("smaller", "hobbyist").disk_mb, gib(8), "what the plan can have");
    let given = create(&NewService {
        disk_mib: Some(gib(80)),
        maintenance: Some(json!({"dow": "never"})),
        ..new("given", "startup-4", of.clone())
    });
    assert_eq!((given.disk_mb, given.maintenance), (gib(80), Some(json!({"dow": "never", "time": "03:00:00"}))));
    let events = crate::events::list(&scene.control, PROJECT, 100).unwrap();
    let told = events.iter().find(|event| event.event_type == "service_fork").unwrap();
    assert_eq!(told.text, "Created service given as a fork of pg-1");
}

#[test]
fn a_fork_is_refused_before_anything_is_made_where_its_source_cannot_give_it() {
    let scene = Scene::new();
    let ready = scene.running("pg-1", nothing());
    let hobby = NewService {
        name: "hobby".to_string(),
        service_type: "pg".to_string(),
        plan: "hobbyist".to_string(),
        user_config: nothing(),
        ..NewService::default()
    };
    let hobby = services::create(&scene.control, &scene.actor, PROJECT, &hobby).unwrap();
    scene.settle(&hobby.id);
    let table = [
        (json!({"service_to_fork_from": "nobody"}), ErrorKind::Invalid, vec!["nobody"]),
        (json!({"service_to_fork_from": "hobby"}), ErrorKind::Invalid, vec!["hobbyist", "fork"]),
        (json!({"recovery_target_time": "2026-01-01 00:00:00"}), ErrorKind::Invalid, vec!["service_to_fork_from"]),
        (
            json!({"service_to_fork_from": "pg-1", "recovery_target_time": "yesterday"}),
            ErrorKind::Invalid,
            vec!["recovery_target_time"],
        ),
        (json!({"service_to_fork_from": "pg-1", "pg_version": "16"}), ErrorKind::Invalid, vec!["pg_version", "17"]),
        (json!({"service_to_fork_from": "pg-1", "project_to_fork_from": "secret"}), ErrorKind::Missing, vec!["secret"]),
    ];
    for (options, kind, words) in table {
        refused(scene.create("fork-1", options), kind, &words);
    }
    assert_eq!(services::list(&scene.control, PROJECT).unwrap().len(), 2);
    assert_eq!(scene.row(&ready.id), ready);
}

#[test]
fn a_fork_of_a_service_without_a_backup_says_so_in_the_known_words() {
    let scene = Scene::idle();
    scene.create("pg-1", nothing()).unwrap();
    let fork = scene.create("fork-1", json!({"service_to_fork_from": "pg-1"}));
    refused(fork, ErrorKind::Conflict, &["No valid backups for service pg-1"]);
}

#[test]
fn a_powered_off_source_can_be_forked_and_stays_off() {
    let scene = Scene::new();
    let source = scene.running("pg-1", nothing());
    let off = services::Patch { powered: Some(false), ..services::Patch::default() };
    services::update(&scene.control, &scene.actor, PROJECT, "pg-1", &off).unwrap();
    scene.settle(&source.id);
    let fork = scene.running("fork-1", json!({"service_to_fork_from": "pg-1"}));
    assert_eq!((fork.state.as_str(), scene.row(&source.id).state.as_str()), (state::RUNNING, state::POWEROFF));
}
