//! Moves and power-offs of services that are elsewhere than their backups: what is given up when a region is lost meanwhile, and what is not.

use farshore_runs::State;
use farshore_types::ErrorKind;
use serde_json::json;

use super::further::{count, pass, region, wanted};
use super::moves::{ask, await_try, to_south};
use super::relocations::{lives, to};
use super::scene::{PROJECT, Scene, add_region, refused};
use crate::reconcile;
use crate::services::{self, Patch, state};

#[test]
fn a_move_during_which_the_region_is_lost_is_given_up_for_one_to_the_copy() {
    for verb in ["back_up", "stop"] {
        let scene = Scene::new();
        let service = scene.running("pg-1", wanted());
        pass(&scene.control);
        scene.hosts.fail(verb, Some(ErrorKind::Transient));
        ask(&scene, &to("local-south")).unwrap();
        await_try(&scene, &service);
        scene.hosts.down(&region("local-north"));
        pass(&scene.control);
        scene.hosts.mend();
        ask(&scene, &to("local-south")).unwrap();
        let runs = scene.end(&service.id);
        assert!(runs.iter().all(|run| run.state != State::Stuck), "{verb}: {runs:#?}");
        lives(&scene, &service, ("local-south", "local-south"), verb);
        scene.hosts.up(&region("local-north"));
        pass(&scene.control);
        reconcile::sweep_nodes(&scene.control).unwrap();
        lives(&scene, &service, ("local-south", "local-south"), verb);
    }
}

#[test]
fn a_node_that_is_there_and_does_not_answer_is_not_given_up_for_a_copy() {
    let scene = Scene::with(|settings| add_region(settings, "local-east"));
    let service = scene.running("pg-1", wanted());
    pass(&scene.control);
    ask(&scene, &to("local-east")).unwrap();
    scene.settle(&service.id);
    pass(&scene.control);
    scene.hosts.down(&region("local-north"));
    pass(&scene.control);
    refused(ask(&scene, &to_south()), ErrorKind::Conflict, &["answers, only the store of local-north does not"]);
    scene.hosts.crash(&service.id);
    refused(ask(&scene, &to_south()), ErrorKind::Conflict, &["local-east, which answers", "may hold more"]);
    scene.hosts.lose(&service.id);
    ask(&scene, &to_south()).unwrap();
    scene.end(&service.id);
    lives(&scene, &service, ("local-south", "local-south"), "nothing else is left");
}

#[test]
fn a_move_whose_goal_is_lost_meanwhile_goes_back_and_nobody_is_alarmed() {
    let scene = Scene::new();
    let service = scene.running("pg-1", json!({}));
    scene.hosts.fail("restore", Some(ErrorKind::Transient));
    ask(&scene, &to("local-south")).unwrap();
    let clock = farshore_types::SystemClock::new();
    while scene.row(&service.id).region != "local-south" {
        farshore_types::Clock::pause(&clock, std::time::Duration::from_millis(10));
    }
    scene.hosts.down(&region("local-south"));
    pass(&scene.control);
    scene.hosts.mend();
    ask(&scene, &to("local-north")).unwrap();
    let runs = scene.end(&service.id);
    assert!(runs.iter().all(|run| run.state != State::Stuck), "{runs:#?}");
    lives(&scene, &service, ("local-north", "local-north"), "back");
    for alarm in ["service_move_stuck", "service_move_failed"] {
        assert_eq!(count(&scene, alarm), 0, "{alarm}");
    }
}

#[test]
fn a_power_off_that_waits_for_a_lost_store_can_be_taken_back() {
    let scene = Scene::new();
    let service = scene.running("pg-1", json!({}));
    ask(&scene, &to("local-south")).unwrap();
    scene.settle(&service.id);
    scene.hosts.fail("stop", Some(ErrorKind::Transient));
    ask(&scene, &Patch { powered: Some(false), ..Patch::default() }).unwrap();
    await_try(&scene, &service);
    scene.hosts.down(&region("local-north"));
    pass(&scene.control);
    refused(
        services::back_up(&scene.control, &scene.actor, PROJECT, "pg-1"),
        ErrorKind::Conflict,
        &["is being powered off"],
    );
    let on = ask(&scene, &Patch { powered: Some(true), ..Patch::default() }).unwrap();
    assert_eq!((on.state.as_str(), on.powered), (state::RUNNING, true));
    scene.hosts.up(&region("local-north"));
    pass(&scene.control);
    scene.hosts.mend();
    scene.end(&service.id);
    reconcile::supervise(&scene.control).unwrap();
    scene.end(&service.id);
    lives(&scene, &service, ("local-south", "local-north"), "it stays on");
}
