//! `farshore fork pg`: a new server from a region's backups, at an exact moment.

use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use farshore_agent::host::Host;
use farshore_agent::tasks::fork::{Fork, Left, Opened};
use farshore_agent::tasks::take_backup::TakeBackup;
use farshore_agent::tasks::windows::Windows;
use farshore_agent::{account, place};
use farshore_engines::postgresql::snapshot::Checkpoint;
use farshore_objects::ObjectStore;
use farshore_types::error::ErrorContext;
use farshore_types::{
    Clock, Error, ErrorKind, Generation, Progress, Result, ServiceId, SystemEntropy, Target, TargetKind, units,
};
use farshore_vault::journal::WAL;
use farshore_vault::{Recipient, Repository, Vault, backup};
use serde_json::json;

use crate::cli::ForkCommand;
use crate::{installed, output, progress, stores};

/// Forks.
pub fn run(command: &ForkCommand, as_json: bool, clock: Arc<dyn Clock>) -> Result<ExitCode> {
    let ForkCommand::Pg { store, data, port, superuser, bin, workers: width, .. } = command;
    let host = Host::new(None, clock.clone(), Arc::new(SystemEntropy))?;
    let volume = std::path::absolute(data).doing("find", data.display())?;
    account::check_reachable(&volume, &host.engines)?;
    let vault = stores::vault(store, clock.clone())?;
    let target = target(command)?;
    let own = own_service(command, &vault, clock.clone())?;
    let wanted = Windows::read(&vault)?.choose(&target)?.stored.facts.server.major();
    let installation = installed::major(&host, bin.as_deref(), wanted)?;
    let port = match port {
        Some(port) => *port,
        None => place::free_port(&Default::default(), &SystemEntropy)?,
    };
    let binary = std::env::current_exe().doing("find", "this program")?;
    let workers = usize::from(*width);
    let named = superuser.clone();
    let fork = Fork {
        vault,
        backup: None,
        target,
        volume,
        installation,
        port,
        superuser: named,
        binary,
        workers,
        left: Left::Running,
        host: &host,
    };
    let counted = Arc::new(Progress::default());
    let shown = progress::show("restore", counted.clone(), clock.clone());
    let opened = fork.run(&counted)?;
    drop(shown);
    // The clock counts from the start of this process.
    let open_seconds = clock.monotonic().as_secs_f64();
    let first = own.map(|own| first_backup(own, &opened, *width, clock)).transpose()?;
    report(&opened, (first, open_seconds), (port, superuser), data, as_json);
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

/// The service that the fork shall be, before it is made.
struct Own {
    store: Arc<dyn ObjectStore>,
    service: ServiceId,
    recipients: Vec<Recipient>,
}

/// Refuses a name that cannot be the fork's, before hours have gone into it.
fn own_service(command: &ForkCommand, source: &Vault, clock: Arc<dyn Clock>) -> Result<Option<Own>> {
    let ForkCommand::Pg { store, new_service, recipient, .. } = command;
    let Some(name) = new_service else { return Ok(None) };
    let service: ServiceId = name.parse()?;
    if &service == source.repository.service() {
        return Err(Error::invalid(format!("the fork cannot have the name of its source, {service}"))
            .hint("choose another --new-service"));
    }
    let path =
        store.identity.as_deref().ok_or_else(|| Error::invalid("a fork needs a key").hint("give --identity FILE"))?;
    let mut recipients = stores::identity(path)?.recipients();
    for key in recipient {
        recipients.push(key.parse::<Recipient>()?);
    }
    let scoped = stores::scoped(&stores::store(&store.store, clock)?, &service)?;
    match Repository::open(scoped.clone()) {
        Ok(_) => Err(Error::conflict(format!("the store holds a service {service} already"))
            .hint("choose another --new-service")),
        Err(error) if error.kind() == ErrorKind::Missing => Ok(Some(Own { store: scoped, service, recipients })),
        Err(error) => Err(error),
    }
}

/// The fork is a service of its own from its first second: a repository with its own root key, and a backup.
fn first_backup(own: Own, opened: &Opened, workers: u16, clock: Arc<dyn Clock>) -> Result<u64> {
    let vault = Vault::create(own.store, &own.service, &own.recipients, &SystemEntropy)?;
    let counted = Arc::new(Progress::default());
    let _shown = progress::show("back up the fork", counted.clone(), clock.clone());
    let task = TakeBackup {
        server: opened.server.clone(),
        data_directory: Some(opened.data_directory.clone()),
        vault,
        order: Generation(0),
        stream: WAL.to_string(),
        horizon: None,
        full: true,
        checkpoint: Checkpoint::Fast,
        settings: backup::Settings { workers: usize::from(workers), ..backup::Settings::default() },
        clock,
        entropy: Arc::new(SystemEntropy),
    };
    Ok(task.run(&counted)?.taken.custody.sizes.new)
}

/// The line that opens the fork; the name of the role needs no quotes only if it is a plain word.
fn psql(socket: &Path, port: u16, superuser: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-+@:=,".contains(c);
    let word = |text: &str| match text.chars().all(plain) {
        true => text.to_string(),
        false => format!("'{}'", text.replace('\'', "'\\''")),
    };
    format!("psql -h {} -p {port} -U {} -d postgres", word(&socket.display().to_string()), word(superuser))
}

fn report(
    opened: &Opened,
    (first_backup, open_seconds): (Option<u64>, f64),
    (port, superuser): (u16, &str),
    data: &Path,
    as_json: bool,
) {
    let window = &opened.window;
    let socket = opened.data_directory.parent().map(|volume| volume.join("run")).unwrap_or_default();
    let psql = psql(&socket, port, superuser);
    if as_json {
        output::json(&json!({
            "backup": window.name.id, "reached": opened.reached.to_string(), "timeline": opened.timeline,
            "socket": socket, "port": port, "data_directory": opened.data_directory, "psql": psql,
            "missing": opened.missing.map(|missing| json!({
                "at": missing.at, "at_time": missing.at_time.to_string(), "resumes": missing.resumes,
                "known_to": missing.known_to, "known_to_time": missing.known_to_time.to_string(),
            })),
            "restored_bytes": opened.restored_bytes, "segments": opened.segments,
            "restore_seconds": opened.seconds.0, "recovery_seconds": opened.seconds.1, "open_seconds": open_seconds, "first_backup_bytes": first_backup,
        }));
        return;
    }
    output::say(&format!("The fork is open. It holds everything up to log position {}.", opened.reached));
    if let Some(missing) = &opened.missing {
        output::say(&format!("  NOT EVERYTHING: {missing}. Another region may hold it: `farshore vault list` there."));
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_that_opens_a_fork_names_its_own_superuser_and_a_database_that_exists() {
        let line = psql(Path::new("/srv/fork/run"), 20_001, "boss");
        assert_eq!(line, "psql -h /srv/fork/run -p 20001 -U boss -d postgres");
        assert!(psql(Path::new("/srv/a b"), 1, "it's").ends_with(r"-h '/srv/a b' -p 1 -U 'it'\''s' -d postgres"));
    }
}
