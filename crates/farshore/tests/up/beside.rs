//! Commands beside a platform: tokens, the doctor.

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
