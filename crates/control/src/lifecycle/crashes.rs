//! Every verb of a host may fail, pass by or for good, in every kind of run.

use farshore_runs::State;
use farshore_store::services::Service;
use farshore_types::ErrorKind;
use serde_json::json;

use super::scene::{PROJECT, Scene, nothing};
use crate::reconcile::supervise;
use crate::services::{self, Patch, state};

/// Starts something that calls the verb, on a service that runs.
type Begin = fn(&Scene);

fn power(scene: &Scene, on: bool) {
    let patch = Patch { powered: Some(on), ..Patch::default() };
    services::update(&scene.control, &scene.actor, PROJECT, "pg-1", &patch).unwrap();
}

#[test]
fn a_passing_fault_of_any_verb_is_tried_again_until_the_service_is_as_it_should_be() {
    let table: [(&str, Begin, &str); 6] = [
        ("back_up", |scene| power(scene, false), state::POWEROFF),
        ("stop", |scene| power(scene, false), state::POWEROFF),
        ("remove", |scene| power(scene, false), state::POWEROFF),
        ("stock", |scene| power(scene, false), state::POWEROFF),
        (
            "provision",
            |scene| {
                let patch = Patch { user_config: Some(json!({"work_mem": 16})), ..Patch::default() };
                services::update(&scene.control, &scene.actor, PROJECT, "pg-1", &patch).unwrap();
            },
            state::RUNNING,
        ),
        (
            "restore",
            |scene| {
                scene.hosts.lose(&scene.control.store.read(|tx| services::in_project(tx, PROJECT, "pg-1")).unwrap().id);
                crate::reconcile::supervise(&scene.control).unwrap();
            },
            state::RUNNING,
        ),
    ];
    for (verb, begin, expected) in table {
        let scene = Scene::new();
        let service = scene.running("pg-1", nothing());
        scene.hosts.fail(verb, Some(ErrorKind::Transient));
        begin(&scene);
        let seen = |scene: &Scene| scene.control.store.read(|tx| scene.runs.current(tx, service.id.as_str())).unwrap();
        let clock = farshore_types::SystemClock::new();
        while seen(&scene).is_some_and(|run| run.tries == 0) {
            farshore_types::Clock::pause(&clock, std::time::Duration::from_millis(10));
        }
        assert!(seen(&scene).is_some(), "{verb}: the run waits for its next try");
        scene.hosts.fail(verb, None);
        scene.settle(&service.id);
        assert_eq!(scene.row(&service.id).state, expected, "{verb}");
    }
}

#[test]
fn a_password_that_the_server_did_not_get_is_given_to_it_later() {
    let scene = Scene::new();
    let service = scene.running("pg-1", nothing());
    let shown = || {
        let secrets = services::Secrets::open(&scene.control, &scene.row(&service.id)).unwrap();
        secrets.password("avnadmin").unwrap().to_string()
    };
    let before = shown();
    scene.hosts.fail("change", Some(ErrorKind::Transient));
    let reset = services::reset_user_password(&scene.control, &scene.actor, (PROJECT, "pg-1"), "avnadmin", None);
    assert_eq!(reset.unwrap_err().kind(), ErrorKind::Transient);
    assert_ne!(shown(), before);
    scene.hosts.fail("change", None);
    for _ in 0..2 {
        crate::reconcile::supervise(&scene.control).unwrap();
        assert_eq!(scene.hosts.password(&service.id, "avnadmin"), Some(shown()));
    }
    assert!(scene.row(&service.id).facts.get("passwords_due").is_none());
    scene.settle(&service.id);
}

#[test]
fn a_service_that_cannot_be_made_leaves_no_node_and_says_why() {
    let scene = Scene::new();
    scene.hosts.fail("change", Some(ErrorKind::Invalid));
    let service = scene.create("pg-1", nothing()).unwrap();
    let runs = scene.end(&service.id);
    assert_eq!(runs[0].state, State::Failed, "{runs:#?}");
    assert!(scene.hosts.order(&service.id).is_none(), "the node is gone");
    let row = scene.row(&service.id);
    let overview = services::overview(&scene.control, row).unwrap();
    assert!(
        overview.notices.iter().any(|notice| notice.warning && notice.text.contains("create failed")),
        "{:?}",
        overview.notices
    );
    services::terminate(&scene.control, &scene.actor, PROJECT, "pg-1").unwrap();
    scene.hosts.fail("change", None);
    scene.settle_last(&service.id);
}

#[test]
fn a_rebuilding_that_failed_is_tried_again_after_a_while_and_a_fork_that_failed_is_not() {
    let scene = Scene::new();
    let source = scene.running("pg-1", nothing());
    scene.hosts.fail("restore", Some(ErrorKind::Invalid));
    let fork = scene.create("pg-2", json!({"service_to_fork_from": "pg-1"})).unwrap();
    scene.hosts.lose(&source.id);
    supervise(&scene.control).unwrap();
    for service in [&source, &fork] {
        assert_eq!(scene.end(&service.id)[0].state, State::Failed);
    }
    scene.hosts.fail("restore", None);
    let count = |service: &Service| scene.end(&service.id).len();
    let before = (count(&source), count(&fork));
    supervise(&scene.control).unwrap();
    assert_eq!((count(&source), count(&fork)), before, "not at once");
    let later = scene.later();
    supervise(&later).unwrap();
    scene.settle_last(&source.id);
    assert_eq!(scene.row(&source.id).state, state::RUNNING);
    assert_eq!((scene.row(&fork.id).state.as_str(), count(&fork)), (state::REBUILDING, before.1));
}
