//! Moves to the region of a copy, because the first region is lost: the platform dies at any step, the former region returns meanwhile, or
//! something else is under way.

use farshore_runs::State;
use farshore_store::services::Service;
use farshore_types::{Clock, ErrorKind, SystemClock};
use serde_json::{Value, json};

use super::further::{count, pass, region, wanted};
use super::scene::{PROJECT, Scene, add_region, refused};
use crate::services::{self, Patch, state};
use crate::{kinds, reconcile};

/// Where in a move the platform dies.
#[derive(Debug, Clone, Copy)]
pub enum Death {
    /// Nothing was begun.
    BeforeAny,
    /// A verb was not carried out.
    Before(&'static str),
    /// A verb was carried out, and nobody wrote that down.
    After(&'static str),
}

/// The verbs of a move, in their order, with that of the backup right after it.
const DEATHS: [Death; 13] = [
    Death::BeforeAny,
    Death::Before("settle"),
    Death::After("settle"),
    Death::Before("view"),
    Death::Before("remove"),
    Death::After("remove"),
    Death::Before("check_restore"),
    Death::Before("restore"),
    Death::After("restore"),
    Death::Before("change"),
    Death::After("change"),
    Death::Before("back_up"),
    Death::After("back_up"),
];

pub fn ask(scene: &Scene, patch: &Patch) -> farshore_types::Result<Service> {
    services::update(&scene.control, &scene.actor, PROJECT, "pg-1", patch)
}

pub fn to_south() -> Patch {
    Patch { region: Some("local-south".to_string()), powered: Some(true), ..Patch::default() }
}

/// A service with a copy in another region, and its own region lost.
fn lost(scene: &Scene) -> Service {
    let service = scene.running("pg-1", wanted());
    pass(&scene.control);
    scene.hosts.down(&region("local-north"));
    pass(&scene.control);
    service
}

/// Waits until the run that is under way has failed at least once.
pub fn await_try(scene: &Scene, service: &Service) {
    let clock = SystemClock::new();
    let seen = || scene.control.store.read(|tx| scene.runs.current(tx, service.id.as_str())).unwrap();
    while seen().is_some_and(|run| run.tries == 0) {
        clock.pause(std::time::Duration::from_millis(10));
    }
}

fn is_in_south(scene: &Scene, service: &Service, what: &str) {
    let row = scene.row(&service.id);
    assert_eq!((row.region.as_str(), row.state.as_str(), row.powered), ("local-south", state::RUNNING, true), "{what}");
    assert_eq!(scene.hosts.order(&service.id).unwrap().home.region, region("local-south"), "{what}");
    assert_eq!(row.user_config["additional_backup_regions"], json!(["local-north"]), "{what}");
    let homes: Vec<_> = scene.control.hosts.nodes().unwrap().into_iter().map(|(_, region)| region).collect();
    assert_eq!(homes, [region("local-south")], "{what}: one node");
}

#[test]
fn a_move_during_which_the_platform_dies_at_any_step_is_ended_once_by_the_next_one() {
    // Usually a third of them: both kinds of return, every verb or its neighbour.
    let step = if std::env::var_os("FARSHORE_SOAK").is_some() { 1 } else { 3 };
    let all = DEATHS.into_iter().flat_map(|death| [(death, false), (death, true)]);
    for (death, returns) in all.step_by(step) {
        let what = format!("{death:?}, the former region returns unseen: {returns}");
        let mut scene = Scene::new();
        let service = lost(&scene);
        match death {
            Death::BeforeAny => assert!(scene.runs.stop(std::time::Duration::from_secs(60))),
            // Asked for before anything is written, too.
            Death::Before("check_restore") => {}
            Death::Before(verb) => scene.hosts.fail(verb, Some(ErrorKind::Transient)),
            Death::After(verb) => scene.hosts.lose_answers(verb),
        }
        ask(&scene, &to_south()).unwrap();
        if let Death::Before(verb @ "check_restore") = death {
            scene.hosts.fail(verb, Some(ErrorKind::Transient));
        }
        if !matches!(death, Death::BeforeAny) {
            await_try(&scene, &service);
        }
        if returns {
            scene.hosts.up(&region("local-north"));
        }
        scene.restart();
        scene.hosts.mend();
        let runs = scene.end(&service.id);
        assert_eq!(runs.iter().filter(|run| run.kind == kinds::RESTORE).count(), 1, "{what}: {runs:#?}");
        assert!(runs.iter().all(|run| run.state == State::Done), "{what}: {runs:#?}");
        is_in_south(&scene, &service, &what);
        scene.hosts.up(&region("local-north"));
        pass(&scene.control);
        reconcile::supervise(&scene.control).unwrap();
        reconcile::sweep_nodes(&scene.control).unwrap();
        scene.settle(&service.id);
        is_in_south(&scene, &service, &what);
        assert_eq!((count(&scene, "service_region_move"), count(&scene, "service_running")), (1, 2), "{what}");
        let backups = scene.backups(&service);
        assert!(backups >= 1, "{what}: the copy that it left is kept");
    }
}

#[test]
fn a_move_that_is_asked_for_while_the_lost_service_is_worked_on_gives_that_up_and_is_done_once() {
    let begin: [(&str, &str, Value); 2] =
        [("back_up", "a backup", Value::Null), ("provision", "a configuration", json!({ "work_mem": 16 }))];
    for (verb, what, options) in begin {
        let scene = Scene::new();
        let service = scene.running("pg-1", wanted());
        pass(&scene.control);
        scene.hosts.fail(verb, Some(ErrorKind::Transient));
        match options {
            Value::Null => drop(services::back_up(&scene.control, &scene.actor, PROJECT, "pg-1").unwrap()),
            options => drop(ask(&scene, &Patch { user_config: Some(options), ..Patch::default() }).unwrap()),
        }
        await_try(&scene, &service);
        scene.hosts.down(&region("local-north"));
        pass(&scene.control);
        ask(&scene, &to_south()).unwrap();
        // Asked again, as somebody does who saw no answer: it is there already.
        ask(&scene, &to_south()).unwrap();
        scene.hosts.mend();
        let runs = scene.end(&service.id);
        assert_eq!(runs.iter().filter(|run| run.kind == kinds::RESTORE).count(), 1, "{what}: {runs:#?}");
        is_in_south(&scene, &service, what);
        assert_eq!(count(&scene, "service_region_move"), 1, "{what}");
    }
}

#[test]
fn a_lost_service_that_was_being_powered_off_or_moved_elsewhere_is_moved_all_the_same() {
    let scene = Scene::new();
    let service = scene.running("pg-1", wanted());
    pass(&scene.control);
    scene.hosts.fail("stop", Some(ErrorKind::Transient));
    ask(&scene, &Patch { powered: Some(false), ..Patch::default() }).unwrap();
    await_try(&scene, &service);
    scene.hosts.down(&region("local-north"));
    pass(&scene.control);
    scene.hosts.mend();
    ask(&scene, &to_south()).unwrap();
    scene.end(&service.id);
    is_in_south(&scene, &service, "instead of being powered off");
}

#[test]
fn an_old_copy_that_is_no_longer_kept_is_no_goal_of_a_move_while_another_holds_more() {
    let scene = Scene::with(|settings| {
        add_region(settings, "local-east");
        settings.copy_change_wait = std::time::Duration::ZERO;
        settings.copy_grace = std::time::Duration::from_secs(3600);
    });
    let service = scene.running("pg-1", wanted());
    pass(&scene.control);
    ask(&scene, &Patch { user_config: Some(json!({"additional_backup_regions": ["local-east"]})), ..Patch::default() })
        .unwrap();
    scene.settle(&service.id);
    let pass_all = || {
        pass(&scene.control);
        (0..2).for_each(|_| reconcile::probe(&scene.control, &region("local-east")).unwrap());
        reconcile::refresh(&scene.control, &region("local-east")).unwrap();
    };
    services::back_up(&scene.control, &scene.actor, PROJECT, "pg-1").unwrap();
    scene.settle(&service.id);
    pass_all();
    scene.hosts.down(&region("local-north"));
    pass_all();
    let words = ["copy of service pg-1 in local-south is no longer kept", "ask with cloud local-east"];
    refused(ask(&scene, &to_south()), ErrorKind::Invalid, &words);
    let fork = json!({"service_to_fork_from": "pg-1"});
    refused(scene.create("fork-1", fork), ErrorKind::Conflict, &["local-east (up to", "ask with cloud local-east"]);
    // Where the better one is lost as well, the old one is better than none.
    scene.hosts.down(&region("local-east"));
    pass_all_but_east(&scene);
    ask(&scene, &to_south()).unwrap();
    scene.end(&service.id);
    assert_eq!(scene.row(&service.id).region, "local-south");
}

fn pass_all_but_east(scene: &Scene) {
    pass(&scene.control);
    (0..2).for_each(|_| reconcile::probe(&scene.control, &region("local-east")).unwrap());
}
