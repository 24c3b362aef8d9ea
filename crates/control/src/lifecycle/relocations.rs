//! Moves of services that are well: the node goes to another region, its backups and their copies stay where they are.

use farshore_runs::State;
use farshore_store::services::Service;
use farshore_types::ErrorKind;
use serde_json::{Value, json};

use super::further::{copy, count, pass, region, wanted};
use super::moves::{Death, ask, await_try, to_south};
use super::scene::{PROJECT, Scene, add_region, refused};
use crate::copies::Condition;
use crate::hosts::Home;
use crate::services::{self, Patch, state};
use crate::{kinds, reconcile};

/// The verbs of a move, in their order.
const DEATHS: [Death; 14] = [
    Death::BeforeAny,
    Death::Before("back_up"),
    Death::After("back_up"),
    Death::Before("stock"),
    Death::Before("stop"),
    Death::Before("settle"),
    Death::After("settle"),
    Death::Before("view"),
    Death::Before("remove"),
    Death::After("remove"),
    Death::Before("restore"),
    Death::After("restore"),
    Death::Before("change"),
    Death::After("change"),
];

pub fn to(name: &str) -> Patch {
    Patch { region: Some(name.to_string()), ..Patch::default() }
}

/// Where its node is, where its backups are made, and its state.
pub fn lives(scene: &Scene, service: &Service, (node, stored_in): (&str, &str), what: &str) {
    let row = scene.row(&service.id);
    assert_eq!((row.region.as_str(), row.stored_in(), row.state.as_str()), (node, stored_in, state::RUNNING), "{what}");
    let home = Home { region: region(node), stored_in: region(stored_in) };
    assert_eq!(scene.hosts.order(&service.id).unwrap().home, home, "{what}");
    let nodes: Vec<_> = scene.control.hosts.nodes().unwrap().into_iter().map(|(_, region)| region).collect();
    assert_eq!(nodes, [region(node)], "{what}: one node");
}

fn moves(runs: &[farshore_runs::RunView]) -> usize {
    runs.iter().filter(|run| run.kind == kinds::MOVE).count()
}

#[test]
fn a_running_service_moves_and_its_backups_and_copies_stay_where_they_are() {
    let scene = Scene::new();
    let service = scene.running("pg-1", wanted());
    pass(&scene.control);
    let (before, port) = (scene.backups(&service), service.facts["port"].clone());
    let moving = ask(&scene, &to("local-south")).unwrap();
    assert_eq!((moving.state.as_str(), moving.region.as_str()), (state::REBALANCING, "local-north"), "it still runs");
    scene.settle(&service.id);
    lives(&scene, &service, ("local-south", "local-north"), "moved");
    let row = scene.row(&service.id);
    assert_eq!(row.user_config["additional_backup_regions"], json!(["local-south"]), "the copy stays as well");
    assert_eq!(row.facts["port"], port, "the address stays");
    assert_eq!(scene.backups(&service), before + 2, "one before it was stopped, one where it is now");
    let told = scene.events().iter().filter(|event| *event == "service_region_move").count();
    assert_eq!(told, 1);
    pass(&scene.control);
    let there = copy(&scene, &service.id).unwrap();
    assert_eq!((there.region.as_str(), there.condition), ("local-south", Condition::Complete));
    assert_eq!(there.backups.len(), scene.backups(&service), "copied from where they are made");
    // And back: the same rules.
    ask(&scene, &to("local-north")).unwrap();
    scene.settle(&service.id);
    lives(&scene, &service, ("local-north", "local-north"), "back");
    assert_eq!(scene.row(&service.id).backup_region, None);
}

#[test]
fn a_move_of_a_running_service_during_which_the_platform_dies_at_any_step_is_ended_once_by_the_next_one() {
    let step = if std::env::var_os("FARSHORE_SOAK").is_some() { 1 } else { 2 };
    for death in DEATHS.into_iter().step_by(step) {
        let what = format!("{death:?}");
        let mut scene = Scene::new();
        let service = scene.running("pg-1", json!({}));
        let password = scene.hosts.password(&service.id, "avnadmin").unwrap();
        if let Death::BeforeAny = death {
            assert!(scene.runs.stop(std::time::Duration::from_secs(60)));
        }
        // What is asked for before anything is written, such as a look at what can be restored, works.
        let asked = ask(&scene, &to("local-south"));
        asked.unwrap();
        match death {
            Death::BeforeAny => {}
            Death::Before(verb) => scene.hosts.fail(verb, Some(ErrorKind::Transient)),
            Death::After(verb) => scene.hosts.lose_answers(verb),
        }
        if !matches!(death, Death::BeforeAny) {
            await_try(&scene, &service);
        }
        scene.restart();
        scene.hosts.mend();
        let runs = scene.end(&service.id);
        assert_eq!(moves(&runs), 1, "{what}: {runs:#?}");
        assert!(runs.iter().all(|run| run.state == State::Done), "{what}: {runs:#?}");
        lives(&scene, &service, ("local-south", "local-north"), &what);
        assert_eq!(scene.hosts.password(&service.id, "avnadmin").unwrap(), password, "{what}");
        reconcile::supervise(&scene.control).unwrap();
        reconcile::sweep_nodes(&scene.control).unwrap();
        scene.settle(&service.id);
        lives(&scene, &service, ("local-south", "local-north"), &what);
        assert_eq!((count(&scene, "service_region_move"), count(&scene, "service_running")), (1, 2), "{what}");
    }
}

#[test]
fn a_move_that_cannot_even_stop_the_node_leaves_it_running_where_it_was() {
    for verb in ["back_up", "stop"] {
        let scene = Scene::new();
        let service = scene.running("pg-1", json!({}));
        scene.hosts.fail(verb, Some(ErrorKind::Corrupt));
        ask(&scene, &to("local-south")).unwrap();
        let runs = scene.end(&service.id);
        assert_eq!(runs[0].state, State::Failed, "{verb}: {runs:#?}");
        lives(&scene, &service, ("local-north", "local-north"), verb);
        assert!(scene.events().contains(&"service_move_failed".to_string()), "{verb}");
        assert_eq!(scene.control.hosts.view(&service.id).unwrap().state, crate::hosts::NodeState::Ready, "{verb}");
        scene.hosts.mend();
        ask(&scene, &to("local-south")).unwrap();
        scene.end(&service.id);
        lives(&scene, &service, ("local-south", "local-north"), verb);
    }
}

#[test]
fn a_move_that_ends_half_way_can_go_on_or_back() {
    for (goal, stored_in) in [("local-south", "local-north"), ("local-north", "local-north")] {
        let scene = Scene::new();
        let service = scene.running("pg-1", json!({}));
        scene.hosts.fail("restore", Some(ErrorKind::Corrupt));
        ask(&scene, &to("local-south")).unwrap();
        assert_eq!(scene.end(&service.id)[0].state, State::Failed);
        let row = scene.row(&service.id);
        assert_eq!((row.region.as_str(), row.state.as_str()), ("local-south", state::REBUILDING));
        scene.hosts.mend();
        if goal == "local-south" {
            // Tried again by itself, after a while.
            reconcile::supervise(&scene.later()).unwrap();
        } else {
            ask(&scene, &to(goal)).unwrap();
        }
        scene.end(&service.id);
        lives(&scene, &service, (goal, stored_in), goal);
    }
}

#[test]
fn who_asks_again_moves_once_and_who_asks_for_another_region_meanwhile_waits() {
    let scene = Scene::with(|settings| add_region(settings, "local-east"));
    let service = scene.running("pg-1", json!({}));
    scene.hosts.fail("stop", Some(ErrorKind::Transient));
    ask(&scene, &to("local-south")).unwrap();
    await_try(&scene, &service);
    ask(&scene, &to_south()).unwrap();
    refused(ask(&scene, &to("local-east")), ErrorKind::Conflict, &["cannot be moved while its state is REBALANCING"]);
    scene.hosts.mend();
    assert_eq!(moves(&scene.settle(&service.id)), 1);
    lives(&scene, &service, ("local-south", "local-north"), "once");
}

#[test]
fn what_cannot_be_moved_is_refused_with_the_reason_and_stays_as_it_was() {
    let scene = Scene::new();
    let service = scene.running("pg-1", json!({}));
    refused(ask(&scene, &to("local-west")), ErrorKind::Invalid, &["local-west"]);
    scene.hosts.down(&region("local-south"));
    pass(&scene.control);
    refused(ask(&scene, &to("local-south")), ErrorKind::Conflict, &["local-south has not answered"]);
    scene.hosts.up(&region("local-south"));
    pass(&scene.control);
    let off = Patch { powered: Some(false), ..to("local-south") };
    refused(ask(&scene, &off), ErrorKind::Invalid, &["moves only when it is powered on"]);
    scene.hosts.fail("versions", Some(ErrorKind::Missing));
    refused(ask(&scene, &to("local-south")), ErrorKind::Missing, &[]);
    scene.hosts.mend();
    lives(&scene, &service, ("local-north", "local-north"), "still there");
    assert_eq!(count(&scene, "service_region_move"), 0);
}

#[test]
fn a_service_that_is_off_is_made_in_the_other_region_when_it_is_powered_on() {
    for at_once in [true, false] {
        let scene = Scene::new();
        let service = scene.running("pg-1", json!({}));
        ask(&scene, &Patch { powered: Some(false), ..Patch::default() }).unwrap();
        scene.settle(&service.id);
        let powered = at_once.then_some(true);
        let row = ask(&scene, &Patch { powered, ..to("local-south") }).unwrap();
        assert_eq!((row.region.as_str(), row.stored_in()), ("local-south", "local-north"));
        if !at_once {
            assert_eq!((row.powered, row.state.as_str()), (false, state::POWEROFF));
            ask(&scene, &Patch { powered: Some(true), ..Patch::default() }).unwrap();
        }
        scene.settle(&service.id);
        lives(&scene, &service, ("local-south", "local-north"), "on");
    }
}

#[test]
fn a_moved_service_whose_node_is_lost_with_its_region_is_made_again_from_its_backups() {
    let scene = Scene::new();
    let service = scene.running("pg-1", json!({}));
    ask(&scene, &to("local-south")).unwrap();
    scene.settle(&service.id);
    scene.hosts.down(&region("local-south"));
    pass(&scene.control);
    let shown = services::overview(&scene.control, scene.row(&service.id)).unwrap();
    assert_eq!(shown.elsewhere[0].0, "local-north", "its backups are there");
    assert!(shown.notices[0].text.contains("can be restored in local-north"), "{:?}", shown.notices);
    refused(
        services::back_up(&scene.control, &scene.actor, PROJECT, "pg-1").map(|_| service.clone()),
        ErrorKind::Conflict,
        &["local-south has not answered"],
    );
    let fork = scene.create("fork-1", json!({"service_to_fork_from": "pg-1"})).unwrap();
    scene.settle(&fork.id);
    ask(&scene, &to("local-north")).unwrap();
    scene.end(&service.id);
    let row = scene.row(&service.id);
    assert_eq!(
        (row.region.as_str(), row.stored_in(), row.state.as_str()),
        ("local-north", "local-north", state::RUNNING)
    );
    scene.hosts.up(&region("local-south"));
    pass(&scene.control);
    assert_eq!(count(&scene, "region_up"), 1, "told to whoever was told of the loss, though nothing is there any more");
    reconcile::sweep_nodes(&scene.control).unwrap();
    assert_eq!(scene.hosts.order(&service.id).unwrap().home.region, region("local-north"));
}

#[test]
fn a_moved_service_that_loses_node_and_backups_is_made_from_the_copy_in_its_own_region() {
    let scene = Scene::new();
    let service = scene.running("pg-1", wanted());
    pass(&scene.control);
    ask(&scene, &to("local-south")).unwrap();
    scene.settle(&service.id);
    pass(&scene.control);
    ask(&scene, &Patch { powered: Some(false), ..Patch::default() }).unwrap();
    scene.settle(&service.id);
    pass(&scene.control);
    scene.hosts.down(&region("local-north"));
    pass(&scene.control);
    let on = Patch { powered: Some(true), ..Patch::default() };
    refused(ask(&scene, &on), ErrorKind::Conflict, &["local-north has not answered", "local-south"]);
    ask(&scene, &to_south()).unwrap();
    scene.end(&service.id);
    lives(&scene, &service, ("local-south", "local-south"), "from the copy");
    let row = scene.row(&service.id);
    assert_eq!(
        row.user_config["additional_backup_regions"],
        json!(["local-north"]),
        "the lost region is the further one"
    );
    assert_eq!(count(&scene, "service_region_move"), 2);
}

#[test]
fn options_that_are_changed_while_a_service_moves_are_those_it_has_there() {
    let scene = Scene::new();
    let service = scene.running("pg-1", json!({}));
    scene.hosts.fail("stop", Some(ErrorKind::Transient));
    ask(&scene, &to("local-south")).unwrap();
    await_try(&scene, &service);
    ask(&scene, &Patch { user_config: Some(json!({ "work_mem": 16 })), ..Patch::default() }).unwrap();
    scene.hosts.mend();
    scene.settle(&service.id);
    lives(&scene, &service, ("local-south", "local-north"), "moved");
    let settings = scene.hosts.order(&service.id).unwrap().settings;
    assert!(settings.iter().any(|(name, value)| name == "work_mem" && value.contains("16")), "{settings:?}");
}

#[test]
fn a_service_that_is_powered_off_or_terminated_while_it_moves_ends_as_was_asked_last() {
    let begun = || {
        let scene = Scene::new();
        let service = scene.running("pg-1", json!({}));
        scene.hosts.fail("stop", Some(ErrorKind::Transient));
        ask(&scene, &to("local-south")).unwrap();
        await_try(&scene, &service);
        (scene, service)
    };
    let (scene, service) = begun();
    ask(&scene, &Patch { powered: Some(false), ..Patch::default() }).unwrap();
    scene.hosts.mend();
    scene.end(&service.id);
    let row = scene.row(&service.id);
    assert_eq!((row.state.as_str(), row.powered, row.region.as_str()), (state::POWEROFF, false, "local-north"));
    assert!(scene.hosts.order(&service.id).is_none(), "no node is left");

    let (scene, service) = begun();
    services::terminate(&scene.control, &scene.actor, PROJECT, "pg-1").unwrap();
    scene.hosts.mend();
    scene.end(&service.id);
    assert!(scene.hosts.order(&service.id).is_none(), "no node is left");
    let back: Value =
        json!(services::undelete(&scene.control, &scene.actor, PROJECT, service.id.as_str()).unwrap().name);
    assert_eq!(back, "pg-1");
    scene.end(&service.id);
    assert_eq!(scene.row(&service.id).state, state::RUNNING);
}
