//! Starting, stopping, dying, and starting again.

use std::fs;
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use farshore_store::{Store, projects, tokens, users};
use farshore_types::{Clock, SystemClock};
use rustix::process::{Pid, Signal, kill_process};

use super::support::{World, mode, refused, succeeds};

/// First characters of the administrator's tokens, from the database.
fn known_tokens(world: &World) -> Vec<String> {
    let location = format!("sqlite:{}", world.data().join("farshore.db").display());
    let store = Store::open(&location, Arc::new(SystemClock::new())).unwrap();
    store
        .read(|tx| {
            assert!(projects::by_name(tx, "main")?.is_some());
            let administrator = users::by_email(tx, "admin@localhost")?.unwrap();
            Ok(tokens::of_user(tx, &administrator.id, 10)?.into_iter().map(|token| token.prefix).collect())
        })
        .unwrap()
}

#[test]
fn the_first_start_is_ready_and_its_export_lines_work() {
    let world = World::new();
    let up = world.up();
    let (status, body) = up.get("/openapi.json");
    assert_eq!(status, 200, "{body}");
    assert!(body.contains("\"openapi\""), "{body}");
    assert_eq!(up.variable("AIVEN_PROJECT"), "main");
    let (status, body) = up.get("/v1/me");
    assert!(status == 200 && body.contains("admin@localhost"), "{status}: {body}");
    let token = up.variable("AIVEN_AUTH_TOKEN");
    assert!(token.len() > 20, "{} characters", token.len());
    assert!(known_tokens(&world).iter().any(|prefix| token.starts_with(prefix)));
    let recovery = world.data().join("keys/recovery.key");
    assert!(up.lines.iter().any(|line| line.trim() == recovery.display().to_string()), "{:?}", up.lines);
    let secrets = fs::read_to_string(recovery).unwrap();
    let secret = secrets.lines().find(|line| line.starts_with("AGE-SECRET")).unwrap();
    assert!(!up.lines.iter().any(|line| line.contains(secret) || line.contains(&token)), "a secret was printed");
}

#[test]
fn only_the_way_to_the_nodes_is_open_to_others() {
    let world = World::new();
    let _up = world.up();
    let data = world.data();
    for (name, expect) in [
        ("", 0o711),
        ("farshore.db", 0o600),
        ("farshore.db-wal", 0o600),
        ("farshore.db-shm", 0o600),
        ("master.key", 0o600),
        ("admin-token", 0o600),
        ("address", 0o600),
        ("up.lock", 0o600),
        ("keys", 0o700),
        ("keys/recovery.key", 0o600),
        ("keys/recovery.pub", 0o600),
        ("keys/local-north.key", 0o600),
        ("keys/local-south.key", 0o600),
        ("keys/local-east.key", 0o600),
        ("regions", 0o700),
        ("host", 0o711),
        ("charts", 0o700),
        ("drills", 0o700),
        ("host/local-north", 0o711),
        ("host/local-north/orders", 0o700),
        ("host/local-north/nodes", 0o711),
    ] {
        assert_eq!(mode(&data.join(name)), expect, "{name:?}");
    }
    let mut names: Vec<String> =
        fs::read_dir(&data).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    assert_eq!(names.len(), 12, "nothing that the table above does not have: {names:?}");
}

#[test]
fn a_stop_and_a_kill_keep_token_keys_and_database() {
    let world = World::new();
    let up = world.up();
    let token = up.variable("AIVEN_AUTH_TOKEN");
    let key = fs::read(world.data().join("keys/local-north.key")).unwrap();
    assert!(up.end(Signal::TERM), "SIGTERM is a success");
    let up = world.up();
    assert_eq!(up.variable("AIVEN_AUTH_TOKEN"), token);
    assert!(!up.end(Signal::KILL));
    let up = world.up();
    assert_eq!(up.variable("AIVEN_AUTH_TOKEN"), token);
    assert_eq!(up.get("/openapi.json").0, 200);
    assert_eq!(known_tokens(&world).len(), 1);
    assert_eq!(fs::read(world.data().join("keys/local-north.key")).unwrap(), key);
    assert!(up.end(Signal::INT), "SIGINT is a success");
}

#[test]
fn a_first_start_that_was_killed_anywhere_is_finished_by_the_next() {
    for round in 0..6 {
        let world = World::new();
        let mut first = world.up_command().stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        SystemClock::new().pause(Duration::from_millis(5 + 20 * round));
        let _ = kill_process(Pid::from_child(&first), Signal::KILL);
        first.wait().unwrap();
        let up = world.up();
        let token = up.variable("AIVEN_AUTH_TOKEN");
        assert!(known_tokens(&world).iter().any(|prefix| token.starts_with(prefix)), "round {round}");
    }
}

#[test]
fn a_token_that_was_lost_with_the_first_start_is_made_anew_and_a_used_one_is_not() {
    let world = World::new();
    assert!(world.up().end(Signal::TERM));
    fs::remove_file(world.data().join("admin-token")).unwrap();
    let up = world.up();
    assert!(known_tokens(&world).iter().any(|prefix| up.variable("AIVEN_AUTH_TOKEN").starts_with(prefix)));
    assert_eq!(known_tokens(&world).len(), 2);
}

#[test]
fn a_second_platform_on_the_same_folder_is_refused() {
    let world = World::new();
    let up = world.up();
    let error = refused(&mut world.up_command());
    assert!(error.contains("another `farshore up`") && error.contains("stop that one first"), "{error}");
    let error = refused(&mut world.command(&["down"]));
    assert!(error.contains("another `farshore up`"), "{error}");
    assert_eq!(up.get("/openapi.json").0, 200, "the first one goes on");
    assert!(up.end(Signal::TERM));
    assert!(succeeds(&mut world.command(&["down"])).contains("No database runs there"));
}
