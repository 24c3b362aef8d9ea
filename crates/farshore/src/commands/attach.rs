//! `farshore attach pg`: protects a running server until interrupted. The server itself is never touched.

use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use farshore_agent::tasks::protect::{Protect, Status};
use farshore_types::{Clock, Error, Progress, Result, SystemEntropy, units};
use farshore_vault::journal::WAL;
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

use crate::cli::{AttachCommand, RegionArgs};
use crate::{output, source};

/// Protects until a signal comes.
pub fn run(command: &AttachCommand, as_json: bool, clock: Arc<dyn Clock>) -> Result<ExitCode> {
    let AttachCommand::Pg { source: args, rights: _, protect } = command;
    let task = Protect {
        server: source::server(args)?,
        data_directory: args.data_directory.clone(),
        vault: source::vault(&args.region, clock.clone())?,
        stream: WAL.to_string(),
        slot: slot_name(&args.region.service),
        interval: Duration::from_millis(protect.interval_ms),
        every: Duration::from_secs(protect.every_s),
        settings: source::settings(&args.region),
        socket: protect.control.clone(),
        clock,
        entropy: Arc::new(SystemEntropy),
    };
    let stop = Arc::new(Progress::default());
    stop_on_signal(&stop)?;
    task.run(&stop, &mut |status| announce(&args.region, status, as_json))?;
    if !as_json {
        output::say("Stopped. The server runs on; its log waits in the slot for the next attach.");
    }
    Ok(ExitCode::SUCCESS)
}

/// The replication slot that keeps a service's log until it is archived.
pub fn slot_name(service: &str) -> String {
    format!("farshore_{}", service.replace('-', "_"))
}

/// Says that a service is protected, and what its last backup holds.
pub fn announce(args: &RegionArgs, status: &Status, as_json: bool) {
    if as_json {
        if let Ok(value) = serde_json::to_value(status) {
            output::json(&value);
        }
        return;
    }
    output::say(&format!("Service {} is protected: every change is in {} within seconds.", args.service, args.store));
    if let Some(backup) = &status.last_backup {
        output::say(&format!(
            "  backup {} holds {}, {} in the store",
            backup.sequence,
            units::bytes(backup.raw),
            units::bytes(backup.new)
        ));
    }
    output::say("  Ctrl-C stops protecting; the server is left alone.");
}

/// Turns SIGINT and SIGTERM into a wish to stop.
pub fn stop_on_signal(stop: &Arc<Progress>) -> Result<()> {
    let mut signals = Signals::new([SIGINT, SIGTERM]).map_err(|error| Error::io(error, "listen for", "signals"))?;
    let stop = stop.clone();
    std::thread::spawn(move || {
        if signals.forever().next().is_some() {
            stop.stop();
        }
    });
    Ok(())
}
