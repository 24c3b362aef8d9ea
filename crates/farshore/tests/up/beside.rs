//! Commands beside a platform: people, tokens, the doctor.

use std::fs;

use rustix::process::Signal;

use super::support::{World, refused, succeeds};

#[test]
fn a_token_is_made_on_the_machine_while_the_platform_runs_and_while_it_does_not() {
    let world = World::new();
    let up = world.up();
    let first = succeeds(&mut world.command(&["token", "create"]));
    assert!(up.end(Signal::TERM));
    let printed = succeeds(&mut world.command(&["token", "create", "--description", "laptop", "--json"]));
    let printed: serde_json::Value = serde_json::from_str(&printed).unwrap();
    let second = printed["full_token"].as_str().unwrap();
    assert_eq!(printed["user"], "admin@localhost");
    assert_ne!(first.trim(), second);
    assert_eq!(first.trim().len(), second.len());
    assert_eq!(first.lines().count(), 1, "nothing but the token, for $(...)");
    let error = refused(&mut world.command(&["token", "create", "--user", "nobody@example.org"]));
    assert!(error.contains("nobody@example.org"), "{error}");
}

#[test]
fn a_person_is_made_on_the_machine_and_an_invitation_that_waited_becomes_a_membership() {
    let world = World::new();
    let up = world.up();
    let (status, body) =
        up.ask("POST", "/v1/project/main/invite", r#"{"user_email": "Dora@example.org", "member_type": "developer"}"#);
    assert!(status == 200 && body.contains("farshore person create"), "{status}: {body}");
    let create = ["person", "create", "--email", "dora@example.org", "--name", "Dora"];
    let printed = succeeds(world.command(&create).arg("--json"));
    let printed: serde_json::Value = serde_json::from_str(&printed).unwrap();
    let login = |password: &str| {
        let body = serde_json::json!({"email": "dora@example.org", "password": password}).to_string();
        up.ask("POST", "/v1/userauth", &body).0
    };
    let first = printed["password"].as_str().unwrap();
    assert_eq!((login(first), login("wrong")), (200, 403));
    let (_, users) = up.get("/v1/project/main/users");
    let users: serde_json::Value = serde_json::from_str(&users).unwrap();
    let dora = users["users"].as_array().unwrap().iter().find(|user| user["user_email"] == "dora@example.org").unwrap();
    assert_eq!((&dora["real_name"], &dora["member_type"]), (&"Dora".into(), &"developer".into()));
    assert_eq!(users["invitations"], serde_json::json!([]));
    assert!(refused(&mut world.command(&create)).contains("already exists"));

    let file = world.write("new", "chosen by dora\n");
    let mut reset = world.command(&["person", "password-reset", "--email", "dora@example.org"]);
    assert!(
        !succeeds(reset.arg("--password-file").arg(&file)).contains("chosen by dora"),
        "what was given is not printed"
    );
    assert_eq!((login("chosen by dora"), login(first)), (200, 403));
    let listed = succeeds(&mut world.command(&["person", "list"]));
    assert!(listed.contains("dora@example.org") && listed.contains("tokens only"), "{listed}");
    let error = refused(&mut world.command(&["person", "password-reset", "--email", "nobody@example.org"]));
    assert!(error.contains("nobody@example.org"), "{error}");
}

#[test]
fn the_doctor_nags_until_the_recovery_key_is_moved_away() {
    let world = World::new();
    assert!(world.up().end(Signal::TERM));
    let key = world.data().join("keys/recovery.key");
    let doctor = |words: &[&str]| {
        let output = world.command(words).output().unwrap();
        String::from_utf8(output.stdout).unwrap()
    };
    let nag = doctor(&["doctor"]);
    assert!(nag.contains(&key.display().to_string()) && nag.contains("Move it"), "{nag}");
    assert!(doctor(&["doctor", "--json"]).contains("recovery.key"));
    fs::rename(&key, world.path("moved.key")).unwrap();
    let quiet = doctor(&["doctor"]);
    assert!(!quiet.contains("recovery"), "{quiet}");
    let up = world.up();
    assert!(!up.lines.iter().any(|line| line.contains("ecovery")), "{:?}", up.lines);
}
