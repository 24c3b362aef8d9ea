//! Changes to a service: what follows from a value, from its removal, and what is refused.

use farshore_types::ErrorKind;
use serde_json::{Value, json};

use super::scene::{PROJECT, Scene, refused};
use crate::catalog::must_have_what_is_used;
use crate::services::{self, NewService, Patch};

fn options(given: Value) -> Patch {
    Patch { user_config: Some(given), ..Patch::default() }
}

#[test]
fn a_time_of_backups_that_is_taken_away_is_drawn_anew_and_the_other_one_stays() {
    let scene = Scene::idle();
    scene.create("pg-1", json!({"backup_hour": 3})).unwrap();
    let update =
        |given: Value| services::update(&scene.control, &scene.actor, PROJECT, "pg-1", &options(given)).unwrap();
    let set = json!({"backup_hour": 3, "backup_minute": 30});
    // A time that is drawn may be the one that was given, but not every time.
    let drawn = |reset: Value| -> Vec<(u8, u8)> {
        let one = |_| {
            update(set.clone());
            let row = update(reset.clone());
            (row.backup_hour, row.backup_minute)
        };
        (0..20).map(one).collect()
    };
    let both = drawn(json!({"backup_hour": null, "backup_minute": null}));
    assert!(both.iter().any(|(hour, _)| *hour != 3) && both.iter().any(|(_, minute)| *minute != 30), "{both:?}");
    let hours = drawn(json!({"backup_hour": null}));
    assert!(hours.iter().any(|(hour, _)| *hour != 3) && hours.iter().all(|(_, minute)| *minute == 30), "{hours:?}");
    let minutes = drawn(json!({"backup_minute": null}));
    assert!(
        minutes.iter().all(|(hour, _)| *hour == 3) && minutes.iter().any(|(_, minute)| *minute != 30),
        "{minutes:?}"
    );
    // What was drawn once stays while the options say nothing about it.
    let before = update(json!({"backup_hour": null, "backup_minute": null}));
    let after = update(json!({"backup_interval_hours": 6}));
    assert_eq!((before.backup_hour, before.backup_minute), (after.backup_hour, after.backup_minute));
}

#[test]
fn the_version_of_a_service_stays_and_one_that_names_another_is_forked_all_the_same() {
    let scene = Scene::new();
    let service = scene.running("pg-1", json!({"pg_version": "17"}));
    let update = |given: Value| services::update(&scene.control, &scene.actor, PROJECT, "pg-1", &options(given));
    for other in ["16", "18"] {
        let words = [format!("pg_version: service pg-1 has version 17 and cannot become {other}")];
        let words = [words[0].as_str(), "upgrades are not offered"];
        refused(update(json!({"pg_version": other})), ErrorKind::Invalid, &words);
    }
    assert_eq!(scene.row(&service.id), service, "nothing changed");
    update(json!({"pg_version": "17", "work_mem": 8})).unwrap();
    update(json!({"pg_version": null})).unwrap();
    update(json!({"pg_version": "17"})).unwrap();
    scene.settle(&service.id);
    // Former builds took another version and did nothing with it.
    let mut row = scene.row(&service.id);
    row.user_config["pg_version"] = json!("16");
    scene.control.store.write(|tx| farshore_store::services::update(tx, &row)).unwrap();
    update(json!({"work_mem": 9})).unwrap();
    let fork = scene.running("fork-1", json!({"service_to_fork_from": "pg-1"}));
    assert_eq!((&fork.facts["major"], &fork.user_config["pg_version"]), (&json!(17), &json!("17")));
}

#[test]
fn the_administrator_has_the_name_that_was_given_and_a_fork_has_its_sources() {
    let scene = Scene::new();
    let service = scene.running("pg-1", json!({"admin_username": "ops", "admin_password": "0123456789"}));
    assert_eq!(services::administrator(&service), "ops");
    assert_eq!(scene.hosts.password(&service.id, "ops").as_deref(), Some("0123456789"));
    assert_eq!(scene.hosts.password(&service.id, "avnadmin"), None);
    services::create_user(&scene.control, &scene.actor, PROJECT, "pg-1", "dora").unwrap();
    let names = |service: &farshore_store::services::Service| -> Vec<String> {
        services::users(&scene.control, service).unwrap().into_iter().map(|(name, _)| name).collect()
    };
    assert_eq!(names(&scene.row(&service.id)), ["ops", "dora"], "the administrator first");
    let dropped = services::drop_user(&scene.control, &scene.actor, PROJECT, "pg-1", "ops");
    refused(dropped, ErrorKind::Denied, &["ops administers the service"]);
    let other = json!({"service_to_fork_from": "pg-1", "admin_username": "else"});
    refused(scene.create("fork-1", other), ErrorKind::Invalid, &["admin_username", "pg-1 is administered by ops"]);
    let fork = scene.running("fork-1", json!({"service_to_fork_from": "pg-1"}));
    assert_eq!((services::administrator(&fork), &fork.user_config["admin_username"]), ("ops", &json!("ops")));
    assert_eq!(names(&fork), ["ops", "dora"]);
    let renamed =
        services::update(&scene.control, &scene.actor, PROJECT, "pg-1", &options(json!({"admin_username": "x"})));
    refused(renamed, ErrorKind::Invalid, &["admin_username", "only when the service is created"]);
    // What former builds kept and did nothing with.
    let mut former = fork;
    former.facts.as_object_mut().unwrap().remove("administrator");
    assert_eq!(services::administrator(&former), "avnadmin");
}

#[test]
fn an_empty_list_of_networks_opens_nothing() {
    let scene = Scene::idle();
    let words = ["ip_filter", "0.0.0.0/0", "::/0"];
    refused(scene.create("pg-1", json!({"ip_filter": []})), ErrorKind::Invalid, &words);
    let service = scene.create("pg-1", json!({"ip_filter": ["10.0.0.0/8"]})).unwrap();
    let update = |given: Value| services::update(&scene.control, &scene.actor, PROJECT, "pg-1", &options(given));
    refused(update(json!({"ip_filter": []})), ErrorKind::Invalid, &words);
    let networks = |service: &farshore_store::services::Service| {
        crate::kinds::node_order(&scene.control, service, farshore_types::Generation(1)).unwrap().networks
    };
    assert_eq!(networks(&service), ["10.0.0.0/8"]);
    let mut former = service;
    former.user_config["ip_filter"] = json!([]);
    assert!(networks(&former).is_empty(), "what former builds took");
    assert_eq!(networks(&update(json!({"ip_filter": null})).unwrap()), ["0.0.0.0/0", "::/0"]);
}

#[test]
fn settings_that_lack_what_a_service_has_are_refused_with_its_name() {
    let scene = Scene::with(|settings| {
        let startup = farshore_types::Plan::documented(farshore_types::ServiceType::Pg).remove(1);
        settings.plans.push(farshore_types::Plan { name: "startup-64".to_string(), ..startup });
    });
    let asked = NewService {
        name: "pg-1".to_string(),
        service_type: "pg".to_string(),
        plan: "startup-64".to_string(),
        region: Some("local-south".to_string()),
        user_config: json!({}),
        ..NewService::default()
    };
    let service = services::create(&scene.control, &scene.actor, PROJECT, &asked).unwrap();
    scene.settle(&service.id);
    let settings = scene.control.settings.clone();
    let check = |settings: &crate::settings::Settings| must_have_what_is_used(&scene.control.store, settings);
    check(&settings).unwrap();
    let mut without = settings;
    without.plans.clear();
    refused(check(&without), ErrorKind::Invalid, &["the settings lack plan startup-64, which pg-1 has", "put it back"]);
    without.regions.retain(|region| region.name.as_str() != "local-south");
    refused(check(&without), ErrorKind::Invalid, &["plan startup-64", "region local-south, which pg-1 has"]);
    services::terminate(&scene.control, &scene.actor, PROJECT, "pg-1").unwrap();
    check(&without).unwrap();
    scene.settle(&service.id);
}
