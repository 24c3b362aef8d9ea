//! What lasts and is wrong: full disks, servers that crash again and again, and what was asked for and waits for them.

use farshore_runs::State;
use farshore_types::{Clock, ErrorKind, SystemClock};

use super::further::{count, pass, region};
use super::moves::ask;
use super::relocations::lives;
use super::scene::{PROJECT, Scene, nothing};
use crate::reconcile::{supervise, waiting_runs};
use crate::services::{self, Patch, state};

#[test]
fn a_full_disk_is_told_once_and_once_more_when_it_has_room() {
    let scene = Scene::new();
    let service = scene.running("pg-1", nothing());
    let told = || {
        let events = scene.events();
        ["service_disk_full", "service_disk_room"].map(|event| events.iter().filter(|told| *told == event).count())
    };
    for (full, expect) in [(true, [1, 0]), (false, [1, 1]), (true, [2, 1])] {
        scene.hosts.fill(&service.id, full);
        for _ in 0..2 {
            supervise(&scene.control).unwrap();
        }
        assert_eq!(told(), expect, "{full}");
        assert_eq!(scene.row(&service.id).facts.get("disk_full").is_some(), full);
    }
}

#[test]
fn a_server_that_crashes_again_and_again_is_told_once_and_once_more_when_it_is_well() {
    let scene = Scene::new();
    let service = scene.running("pg-1", nothing());
    let rows = [
        (None, [0, 0]),
        (Some(true), [1, 0]),
        // An agent that has just begun knows nothing: it is neither over nor new.
        (None, [1, 0]),
        (Some(true), [1, 0]),
        (Some(false), [1, 1]),
        (None, [1, 1]),
        (Some(true), [2, 1]),
    ];
    for (is_loop, expect) in rows {
        scene.hosts.crash_again_and_again(&service.id, is_loop);
        for _ in 0..2 {
            supervise(&scene.control).unwrap();
        }
        assert_eq!(["service_node_crashing", "service_node_steady"].map(|event| count(&scene, event)), expect);
        let is_told = expect[0] > expect[1];
        assert_eq!(scene.row(&service.id).facts.get("crash_loop").is_some(), is_told, "{is_loop:?}");
        let notices = services::overview(&scene.control, scene.row(&service.id)).unwrap().notices;
        assert_eq!(notices.iter().any(|notice| notice.text.contains("crashes again and again")), is_told);
    }
}

/// A service whose server does not start, and whose power-off waits for its log; after the third try.
fn waiting_power_off() -> (Scene, farshore_store::services::Service) {
    let scene = Scene::new();
    let service = scene.running("pg-1", nothing());
    scene.hosts.crash(&service.id);
    scene.hosts.fail("back_up", Some(ErrorKind::Transient));
    ask(&scene, &Patch { powered: Some(false), ..Patch::default() }).unwrap();
    let (id, clock) = (service.id.as_str(), SystemClock::new());
    let tries = || Some(scene.control.store.read(|tx| scene.runs.current(tx, id)).unwrap()?.tries);
    while tries() < Some(3) {
        assert!(clock.monotonic() < std::time::Duration::from_secs(60));
        clock.pause(std::time::Duration::from_millis(10));
    }
    (scene, service)
}

#[test]
fn what_waits_for_long_is_told_once_unless_the_loss_of_a_region_tells_it() {
    let (scene, service) = waiting_power_off();
    waiting_runs(&scene.control).unwrap();
    assert_eq!(count(&scene, "service_run_waits"), 0, "it has not waited for long");
    let overview = || services::overview(&scene.later(), scene.row(&service.id)).unwrap();
    let said = overview().notices.into_iter().find(|notice| notice.text.contains("has got no further since")).unwrap();
    assert!(said.warning && said.text.contains("back_up fails as a test asked"), "{}", said.text);
    let later = scene.later();
    scene.hosts.down(&region("local-north"));
    pass(&later);
    waiting_runs(&later).unwrap();
    assert_eq!(count(&scene, "service_run_waits"), 0, "everybody knows why");
    scene.hosts.up(&region("local-north"));
    pass(&later);
    for _ in 0..2 {
        waiting_runs(&later).unwrap();
        assert_eq!(count(&scene, "service_run_waits"), 1);
    }
    scene.hosts.mend();
    scene.hosts.recover(&service.id);
    scene.settle(&service.id);
    assert_eq!(scene.row(&service.id).state, state::POWEROFF);
    assert!(overview().notices.iter().all(|notice| !notice.text.contains("no further")));
}

#[test]
fn a_power_off_that_waits_for_a_server_which_does_not_start_can_be_taken_back() {
    let (scene, service) = waiting_power_off();
    let on = ask(&scene, &Patch { powered: Some(true), ..Patch::default() }).unwrap();
    assert_eq!((on.state.as_str(), on.powered), (state::RUNNING, true));
    let runs = scene.end(&service.id);
    assert_eq!((runs[0].kind.as_str(), runs[0].state), ("power_off", State::Cancelled), "the data is not given up");
    let events = crate::events::list(&scene.control, PROJECT, 100).unwrap();
    let told = events.iter().find(|event| event.event_type == "service_poweron_request").unwrap();
    assert!(told.text.contains("stays on") && told.text.contains("does not start"), "{}", told.text);
    scene.hosts.mend();
    scene.hosts.recover(&service.id);
    supervise(&scene.control).unwrap();
    scene.end(&service.id);
    lives(&scene, &service, ("local-north", "local-north"), "it stays on");
}
