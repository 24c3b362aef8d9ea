//! `farshore backup lag` over several services, of which one may go meanwhile.

use serde_json::{Value, json};

use crate::canned::{Asked, Canned, refusal, service};

fn answer(asked: &Asked) -> (u16, Value) {
    match asked.path.as_str() {
        "/project/main/service" => {
            let named = |name: &str| {
                let mut one = service("RUNNING");
                one["service_name"] = json!(name);
                one
            };
            (200, json!({"services": [named("pg-1"), named("gone"), named("pg-2")]}))
        }
        "/project/main/service/pg-1/copies" => {
            let paused = json!({"region": "local-south", "state": "paused", "lag_seconds": 7500.0, "backups": 3,
                                "newest_moment": "2026-11-21T10:15:03Z", "pause_reason": "the store is full", "new": 1});
            (200, json!({"copies": [paused]}))
        }
        "/project/main/service/pg-2/copies" => (200, json!({"copies": []})),
        _ => refusal("Service gone does not exist", 404),
    }
}

#[test]
fn every_service_is_told_and_one_that_went_meanwhile_is_left_out() {
    let platform = Canned::start(answer);
    let out = platform.run("backup lag").good();
    for line in [
        "If its region were lost now, pg-1 would lose 2 h 5 min of work: local-south holds everything up to 2026-11-21 10:15:03 UTC.",
        "Copying pg-1 to local-south rests: the store is full.",
        "pg-2 has no copy in another region:",
        "  farshore service update pg-2 -c additional_backup_regions=REGION",
    ] {
        assert!(out.lines().any(|found| found == line), "{line}: {out}");
    }
    assert!(!out.contains("gone"), "{out}");
    let answer: Value = serde_json::from_str(&platform.run("backup lag --json").good()).unwrap();
    let names: Vec<&str> =
        answer["services"].as_array().unwrap().iter().map(|one| one["service_name"].as_str().unwrap()).collect();
    assert_eq!(names, ["pg-1", "pg-2"]);
    // What this version does not read is shown all the same.
    assert_eq!(answer["services"][0]["copies"][0]["new"], 1);
}

#[test]
fn a_service_that_was_named_and_is_not_there_is_an_error() {
    let ended = Canned::start(answer).run("backup lag gone");
    assert!(ended.code == 1 && ended.errors.contains("Service gone does not exist"), "{ended:?}");
}
