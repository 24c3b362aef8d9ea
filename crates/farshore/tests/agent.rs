//! `farshore agent pg`: it can be interrupted at any time, also while its server takes long to start.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "test helpers fail the test")]

#[path = "../../agent/tests/tasks/support/mod.rs"]
mod support;

use std::process::{Command, Stdio};
use std::time::Duration;

use farshore_agent::postgres::{Spec, provision};
use farshore_types::snapshot::ClosingFile;
use farshore_types::{Clock, SystemClock};
use rustix::process::{Pid, Signal, kill_process};

use support::forks::Volume;
use support::{host, installation, let_pass, wait_until};

const BINARY: &str = env!("CARGO_BIN_EXE_farshore");

#[test]
fn an_interrupt_ends_the_agent_while_its_server_is_still_starting() {
    let volume = Volume::new();
    let node = provision(&Spec::new(volume.path(), installation()), &host()).unwrap();
    // A standby that takes no sessions: it never accepts connections.
    let file = |path: &str, text: &str| ClosingFile { path: path.to_string(), mode: 0o600, content: text.into() };
    node.put_files(&[file("standby.signal", ""), file("postgresql.auto.conf", "hot_standby = off\n")]).unwrap();
    drop(node);
    let folder = tempfile::tempdir().unwrap();
    let key = folder.path().join("north.key");
    assert!(Command::new(BINARY).arg("keygen").arg(&key).stdout(Stdio::null()).status().unwrap().success());
    let mut agent = Command::new(BINARY);
    agent.args(["agent", "pg", "--data"]).arg(volume.path()).arg("--store").arg(folder.path().join("store"));
    let mut agent = agent.arg("--identity").arg(&key).stdout(Stdio::null()).spawn().unwrap();
    wait_until("the server runs", || volume.server().is_some() || agent.try_wait().unwrap().is_some());
    let_pass(Duration::from_secs(2));
    assert_eq!(agent.try_wait().unwrap(), None, "{}", volume.log());
    let clock = SystemClock::new();
    kill_process(Pid::from_child(&agent), Signal::INT).unwrap();
    let mut ended = None;
    while ended.is_none() && clock.monotonic() < Duration::from_secs(20) {
        let_pass(Duration::from_millis(20));
        ended = agent.try_wait().unwrap();
    }
    if ended.is_none() {
        let _ = agent.kill();
    }
    assert!(ended.is_some_and(|status| status.success()), "{ended:?} after {:?}", clock.monotonic());
    assert!(volume.server().is_some(), "the server was stopped");
}
