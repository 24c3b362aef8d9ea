//! `farshore attach pg`: protects a running server until interrupted. The server itself is never touched.

use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use farshore_agent::host::Host;
use farshore_agent::tasks::protect::{Protect, Status};
use farshore_engines::postgresql::attach;
use farshore_engines::postgresql::server::Server;
use farshore_engines::postgresql::wire::{self, Connection};
use farshore_types::{Clock, Error, ErrorKind, Progress, Result, SystemEntropy, units};
use farshore_vault::journal::WAL;
use serde_json::json;
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

use crate::cli::{AttachCommand, RegionArgs, SourceArgs};
use crate::{installed, output, source};

/// Protects until a signal comes.
pub fn run(command: &AttachCommand, as_json: bool, clock: Arc<dyn Clock>) -> Result<ExitCode> {
    let AttachCommand::Pg { source: args, rights, protect } = command;
    if *rights {
        return show_rights(args, as_json, clock);
    }
    let server = source::server(args)?;
    check_rights(args, &server, &clock)?;
    let task = Protect {
        server,
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

/// Prints what an administrator runs so that the role may protect the server. Nothing is granted here.
fn show_rights(args: &SourceArgs, as_json: bool, clock: Arc<dyn Clock>) -> Result<ExitCode> {
    let server = source::server(args)?;
    let major = match Connection::connect(&server, clock.clone()) {
        Ok(mut connection) => Server::read(&mut connection).map(|server| server.major()).ok(),
        // The role need not be there yet.
        Err(_) => None,
    };
    let major = match major {
        Some(major) => major,
        None => {
            let host = Host::new(None, clock, Arc::new(SystemEntropy))?;
            let newest = installed::postgresql(&host, None)?.into_iter().next();
            newest.map(|installation| installation.major).ok_or_else(|| Error::missing("no PostgreSQL is here"))?
        }
    };
    let (sql, rules) = (attach::sql(major, &args.user, &server.database)?, attach::host_rules(&args.user)?);
    if as_json {
        output::json(&json!({"major": major, "sql": sql, "pg_hba": rules}));
        return Ok(ExitCode::SUCCESS);
    }
    output::say(&format!("-- PostgreSQL {major}: as a superuser, in database {}", server.database));
    sql.iter().for_each(|statement| output::say(statement));
    output::say("-- in pg_hba.conf, before other lines that begin with local:");
    rules.iter().for_each(|rule| output::say(&format!("--   {rule}")));
    output::say("-- the operating system user that runs farshore must be able to read the data directory");
    Ok(ExitCode::SUCCESS)
}

/// Refuses a server that cannot be protected, before anything is made; warns of what is only risky.
pub fn check_rights(args: &SourceArgs, server: &wire::Settings, clock: &Arc<dyn Clock>) -> Result<()> {
    let lacks = attach::check_server(server, args.data_directory.as_deref(), clock).map_err(|error| {
        match error.kind() == ErrorKind::Denied {
            true => error.hint("add --rights to this command to see what the role needs"),
            false => error,
        }
    })?;
    for lack in lacks.iter().filter(|lack| !lack.blocking) {
        tracing::warn!("{}: {}", lack.what, lack.remedy);
    }
    attach::refuse(&lacks)
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

/// Turns the first SIGINT or SIGTERM into a wish to stop; the second ends the process as it would without us, which
/// loses nothing but time.
pub fn stop_on_signal(stop: &Arc<Progress>) -> Result<()> {
    on_signal(stop, true)
}

/// The same, but the second signal does nothing: for work that must clean up behind itself.
pub fn stop_and_clean_up(stop: &Arc<Progress>) -> Result<()> {
    on_signal(stop, false)
}

fn on_signal(stop: &Arc<Progress>, second_ends: bool) -> Result<()> {
    let mut signals = Signals::new([SIGINT, SIGTERM]).map_err(|error| Error::io(error, "listen for", "signals"))?;
    let stop = stop.clone();
    std::thread::spawn(move || {
        let mut signals = signals.forever();
        if signals.next().is_some() {
            stop.stop();
        }
        if let (true, Some(signal)) = (second_ends, signals.next())
            && let Err(error) = signal_hook::low_level::emulate_default_handler(signal)
        {
            tracing::error!(%error, "the second signal did not end the process");
        }
    });
    Ok(())
}
