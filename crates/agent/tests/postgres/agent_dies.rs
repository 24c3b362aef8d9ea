//! The agent is killed while its server runs, or while it makes or starts one; the next agent finds what is there.
//!
//! The agent that dies is this test binary, run again for a single test that does nothing unless the variable is set.

use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use farshore_agent::postgres::{Status, adopt, provision};
use farshore_agent::process::working_in;
use rustix::process::{Pid, Signal, kill_process};

use crate::common::{DEADLINE, Place, clock, host, installations, place, query, small, wait_until};

const ROLE: &str = "FARSHORE_TEST_AGENT_IN";

/// What the other process does: provision, start, then wait to be killed.
#[test]
fn the_agent_that_will_be_killed() {
    let Some(directory) = std::env::var_os(ROLE).map(PathBuf::from) else { return };
    let spec = volume_spec(&directory);
    let mut node = provision(&spec, &host()).unwrap();
    node.start(DEADLINE).unwrap();
    std::fs::write(directory.join("started"), "").unwrap();
    // Until it is killed, or the test that started it is gone and its end of the pipe with it.
    let _ = std::io::stdin().read(&mut [0]);
}

fn volume_spec(directory: &Path) -> farshore_agent::postgres::Spec {
    small(&directory.join("n"), &installations().swap_remove(0))
}

fn agent(place: &Place) -> Child {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["agent_dies::the_agent_that_will_be_killed", "--exact"]).env(ROLE, place.path());
    command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
}

fn kill(agent: &mut Child) {
    let _ = kill_process(Pid::from_child(agent), Signal::KILL);
    agent.wait().unwrap();
}

#[test]
fn a_server_outlives_its_agent_and_is_adopted_untouched() {
    let place = place();
    let mut first = agent(&place);
    wait_until("the agent has started its server", || place.path().join("started").exists());
    let volume = place.path().join("n");
    assert_eq!(adopt(&volume, &host()).err().unwrap().kind(), farshore_types::ErrorKind::Busy);
    kill(&mut first);
    let mut node = adopt(&volume, &host()).unwrap();
    let (pid, started) = (node.pid().unwrap(), query(&node, "SELECT pg_postmaster_start_time()::text"));
    assert_eq!(node.status().unwrap(), Status::Ready { in_recovery: false });
    node.start(DEADLINE).unwrap();
    assert_eq!((node.pid(), query(&node, "SELECT pg_postmaster_start_time()::text")), (Some(pid), started));
    // Also without the process in the record: as if the agent had died right after the start.
    drop(node);
    let record = volume.join("node.json");
    let mut json: serde_json::Value = serde_json::from_slice(&std::fs::read(&record).unwrap()).unwrap();
    json["process"] = serde_json::Value::Null;
    std::fs::write(&record, json.to_string()).unwrap();
    let mut node = adopt(&volume, &host()).unwrap();
    assert_eq!(node.pid(), Some(pid));
    node.stop(DEADLINE).unwrap();
    assert_eq!(node.status().unwrap(), Status::Stopped);
}

#[test]
fn an_agent_killed_at_any_moment_leaves_what_the_next_one_finishes() {
    let rounds = if std::env::var("FARSHORE_SOAK").is_ok() { 40 } else { 6 };
    let clock = clock();
    for round in 0..rounds {
        let place = place();
        let mut first = agent(&place);
        // Spread over the whole of making and starting, which takes some seconds.
        clock.pause(Duration::from_millis(20 + 3000 * round / rounds));
        kill(&mut first);
        let mut node = provision(&volume_spec(place.path()), &host()).unwrap();
        node.start(DEADLINE).unwrap_or_else(|error| panic!("round {round}: {error}\n{}", node.log().unwrap()));
        assert_eq!(query(&node, "SELECT 1"), "1");
        let named = std::fs::read_to_string(node.layout().data().join("postmaster.pid")).unwrap();
        let working = working_in(&node.layout().data()).unwrap();
        assert_eq!(named.lines().next().unwrap(), node.pid().unwrap().to_string());
        for pid in working.into_iter().filter(|pid| Some(*pid) != node.pid()) {
            let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
            // A process that has just ended has no parent to ask for.
            let parent = stat.rsplit_once(')').and_then(|(_, rest)| rest.split_whitespace().nth(1)?.parse().ok());
            assert!(parent.is_none() || parent == node.pid(), "round {round}: a second server {pid}");
        }
        node.stop(DEADLINE).unwrap();
    }
}
