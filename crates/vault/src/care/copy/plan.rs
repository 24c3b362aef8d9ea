//! What is missing in the target, and the ground that everything else stands on: the wraps and `format`.

use std::collections::HashSet;
use std::sync::Arc;

use farshore_objects::ObjectStore;
use farshore_types::error::ErrorContext;
use farshore_types::{Error, ErrorKind, Result};

use crate::names::{BackupId, FORMAT, KEYS, ManifestName, WrapName};
use crate::primitives::check_hash;
use crate::repository::Repository;

/// Which backups are copied first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// The target can be restored from soonest.
    NewestFirst,
    /// The target's window grows without holes.
    OldestFirst,
}

/// Backups that exist in the source and not in the target.
pub fn plan_copies(source: &Repository, target: &Repository, order: Order) -> Result<Vec<ManifestName>> {
    check_same(source, target)?;
    let there: HashSet<BackupId> = target.backups()?.iter().map(|name| name.id).collect();
    let mut missing = source.backups()?;
    missing.retain(|name| !there.contains(&name.id));
    if order == Order::NewestFirst {
        missing.reverse();
    }
    Ok(missing)
}

/// Makes the repository in `target`, or brings its wraps up to date: wraps first, then `format`, so that keys are there before
/// anything that is sealed with them. Wraps that only the target has stay. If we die in the middle, the next call goes on.
pub fn ensure_repository(source: &Repository, target: &Arc<dyn ObjectStore>) -> Result<Repository> {
    let present = match Repository::open(target.clone()) {
        Ok(present) => {
            check_same(source, &present)?;
            true
        }
        Err(error) if error.kind() == ErrorKind::Missing => false,
        Err(error) => return Err(error),
    };
    let mut there = HashSet::new();
    target.list(KEYS, &mut |info| {
        there.insert(info.name);
        Ok(())
    })?;
    for wrap in source.wraps()? {
        let name = wrap.to_string();
        if !there.contains(&name) {
            put_wrap(source, target, &wrap)?;
        }
    }
    if !present {
        let format = source.store().get(FORMAT).doing("read", "the source's format")?;
        target.put_new(FORMAT, format).doing("put", "the target's format")?;
    }
    let copy = Repository::open(target.clone())?;
    check_same(source, &copy)?;
    Ok(copy)
}

fn put_wrap(source: &Repository, target: &Arc<dyn ObjectStore>, wrap: &WrapName) -> Result<()> {
    let name = wrap.to_string();
    let bytes = source.store().get(&name).doing("copy", &name)?;
    check_hash(&name, wrap.hash, &bytes)?;
    target.put_new(&name, bytes).doing("copy", &name)
}

/// Refuses two repositories that are not copies of each other.
pub fn check_same(source: &Repository, target: &Repository) -> Result<()> {
    let same = source.id() == target.id() && source.signing_key() == target.signing_key();
    match same && source.service() == target.service() {
        true => Ok(()),
        false => {
            let what = format!(
                "the target holds repository {} of service {}, the source is {} of {}",
                target.id(),
                target.service(),
                source.id(),
                source.service()
            );
            Err(Error::conflict(what).hint("name a store, or a folder of it, that holds no other service"))
        }
    }
}
