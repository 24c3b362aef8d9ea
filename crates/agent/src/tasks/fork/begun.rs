//! What stands in a fork's folder until the fork is open: a marker that says what is being made, so that the same fork can start over.
//!
//! The marker is durable before anything else is made, and removed, durably, when the fork is open. Whoever dies in between leaves it:
//! the same fork (service and target) clears the folder and starts over; files of the same backup that were being restored are kept.
//! Never cleared: a folder in which a server runs, or whose server has ever been open, because somebody may have written there; a
//! folder without the marker that is not empty; one that holds a name which no fork makes. Those are refused, and nothing is touched.

use std::fs;
use std::io::ErrorKind as Io;
use std::path::Path;

use farshore_engines::postgresql::control::CONTROL_PATH;
use farshore_engines::postgresql::recovery::RECOVERY_SIGNAL;
use farshore_types::error::ErrorContext;
use farshore_types::{Error, Result, ServiceId, Target};
use farshore_vault::names::ManifestName;
use farshore_vault::read::restore::MARKER as RESTORE_MARKER;
use serde::{Deserialize, Serialize};

use crate::durable::{self, Lock, Rights};
use crate::postgres::Layout;
use crate::process::working_in;

const VERSION: u32 = 1;
const MARKER: &str = "fork.json";
const MARKER_BYTES_MAX: u64 = 64 << 10;
/// Held by the process that makes the fork.
const LOCK: &str = "fork.lock";
/// A data directory on its way out: nothing in it is looked at any more.
const CLEARED: &str = "cleared";
/// What may stand in a folder that counts as empty: what is left by those who died before their marker, and what mkfs makes.
const NOTHING: [&str; 4] = [LOCK, "node.lock", "fork.json.tmp", "lost+found"];
/// What a fork makes besides.
const PARTS: [&str; 9] = [MARKER, CLEARED, "data", "tablespaces", "run", "log", "staging", "node.json", "farshore"];
/// What the record's writer leaves when it dies.
const RECORD_PART: &str = "node.json.tmp";

/// The content of the marker.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Marker {
    version: u32,
    service: String,
    /// The newest backup that reaches the target may be another one in the next run.
    backup: String,
    target: String,
}

/// A fork that is being made. Dropping it leaves the marker.
#[derive(Debug)]
pub struct Begun<'a> {
    layout: &'a Layout,
    _lock: Lock,
}

/// Whether a folder holds a fork that was begun and is not open, as far as anybody recorded.
pub fn is_unfinished(volume: &Path) -> Result<bool> {
    fs::exists(volume.join(MARKER)).doing("look into", volume.display())
}

impl Begun<'_> {
    /// Begins, or starts over. Refused and untouched (`Conflict`): a folder with anything else; `Busy` while another process makes a fork
    /// there.
    pub fn begin<'a>(
        layout: &'a Layout,
        service: &ServiceId,
        backup: &ManifestName,
        target: &Target,
    ) -> Result<Begun<'a>> {
        let (service, backup, target) = (service.to_string(), backup.id.to_string(), target.to_string());
        let ours = Marker { version: VERSION, service, backup, target };
        // Looked at before it is locked: a lock is a file, and a folder that is refused is not touched.
        look(layout, &ours)?;
        layout.make_volume()?;
        let lock = Lock::take(&layout.volume().join(LOCK))?;
        // An agent that had the node could start its server while it is cleared.
        let node = Lock::take(&layout.lock())?;
        if let Some(earlier) = look(layout, &ours)? {
            tracing::info!(volume = %layout.volume().display(), "an earlier run did not finish this fork: it starts over");
            let unfinished = exists(&layout.data().join(RESTORE_MARKER))?;
            clear(layout, earlier.backup == ours.backup && unfinished)?;
        }
        drop(node);
        let bytes = serde_json::to_vec_pretty(&ours)
            .map_err(|error| Error::bug(format!("a fork's marker cannot be written as JSON: {error}")))?;
        durable::write(&layout.volume().join(MARKER), &bytes, Rights::PRIVATE)?;
        Ok(Begun { layout, _lock: lock })
    }

    /// The fork is open. If we die before this, its server has been open all the same, and is never cleared.
    pub fn done(self) -> Result<()> {
        let volume = self.layout.volume();
        for name in [MARKER, LOCK] {
            remove_file(&volume.join(name))?;
        }
        durable::sync_directory(volume)
    }
}

/// What stands there: nothing, or an earlier run of the same fork. Everything else is refused. Only looks.
fn look(layout: &Layout, ours: &Marker) -> Result<Option<Marker>> {
    let volume = layout.volume();
    no_server(layout)?;
    let names = names(volume)?;
    let Some(bytes) = durable::read(&volume.join(MARKER), MARKER_BYTES_MAX)? else {
        return match names.iter().find(|name| !NOTHING.contains(&name.as_str())) {
            Some(name) => Err(refused(format!("{} is not empty: it holds {name}", volume.display()))),
            None => Ok(None),
        };
    };
    let wrong = |_| refused(format!("{} is not the marker of a fork", volume.join(MARKER).display()));
    let found: Marker = serde_json::from_slice(&bytes).map_err(wrong)?;
    if (found.version, &found.service, &found.target) != (VERSION, &ours.service, &ours.target) {
        let (service, target) = (&found.service, &found.target);
        return Err(refused(format!("{} holds an unfinished fork of {service} to {target}", volume.display())));
    }
    let known = |name: &str| NOTHING.contains(&name) || PARTS.contains(&name) || name == RECORD_PART;
    if let Some(stranger) = names.iter().find(|name| !known(name)) {
        return Err(refused(format!("{} holds {stranger}, which is no part of a fork", volume.display())));
    }
    if has_been_open(&layout.data())? {
        let what = format!("the server of {} has been open: somebody may have written there", volume.display());
        return Err(Error::conflict(what).hint("name another folder, and remove this one when nobody needs it"));
    }
    Ok(Some(found))
}

fn refused(what: String) -> Error {
    Error::conflict(what).hint("name an empty or a new folder")
}

/// A server that runs is never cleared. All its processes work in the data directory; the number that its pid file names proves nothing,
/// another process may have it by now.
fn no_server(layout: &Layout) -> Result<()> {
    let data = layout.data();
    if !working_in(&data)?.is_empty() {
        let what = format!("a server runs on {}", data.display());
        return Err(Error::conflict(what).hint("stop it (`farshore down`), or choose another folder"));
    }
    Ok(())
}

/// A restored server has its signal file until recovery has ended; the restore's own marker stands while files are written.
fn has_been_open(data: &Path) -> Result<bool> {
    Ok(exists(&data.join(CONTROL_PATH))?
        && !exists(&data.join(RESTORE_MARKER))?
        && !exists(&data.join(RECOVERY_SIGNAL))?)
}

/// Removes what the earlier run left, but for what the servers said: their logs may explain why it did not finish. May be repeated. The
/// data directory is moved away first: if we die while it is removed, half of it cannot be taken for a server that was open.
fn clear(layout: &Layout, keep_files: bool) -> Result<()> {
    let volume = layout.volume();
    let cleared = volume.join(CLEARED);
    // No agent finds the node any more.
    remove_file(&layout.record())?;
    remove_tree(&cleared)?;
    if !keep_files {
        match fs::rename(layout.data(), &cleared) {
            Err(error) if error.kind() != Io::NotFound => {
                return Err(Error::io(error, "move", layout.data().display()));
            }
            _ => {}
        }
        durable::sync_directory(volume)?;
        remove_tree(&cleared)?;
        remove_tree(&layout.tablespaces())?;
    }
    remove_tree(&layout.run())?;
    remove_tree(&volume.join("staging"))?;
    remove_file(&volume.join("farshore"))?;
    durable::sync_directory(volume)
}

fn exists(path: &Path) -> Result<bool> {
    fs::exists(path).doing("look at", path.display())
}

/// Names in a folder; none if it is missing.
fn names(folder: &Path) -> Result<Vec<String>> {
    let items = match fs::read_dir(folder) {
        Err(error) if error.kind() == Io::NotFound => return Ok(Vec::new()),
        items => items.doing("list", folder.display())?,
    };
    let name = |item: std::io::Result<fs::DirEntry>| item.map(|item| item.file_name().to_string_lossy().into_owned());
    items.map(name).collect::<std::io::Result<_>>().doing("list", folder.display())
}

fn remove_file(path: &Path) -> Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != Io::NotFound => Err(Error::io(error, "remove", path.display())),
        _ => Ok(()),
    }
}

/// Links are removed, never followed.
fn remove_tree(path: &Path) -> Result<()> {
    match fs::remove_dir_all(path) {
        Err(error) if error.kind() != Io::NotFound => Err(Error::io(error, "remove", path.display())),
        _ => Ok(()),
    }
}
