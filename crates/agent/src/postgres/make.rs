//! Makes the data directory of a new node.
//!
//! initdb works beside the final place, in a directory with a random name, which is renamed when it is complete. If we
//! die in the middle, initdb may even go on: its directory is never used, and removed by the next attempt. Nothing named
//! `data` is ever removed.

use std::fs;
use std::path::Path;

use farshore_engines::postgresql::provision::initdb;
use farshore_types::error::ErrorContext;
use farshore_types::ids::hex;
use farshore_types::{Entropy, Error, Result};

use super::layout::{Layout, make_private};
use super::spec::Spec;
use crate::durable::{self, Rights};
use crate::host::Host;

/// What names of unfinished directories start and end with.
const UNFINISHED: (&str, &str) = ("data-", ".new");
const PASSWORD_BYTES: usize = 24;
const PASSWORD_FILE_BYTES_MAX: u64 = 1024;

/// Makes `data` unless it is there. The volume and the other directories exist, and we hold its lock.
pub fn make_data(spec: &Spec, layout: &Layout, host: &Host) -> Result<()> {
    if has_cluster(&layout.data())? {
        return remove_unfinished(layout);
    }
    let password = keep_password(layout, &*host.entropy)?;
    let (start, end) = UNFINISHED;
    let beside = layout.volume().join(format!("{start}{}{end}", random(&*host.entropy, 8)?));
    make_private(&beside, host.engines.owner())?;
    let for_initdb = layout.run().join(format!("password-{}", random(&*host.entropy, 8)?));
    durable::write(&for_initdb, password.as_bytes(), Rights { mode: 0o600, owner: host.engines.owner() })?;
    let made = initdb(&spec.installation, &beside, &spec.superuser, &for_initdb).and_then(|program| host.run(&program));
    fs::remove_file(&for_initdb).doing("remove", for_initdb.display())?;
    made?;
    if !has_cluster(&beside)? {
        return Err(Error::transient(format!("initdb made no cluster in {}", beside.display())));
    }
    // initdb has synced everything below; an empty directory in the place is replaced, any other is not.
    fs::rename(&beside, layout.data()).doing("rename into", layout.data().display())?;
    durable::sync_directory(layout.volume())?;
    remove_unfinished(layout)
}

/// Whether a directory holds a cluster; refuses one that holds something else.
pub fn has_cluster(data: &Path) -> Result<bool> {
    if fs::exists(data.join("PG_VERSION")).doing("look at", data.display())? {
        return Ok(true);
    }
    if !fs::exists(data).doing("look at", data.display())? || names(data)?.is_empty() {
        return Ok(false);
    }
    let what = format!("{} is not empty and holds no cluster", data.display());
    Err(Error::conflict(what).hint("choose another data directory"))
}

/// The superuser's password of an earlier attempt, or a new one.
fn keep_password(layout: &Layout, entropy: &dyn Entropy) -> Result<String> {
    if let Some(password) = read_password(layout)? {
        return Ok(password);
    }
    let password = random(entropy, PASSWORD_BYTES)?;
    durable::write(&layout.password(), password.as_bytes(), Rights::PRIVATE)?;
    Ok(password)
}

/// The superuser's password; `None` for a node that was restored.
pub fn read_password(layout: &Layout) -> Result<Option<String>> {
    let bytes = durable::read(&layout.password(), PASSWORD_FILE_BYTES_MAX)?;
    Ok(bytes.map(|bytes| String::from_utf8_lossy(&bytes).trim().to_string()).filter(|text| !text.is_empty()))
}

fn random(entropy: &dyn Entropy, bytes: usize) -> Result<String> {
    let mut drawn = vec![0; bytes];
    entropy.fill(&mut drawn)?;
    Ok(hex(&drawn))
}

/// Removes what earlier attempts left: directories, and password files that initdb was given.
fn remove_unfinished(layout: &Layout) -> Result<()> {
    let (start, end) = UNFINISHED;
    for name in names(layout.volume())?.iter().filter(|name| name.starts_with(start) && name.ends_with(end)) {
        // An initdb that lost its agent may still write there: the next attempt removes the rest.
        if let Err(error) = fs::remove_dir_all(layout.volume().join(name)) {
            tracing::info!(name, %error, "an unfinished data directory stays for now");
        }
    }
    for name in names(&layout.run())?.iter().filter(|name| name.starts_with("password-")) {
        let path = layout.run().join(name);
        fs::remove_file(&path).doing("remove", path.display())?;
    }
    Ok(())
}

fn names(directory: &Path) -> Result<Vec<String>> {
    let entries = fs::read_dir(directory).doing("list", directory.display())?;
    Ok(entries.flatten().filter_map(|entry| entry.file_name().into_string().ok()).collect())
}
