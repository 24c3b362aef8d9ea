//! `farshore down`: stops the databases below a folder, cleanly; those of a platform only while no `farshore up` works on it, which
//! would start them again. The next `farshore up` starts what shall run.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use farshore_agent::fleet::forget_user;
use farshore_agent::host::Host;
use farshore_agent::tasks::fork;
use farshore_types::error::ErrorContext;
use farshore_types::{Clock, Result, ServiceId, SystemEntropy};
use serde::Deserialize;
use serde_json::json;

use crate::output;
use crate::platform::{self, Place};

/// How deep volumes are looked for.
const DEPTH_MAX: usize = 5;

/// Stops them all.
pub fn run(data: &Path, forget_users: bool, as_json: bool, clock: &Arc<dyn Clock>) -> Result<ExitCode> {
    let place = Place::of(Some(data))?;
    let _lock = if place.is_platform() { Some(place.lock()?) } else { None };
    let mut stopped = Vec::new();
    let data = std::path::absolute(data).doing("find", data.display())?;
    let mut failed = None;
    for volume in volumes(&data, DEPTH_MAX)? {
        // One that does not stop keeps none of the others running.
        match host(&volume, clock).and_then(|host| fork::stop(&host, &volume)) {
            Ok(true) => stopped.push(volume),
            Ok(false) => {}
            Err(error) => drop(failed.get_or_insert(error)),
        }
    }
    if let Some(error) = failed {
        if !as_json {
            stopped.iter().for_each(|volume| output::say(&format!("Stopped {}.", volume.display())));
        }
        return Err(error);
    }
    if forget_users {
        forget(&data, clock)?;
    }
    match (as_json, stopped.is_empty()) {
        (true, _) => output::json(&json!({"stopped": stopped})),
        (false, true) => output::say("No database runs there."),
        (false, false) => stopped.iter().for_each(|volume| output::say(&format!("Stopped {}.", volume.display()))),
    }
    Ok(ExitCode::SUCCESS)
}

/// Removes the users of all services that were ever ordered there. May be repeated.
fn forget(data: &Path, clock: &Arc<dyn Clock>) -> Result<()> {
    let host = platform::host(clock)?;
    let agents = std::fs::read_dir(data.join("host")).into_iter().flatten().flatten();
    let orders =
        agents.flat_map(|agent| std::fs::read_dir(agent.path().join("orders")).into_iter().flatten().flatten());
    for order in orders {
        let service = order.path().file_stem().and_then(|stem| stem.to_str()?.parse::<ServiceId>().ok());
        service.map_or(Ok(()), |service| forget_user(&host, &service))?;
    }
    Ok(())
}

/// The host as a node's server knows it: as its own user, if it has one.
fn host(volume: &Path, clock: &Arc<dyn Clock>) -> Result<Host> {
    #[derive(Deserialize)]
    struct Record {
        engine_user: String,
    }
    let host = platform::host(clock)?;
    let record = std::fs::read(volume.join("node.json")).doing("read the record of", volume.display())?;
    match serde_json::from_slice::<Record>(&record) {
        Ok(record) if host.engines.is_foreign() && record.engine_user != host.engines.name => {
            Host::new(Some(&record.engine_user), clock.clone(), Arc::new(SystemEntropy))
        }
        // One that cannot be read is refused with its reason by whoever adopts the node.
        _ => Ok(host),
    }
}

/// Folders of nodes that Farshore made; a server that somebody else made is never stopped.
fn volumes(folder: &Path, depth: usize) -> Result<Vec<PathBuf>> {
    if folder.join("node.json").is_file() {
        return Ok(vec![folder.to_path_buf()]);
    }
    let mut found = Vec::new();
    if depth > 0 {
        for item in std::fs::read_dir(folder).doing("look into", folder.display())? {
            let item = item.doing("look into", folder.display())?;
            if item.file_type().is_ok_and(|kind| kind.is_dir()) {
                found.extend(volumes(&item.path(), depth - 1)?);
            }
        }
    }
    found.sort();
    Ok(found)
}
