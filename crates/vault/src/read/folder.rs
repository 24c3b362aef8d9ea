//! The folder that a restore goes into: what may be in it, whether there is room, and the marker of an unfinished restore.
//!
//! The marker is durable before anything else is written: after a power cut, too, an unfinished folder is known as one.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{ErrorKind as IoErrorKind, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::Path;

use farshore_types::error::ErrorContext;
use farshore_types::{Error, Result, units};

use super::backup::OpenBackup;

/// Stands in the folder until the restore is complete and durable.
pub const MARKER: &str = ".farshore-restore";
/// Share of the raw size that must be free beyond it, in percent.
const SPARE_PERCENT: u64 = 2;
/// Mode of a folder that is made here: the root of a backup has no entry that says another (docs/format.md, section 6).
const FOLDER_MODE: u32 = 0o700;
/// Mode of the marker.
const MARKER_MODE: u32 = 0o600;

/// Makes the folder and its marker; `elsewhere` are the folders for relocated parts. Says whether files of an earlier run may be
/// kept: not after a reboot, because they were not durable then, nor where nobody can tell whether there was one.
pub fn prepare<'a>(backup: &OpenBackup, to: &'a Path, elsewhere: impl Iterator<Item = &'a Path>) -> Result<bool> {
    make(to)?;
    let boot = fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
    let ours = format!("{}\n{}", backup.name.id, boot.trim());
    let marker = to.join(MARKER);
    match fs::read_to_string(&marker) {
        Ok(text) if text.lines().next() == ours.lines().next() => {
            let same_boot = !boot.is_empty() && text == ours;
            check_room(backup, to, used(to)?)?;
            mark(to, &ours)?;
            return Ok(same_boot);
        }
        Ok(_) => {
            let what = format!("{} holds an unfinished restore of another backup", to.display());
            return Err(Error::conflict(what).hint("remove it, or name another folder"));
        }
        Err(error) if error.kind() == IoErrorKind::NotFound => {}
        Err(error) => return Err(Error::io(error, "read", marker.display())),
    }
    for folder in std::iter::once(to).chain(elsewhere) {
        let content = match fs::read_dir(folder) {
            Err(error) if error.kind() == IoErrorKind::NotFound => continue,
            content => content.doing("list", folder.display())?.next(),
        };
        if content.is_some() {
            let what = format!("{} is not empty", folder.display());
            return Err(Error::conflict(what).hint("name an empty or a new folder"));
        }
    }
    check_room(backup, to, 0)?;
    mark(to, &ours)?;
    Ok(false)
}

/// Makes the folder, closed to others; those above it are made as usual. One that is there stays as it is.
fn make(to: &Path) -> Result<()> {
    if let Some(parent) = to.parent() {
        fs::create_dir_all(parent).doing("make", parent.display())?;
    }
    match DirBuilder::new().mode(FOLDER_MODE).create(to) {
        Err(_) if to.is_dir() => Ok(()),
        made => made.doing("make", to.display()),
    }
}

/// Writes the marker and makes it durable.
fn mark(to: &Path, text: &str) -> Result<()> {
    let marker = to.join(MARKER);
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true).mode(MARKER_MODE);
    let mut file = options.open(&marker).doing("make", marker.display())?;
    file.write_all(text.as_bytes()).doing("write", marker.display())?;
    file.sync_all().doing("make durable", marker.display())?;
    File::open(to).and_then(|folder| folder.sync_all()).doing("make durable", to.display())
}

/// Bytes on disk below a folder: what an unfinished restore has written already.
fn used(folder: &Path) -> Result<u64> {
    let (mut folders, mut bytes) = (vec![folder.to_path_buf()], 0u64);
    while let Some(folder) = folders.pop() {
        for item in fs::read_dir(&folder).doing("list", folder.display())? {
            let item = item.doing("list", folder.display())?;
            let metadata = item.metadata().doing("look at", item.path().display())?;
            match metadata.is_dir() {
                true => folders.push(item.path()),
                false => bytes = bytes.saturating_add(metadata.blocks().saturating_mul(512)),
            }
        }
    }
    Ok(bytes)
}

/// `present` bytes of it are there already.
fn check_room(backup: &OpenBackup, to: &Path, present: u64) -> Result<()> {
    let stat = rustix::fs::statvfs(to).map_err(|error| Error::io(error.into(), "measure", to.display()))?;
    let free = stat.f_bavail.saturating_mul(stat.f_frsize);
    let raw = backup.custody.sizes.raw;
    let need = raw.saturating_add(raw / 100 * SPARE_PERCENT).saturating_sub(present);
    if free >= need {
        return Ok(());
    }
    let what = format!("{} has {} free, the backup needs {}", to.display(), units::bytes(free), units::bytes(need));
    Err(Error::busy(what).hint("free space there, or name a folder on a larger file system"))
}
