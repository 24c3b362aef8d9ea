//! `farshore region fork-all`: every service has its fork or is named with the reason, however often it is typed.

use std::collections::BTreeMap;
use std::sync::Mutex;

use serde_json::{Value, json};

use crate::canned::{Asked, Canned, Ended, refusal, run, service};

const LINE: &str = "region fork-all local-north --to local-south";

/// A platform that makes forks.
struct World {
    services: BTreeMap<String, Value>,
    /// Services of the lost region, and whether they can be restored elsewhere.
    lost: Vec<(&'static str, bool)>,
    /// Where their backups are.
    stored: &'static str,
    /// The fork whose run fails.
    fails: Option<&'static str>,
}

impl World {
    fn new(lost: &[(&'static str, bool)]) -> World {
        let services = lost.iter().map(|(name, _)| (name.to_string(), named(name, "local-north", None))).collect();
        World { services, lost: lost.to_vec(), stored: "local-north", fails: None }
    }

    fn start(self) -> Canned {
        let world = Mutex::new(self);
        Canned::start(move |asked| world.lock().unwrap().answer(asked))
    }

    fn answer(&mut self, asked: &Asked) -> (u16, Value) {
        let path = asked.path.strip_prefix("/project/main/").unwrap();
        let parts: Vec<&str> = path.split('/').collect();
        match (asked.method.as_str(), parts.as_slice()) {
            ("GET", ["regions"]) => (200, self.regions()),
            ("POST", ["service"]) => self.make(&asked.body),
            ("GET", ["service", name]) => match self.services.get(*name) {
                Some(found) => (200, json!({"service": found})),
                None => refusal(&format!("Service {name} does not exist"), 404),
            },
            ("GET", ["service", name, "run"]) => match self.fails == Some(*name) {
                true => (200, json!({"runs": [run("r1", "failed", Some("no space left"))]})),
                false => (200, json!({"runs": []})),
            },
            ("GET", ["service", "pg-3", "copies"]) => (
                200,
                json!({"copies": [
                {"region": "local-south", "state": "paused", "lag_seconds": null, "pause_reason": "the store is full"}]}),
            ),
            ("GET", ["service", _, "copies"]) => (200, json!({"copies": []})),
            _ => refusal("not expected", 404),
        }
    }

    fn regions(&self) -> Value {
        let held = json!([{"region": "local-south", "from": "2026-11-20T03:07:00Z", "to": "2026-11-21T10:15:03Z"}]);
        let one = |(name, good): &(&str, bool)| {
            let restorable = if *good { held.clone() } else { json!([]) };
            json!({"service_name": name, "state": "RUNNING", "backup_region": self.stored, "restorable": restorable})
        };
        let services: Vec<Value> = self.lost.iter().map(one).collect();
        json!({"regions": [{"region": "local-north", "provider": "local", "state": "down", "services": services},
                           {"region": "local-south", "provider": "local", "state": "up", "services": []},
                           {"region": "local-east", "provider": "local", "state": "up", "services": []}]})
    }

    fn make(&mut self, body: &Value) -> (u16, Value) {
        let name = body["service_name"].as_str().unwrap().to_string();
        if self.services.contains_key(&name) {
            return refusal(&format!("service {name} already exists"), 409);
        }
        let source = body["user_config"]["service_to_fork_from"].as_str();
        let mut made = named(&name, body["cloud"].as_str().unwrap(), source);
        if self.fails == Some(name.as_str()) {
            made["state"] = json!("REBUILDING");
        }
        self.services.insert(name, made.clone());
        (200, json!({"service": made}))
    }
}

fn named(name: &str, cloud: &str, source: Option<&str>) -> Value {
    let mut made = service("RUNNING");
    (made["service_name"], made["cloud_name"]) = (json!(name), json!(cloud));
    made["user_config"] = json!({"service_to_fork_from": source});
    made
}

fn outcomes(ended: &Ended) -> Vec<String> {
    let answer: Value = serde_json::from_str(&ended.out).unwrap();
    let text = |fork: &Value| format!("{} {}", fork["fork_name"].as_str().unwrap(), fork["outcome"].as_str().unwrap());
    answer["forks"].as_array().unwrap().iter().map(text).collect()
}

#[test]
fn what_has_its_fork_already_is_left_as_it_is_when_the_command_is_repeated() {
    let platform = World::new(&[("pg-1", true), ("pg-2", true)]).start();
    let first = platform.run(LINE).good();
    assert!(
        first.contains(
            "pg-2-local-south is being made in local-south, from the copy of pg-2 there, up to 2026-11-21 10:15:03 UTC."
        ),
        "{first}"
    );
    let again = platform.run(LINE).good();
    assert!(again.contains("pg-1-local-south is there already: a fork of pg-1 in local-south."), "{again}");
    let ended = platform.run(&format!("{LINE} --wait --json"));
    assert_eq!(ended.code, 0, "{ended:?}");
    assert_eq!(outcomes(&ended), ["pg-1-local-south running", "pg-2-local-south running"]);
}

#[test]
fn a_service_without_its_fork_is_named_with_the_reason_and_the_others_are_forked() {
    let mut world = World::new(&[("pg-3", false), ("pg-4", false), ("pg-2", true), ("pg-1", true)]);
    world.services.insert("pg-2-local-south".to_string(), named("pg-2-local-south", "local-south", None));
    let platform = world.start();
    let ended = platform.run(LINE);
    assert_eq!(ended.code, 1, "{ended:?}");
    for line in [
        "pg-3 has no running fork pg-3-local-south: its copy in local-south cannot be restored, and copying rests: the store is full.",
        "pg-4 has no running fork pg-4-local-south: it has no copy in local-south.",
        "pg-2 has no running fork pg-2-local-south: another service is called pg-2-local-south (give another --suffix).",
        "pg-1-local-south is being made in local-south, from the copy of pg-1 there, up to 2026-11-21 10:15:03 UTC.",
        "4 services of local-north: 1 of them with a fork in local-south.",
    ] {
        assert!(ended.out.lines().any(|found| found == line), "{line}: {ended:?}");
    }
    let ended = platform.run(&format!("{LINE} --suffix -2 --json"));
    assert_eq!(ended.code, 1, "{ended:?}");
    assert_eq!(outcomes(&ended), ["pg-3-2 failed", "pg-4-2 failed", "pg-2-2 asked", "pg-1-2 asked"]);
}

#[test]
fn a_fork_that_was_made_while_it_could_be_is_as_good_as_a_new_one() {
    let mut world = World::new(&[("pg-4", false)]);
    world.services.insert("pg-4-local-south".to_string(), named("pg-4-local-south", "local-south", Some("pg-4")));
    let out = world.start().run(LINE).good();
    assert!(out.contains("pg-4-local-south is there already"), "{out}");
}

#[test]
fn a_service_whose_backups_are_in_a_region_that_answers_needs_no_copy() {
    let mut world = World::new(&[("pg-1", false), ("pg-2", true)]);
    world.stored = "local-east";
    let out = world.start().run(LINE).good();
    for line in [
        "pg-1-local-south is being made in local-south, from the backups of pg-1 in local-east.",
        "pg-2-local-south is being made in local-south, from the copy of pg-2 there, up to 2026-11-21 10:15:03 UTC.",
    ] {
        assert!(out.lines().any(|found| found == line), "{line}: {out}");
    }
}

#[test]
fn a_fork_that_fails_does_not_keep_the_others_from_being_waited_for() {
    let mut world = World::new(&[("pg-1", true), ("pg-2", true)]);
    world.fails = Some("pg-1-local-south");
    let ended = world.start().run(&format!("{LINE} --wait"));
    assert_eq!(ended.code, 1, "{ended:?}");
    assert!(
        ended.out.contains("pg-1 has no running fork pg-1-local-south: create pg-1 failed: no space left"),
        "{ended:?}"
    );
    assert!(ended.out.contains("pg-2-local-south is running in local-south"), "{ended:?}");
}

#[test]
fn what_cannot_be_the_name_of_a_service_is_never_asked_for() {
    let platform = World::new(&[("pg-1", true)]).start();
    let ended = platform.run(&format!("{LINE} --suffix {}", "x".repeat(61)));
    assert!(
        ended.code == 1 && ended.out.contains("is not the name of a service (give a shorter --suffix"),
        "{ended:?}"
    );
    assert!(platform.asked().iter().all(|asked| asked.method == "GET"), "{:?}", platform.asked());
}
