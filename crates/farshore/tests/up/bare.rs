//! A machine without PostgreSQL: its installations are hidden in a namespace of the platform's own, so nothing changes for anybody else.

use std::path::Path;
use std::process::Command;

use rustix::process::{Signal, geteuid};

use super::support::{Up, World, program};

/// Where Debian's versions are, what hides them, and a PATH without a server.
const VERSIONS: &str = "/usr/lib/postgresql";
const HIDE: &str = "mount -t tmpfs none";
const SEARCH_PATH: &str = "/usr/bin:/bin";

/// Runs a command where no PostgreSQL is found; it stays the child that signals go to.
fn hidden(command: &Command) -> Command {
    let hide = if Path::new(VERSIONS).is_dir() { format!("{HIDE} {VERSIONS} && ") } else { String::new() };
    let mut outer = Command::new("unshare");
    outer.args(["--mount", "sh", "-c", &format!("{hide}exec \"$0\" \"$@\"")]);
    outer.arg(command.get_program()).args(command.get_args()).env("PATH", SEARCH_PATH);
    outer
}

/// What keeps this machine from hiding its installations, if anything.
fn why_not() -> Option<String> {
    if !geteuid().is_root() {
        return Some("only root can hide them".to_string());
    }
    if Path::new("/usr/bin/postgres").exists() {
        return Some("/usr/bin/postgres would be found all the same".to_string());
    }
    match hidden(&Command::new("true")).output() {
        Ok(output) if output.status.success() => None,
        Ok(output) => Some(String::from_utf8_lossy(&output.stderr).trim().to_string()),
        Err(error) => Some(format!("unshare: {error}")),
    }
}

#[test]
fn without_postgresql_a_platform_starts_and_refuses_services_with_what_doctor_says() {
    if let Some(why) = why_not() {
        eprintln!("skipped: {why}");
        return;
    }
    let doctor = hidden(program().arg("doctor")).output().unwrap();
    let said = String::from_utf8(doctor.stdout).unwrap();
    assert!(!doctor.status.success() && said.starts_with("PostgreSQL: not found."), "{said}");
    let commands: Vec<&str> =
        said.lines().map(str::trim).filter(|line| line.starts_with("mkdir ") || line.starts_with("apt-get ")).collect();
    assert_eq!(commands.len(), 2, "{said}");

    let world = World::new();
    let up = Up::start(hidden(&world.up_command()));
    let asked = r#"{"service_name":"shop","service_type":"pg","plan":"hobbyist"}"#;
    let (status, body) = up.ask("POST", "/v1/project/main/service", asked);
    assert_eq!(status, 404, "{body}");
    let answer: serde_json::Value = serde_json::from_str(&body).unwrap();
    let message = answer["message"].as_str().unwrap();
    assert!(message.starts_with("No PostgreSQL server is installed here."), "{message}");
    for command in commands {
        assert!(message.contains(command), "{command}: {message}");
    }
    assert_eq!(up.get("/v1/project/main/service"), (200, r#"{"services":[]}"#.to_string()), "nothing is half made");
    assert!(up.end(Signal::TERM));
}
