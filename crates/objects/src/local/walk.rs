//! Listing a directory tree: one open directory per level in memory, however many objects there are.
//!
//! What cannot be an object's name is skipped unopened (`#staging`, `lost+found`, a stray `README.txt`). A file or
//! directory that vanishes between being seen and being looked at was deleted meanwhile; every other error ends the
//! listing, a loop of symbolic links too. The caller checks afterwards that the root itself is still there.

use std::fs::{self, DirEntry, ReadDir};
use std::path::Path;

use farshore_types::Result;

use crate::local::files::{failed, info, says_absent};
use crate::name;
use crate::store::ObjectInfo;

/// Gives every object below `root` whose name starts with `prefix`, which is valid.
pub(super) fn walk(root: &Path, prefix: &str, each: &mut dyn FnMut(ObjectInfo) -> Result<()>) -> Result<()> {
    let mut open = Vec::new();
    open.extend(open_directory(root, prefix)?);
    while let Some((prefix, entries)) = open.last_mut() {
        let entry = match entries.next() {
            None => {
                open.pop();
                continue;
            }
            Some(Ok(entry)) => entry,
            Some(Err(error)) => return Err(failed(error, "list", root.join(&*prefix).display())),
        };
        match look_at(&entry, prefix)? {
            Found::Object(object) => each(object)?,
            Found::Directory(prefix) => open.extend(open_directory(root, &prefix)?),
            Found::Nothing => {}
        }
    }
    Ok(())
}

enum Found {
    Object(ObjectInfo),
    Directory(String),
    Nothing,
}

fn look_at(entry: &DirEntry, prefix: &str) -> Result<Found> {
    let part = entry.file_name();
    let Some(part) = part.to_str().filter(|part| name::part_is_valid(part)) else { return Ok(Found::Nothing) };
    let full = format!("{prefix}{part}");
    if full.len() > name::NAME_BYTES_MAX {
        return Ok(Found::Nothing);
    }
    let metadata = entry.metadata().and_then(|metadata| match metadata.is_symlink() {
        true => fs::metadata(entry.path()),
        false => Ok(metadata),
    });
    match metadata {
        Ok(metadata) if metadata.is_dir() => Ok(Found::Directory(full + "/")),
        Ok(metadata) if metadata.is_file() => Ok(Found::Object(info(full, &metadata))),
        Ok(_) => Ok(Found::Nothing),
        Err(error) if says_absent(&error) => Ok(Found::Nothing),
        Err(error) => Err(failed(error, "look at", entry.path().display())),
    }
}

fn open_directory(root: &Path, prefix: &str) -> Result<Option<(String, ReadDir)>> {
    let path = root.join(prefix);
    match fs::read_dir(&path) {
        Ok(entries) => Ok(Some((prefix.to_string(), entries))),
        Err(error) if says_absent(&error) => Ok(None),
        Err(error) => Err(failed(error, "list", path.display())),
    }
}
