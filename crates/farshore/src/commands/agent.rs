//! `farshore agent pg`: a server of our own, made or found again, started, watched and protected until interrupted.
//!
//! If the agent dies, the server runs on; the next agent finds it, and its log waits in the slot meanwhile.

use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use farshore_agent::host::Host;
use farshore_agent::postgres::{Node, Spec, Status, adopt, provision};
use farshore_agent::tasks::protect::Protect;
use farshore_types::error::ErrorContext;
use farshore_types::{Clock, Error, ErrorKind, Progress, Result, SystemEntropy};
use farshore_vault::journal::WAL;

use super::attach::{announce, slot_name, stop_on_signal};
use crate::cli::AgentCommand;
use crate::{installed, output, source};

/// How long a start may take before we say so; crash recovery is part of it.
const START_DEADLINE: Duration = Duration::from_secs(600);
/// How often we look whether the server still runs.
const LOOK: Duration = Duration::from_millis(500);

/// Runs until a signal comes.
pub fn run(command: &AgentCommand, as_json: bool, clock: &Arc<dyn Clock>) -> Result<ExitCode> {
    let AgentCommand::Pg { data, region, protect, port, bin } = command;
    let host = Host::new(None, clock.clone(), Arc::new(SystemEntropy))?;
    let volume = std::path::absolute(data).doing("find", data.display())?;
    let mut node = node(&host, &volume, *port, bin.as_deref())?;
    let vault = source::vault(region, clock.clone())?;
    let stop = Arc::new(Progress::default());
    stop_on_signal(&stop)?;
    if !start(&mut node, &stop, &**clock)? {
        if !as_json {
            output::say("Stopped. The server goes on starting; the next agent finds it.");
        }
        return Ok(ExitCode::SUCCESS);
    }
    let task = Protect {
        server: node.settings()?,
        data_directory: Some(node.layout().data()),
        vault,
        stream: WAL.to_string(),
        slot: slot_name(&region.service),
        interval: Duration::from_millis(protect.interval_ms),
        every: Duration::from_secs(protect.every_s),
        settings: source::settings(region),
        socket: protect.control.clone(),
        clock: clock.clone(),
        entropy: Arc::new(SystemEntropy),
    };
    std::thread::scope(|scope| {
        let watching = scope.spawn(|| watch(&mut node, &stop, &**clock).inspect_err(|_| stop.stop()));
        let protected = task.run(&stop, &mut |status| announce(region, status, as_json)).inspect_err(|_| stop.stop());
        let watched = watching.join().map_err(|_| Error::bug("the thread that watches the server panicked"));
        protected.and(watched.and_then(|done| done))
    })?;
    if !as_json {
        output::say("Stopped. The server runs on; the next agent finds it, its log waits in the slot.");
        output::say(&format!("  farshore down --data {}", data.display()));
    }
    Ok(ExitCode::SUCCESS)
}

/// The node of a folder, or a new one.
fn node(host: &Host, volume: &Path, port: Option<u16>, bin: Option<&Path>) -> Result<Node> {
    match adopt(volume, host) {
        Err(error) if error.kind() == ErrorKind::Missing => {}
        found => return found,
    }
    let installation = installed::newest(host, bin)?;
    provision(&Spec { port, ..Spec::new(volume, installation) }, host)
}

/// Starts the server and waits until it answers. `false` when we are asked to stop meanwhile: it goes on starting without us.
fn start(node: &mut Node, stop: &Progress, clock: &dyn Clock) -> Result<bool> {
    node.launch()?;
    let until = clock.monotonic().saturating_add(START_DEADLINE);
    while stop.go_on().is_ok() {
        match node.ready(LOOK) {
            Err(error) if error.kind() == ErrorKind::Busy && clock.monotonic() < until => {}
            ready => return ready.map(|()| true),
        }
    }
    Ok(false)
}

/// Starts the server again when it has crashed. One that cannot be started ends the agent, with what it said last.
fn watch(node: &mut Node, stop: &Progress, clock: &dyn Clock) -> Result<()> {
    while stop.go_on().is_ok() {
        if !node.is_alive()? && node.status()? == Status::Crashed {
            tracing::warn!(volume = %node.layout().volume().display(), "the server has crashed and is started again");
            start(node, stop, clock)?;
        }
        clock.pause(LOOK);
    }
    Ok(())
}
