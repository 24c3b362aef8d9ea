//! `farshore fork pg`: a new server from a region's backups, at an exact moment.

use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use farshore_agent::host::Host;
use farshore_agent::tasks::fork::{Fork, Opened};
use farshore_agent::tasks::take_backup::TakeBackup;
use farshore_agent::tasks::windows::Windows;
use farshore_agent::{account, place};
use farshore_engines::postgresql::snapshot::Checkpoint;
use farshore_types::error::ErrorContext;
use farshore_types::{Clock, Error, Progress, Result, ServiceId, SystemEntropy, Target, TargetKind, units};
use farshore_vault::journal::WAL;
use farshore_vault::{Recipient, Repository, Vault, backup};
use serde_json::json;

use crate::cli::{ForkCommand, StoreArgs};
use crate::{installed, output, progress, stores};

/// Forks.
pub fn run(command: &ForkCommand, as_json: bool, clock: Arc<dyn Clock>) -> Result<ExitCode> {
    let ForkCommand::Pg { store, data, port, superuser, bin, workers, .. } = command;
    let host = Host::new(None, clock.clone(), Arc::new(SystemEntropy))?;
    let volume = std::path::absolute(data).doing("find", data.display())?;
    account::check_reachable(&volume, &host.engines)?;
    let vault = stores::vault(store, clock.clone())?;
    let target = target(command)?;
    let wanted = Windows::read(&vault)?.choose(&target)?.stored.facts.server.major();
    let installation = installed::major(&host, bin.as_deref(), wanted)?;
    let port = match port {
        Some(port) => *port,
        None => place::free_port(&Default::default(), &SystemEntropy)?,
    };
    let binary = std::env::current_exe().doing("find", "this program")?;
    let (superuser, workers) = (superuser.clone(), usize::from(*workers));
    let fork =
        Fork { vault: vault.clone(), target, volume, installation, port, superuser, binary, workers, host: &host };
    let counted = Arc::new(Progress::default());
    let shown = progress::show("restore", counted.clone(), clock.clone());
    let opened = fork.run(&counted)?;
    drop(shown);
    // The clock counts from the start of this process.
    let open_seconds = clock.monotonic().as_secs_f64();
    let first = first_backup(command, &vault, &opened, clock)?;
    report(&opened, (first, open_seconds), port, data, as_json);
    Ok(ExitCode::SUCCESS)
}

fn target(command: &ForkCommand) -> Result<Target> {
    let ForkCommand::Pg { at, position, transaction, point, immediate, exclusive, .. } = command;
    let kind = match (at, position, transaction, point) {
        (Some(time), ..) => TargetKind::Time(time.parse()?),
        (_, Some(position), ..) => TargetKind::Position(position.parse()?),
        (_, _, Some(number), _) => TargetKind::Transaction(*number),
        (_, _, _, Some(name)) => TargetKind::Name(name.clone()),
        _ if *immediate => TargetKind::Immediate,
        _ => TargetKind::Latest,
    };
    Ok(Target { kind, inclusive: !exclusive })
}

/// The fork is a service of its own from its first second: a repository with its own root key, and a backup.
fn first_backup(command: &ForkCommand, source: &Vault, opened: &Opened, clock: Arc<dyn Clock>) -> Result<Option<u64>> {
    let ForkCommand::Pg { store, new_service, recipient, workers, .. } = command;
    let Some(name) = new_service else { return Ok(None) };
    let vault = own_vault(store, name, recipient, source, clock.clone())?;
    let task = TakeBackup {
        server: opened.server.clone(),
        data_directory: Some(opened.data_directory.clone()),
        vault,
        stream: WAL.to_string(),
        horizon: None,
        full: true,
        checkpoint: Checkpoint::Fast,
        settings: backup::Settings { workers: usize::from(*workers), ..backup::Settings::default() },
        clock,
        entropy: Arc::new(SystemEntropy),
    };
    Ok(Some(task.run(&Progress::default())?.taken.custody.sizes.new))
}

fn own_vault(
    store: &StoreArgs,
    name: &str,
    further: &[String],
    source: &Vault,
    clock: Arc<dyn Clock>,
) -> Result<Vault> {
    let service: ServiceId = name.parse()?;
    if &service == source.repository.service() {
        return Err(Error::invalid(format!("the fork cannot have the name of its source, {service}"))
            .hint("choose another --new-service"));
    }
    let path =
        store.identity.as_deref().ok_or_else(|| Error::invalid("a fork needs a key").hint("give --identity FILE"))?;
    let mut recipients = stores::identity(path)?.recipients();
    for key in further {
        recipients.push(key.parse::<Recipient>()?);
    }
    let scoped = stores::scoped(&stores::store(&store.store, clock)?, &service)?;
    match Repository::open(scoped.clone()) {
        Ok(_) => Err(Error::conflict(format!("the store holds a service {service} already"))
            .hint("choose another --new-service")),
        Err(_) => Vault::create(scoped, &service, &recipients, &SystemEntropy),
    }
}

fn report(opened: &Opened, (first_backup, open_seconds): (Option<u64>, f64), port: u16, data: &Path, as_json: bool) {
    let window = &opened.window;
    let socket = opened.data_directory.parent().map(|volume| volume.join("run")).unwrap_or_default();
    let psql = format!("psql -h {} -p {port} -U postgres", socket.display());
    if as_json {
        output::json(&json!({
            "backup": window.name.id, "reached": opened.reached.to_string(), "timeline": opened.timeline,
            "socket": socket, "port": port, "data_directory": opened.data_directory, "psql": psql,
            "restored_bytes": opened.restored_bytes, "segments": opened.segments,
            "restore_seconds": opened.seconds.0, "recovery_seconds": opened.seconds.1, "open_seconds": open_seconds, "first_backup_bytes": first_backup,
        }));
        return;
    }
    output::say(&format!("The fork is open. It holds everything up to log position {}.", opened.reached));
    output::say(&format!(
        "  {} of files in {:.1} s, {} segments of log in {:.1} s, timeline {}",
        units::bytes(opened.restored_bytes),
        opened.seconds.0,
        opened.segments,
        opened.seconds.1,
        opened.timeline.0
    ));
    if let Some(bytes) = first_backup {
        output::say(&format!("  its own first backup is taken: {}", units::bytes(bytes)));
    }
    output::say(&format!("  {psql}"));
    output::say(&format!("  farshore down --data {}", data.display()));
}
