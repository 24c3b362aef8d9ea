//! Whether a copied repository is the same: every object of the source, byte by byte.
//!
//! Sessions are left out, which last as long as their work; a manifest is known by its hash, because its name says who put it
//! where it lies (docs/format.md, section 1).

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use farshore_types::error::ErrorContext;
use farshore_types::{Error, Result};

/// Digits of the hash at the end of a name.
const HASH_DIGITS: usize = 64;

/// How many objects are equal on both sides. The first that differs, or is on one side only, is an error.
pub fn compare(source: &Path, copy: &Path) -> Result<usize> {
    let (left, right) = (objects(source)?, objects(copy)?);
    if let Some(name) = left.keys().find(|name| !right.contains_key(*name)) {
        return Err(Error::corrupt(format!("{name} is not in {}", copy.display())));
    }
    if let Some(name) = right.keys().find(|name| !left.contains_key(*name)) {
        return Err(Error::corrupt(format!("{name} is not in {}", source.display())));
    }
    for (left, right) in left.values().zip(right.values()) {
        let read = |path: &Path| fs::read(path).doing("read", path.display());
        if read(left)? != read(right)? {
            return Err(Error::corrupt(format!("{} differs from the source", right.display())));
        }
    }
    Ok(left.len())
}

fn objects(root: &Path) -> Result<BTreeMap<String, PathBuf>> {
    let named = |path: PathBuf| Some((name(path.strip_prefix(root).ok()?.to_str()?)?, path));
    Ok(super::place::files_below(root)?.into_iter().filter_map(named).collect())
}

/// What is the same on both sides; nothing for what is no part of the repository.
fn name(path: &str) -> Option<String> {
    let (service, inside) = path.split_once('/')?;
    match inside.split_once('/') {
        Some(("sessions", _)) => None,
        Some(("backups", rest)) => {
            Some(format!("{service}/backups/{}", rest.get(rest.len().saturating_sub(HASH_DIGITS)..)?))
        }
        _ => Some(path.to_string()).filter(|_| !service.starts_with('#')),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_manifest_is_known_by_its_hash_and_sessions_do_not_count() {
        let hash = "ab".repeat(32);
        let manifest = name(&format!("bench/backups/1-2-3-4-{hash}")).unwrap();
        assert_eq!(manifest, format!("bench/backups/{hash}"));
        assert_eq!(name("bench/packs/ab/1").as_deref(), Some("bench/packs/ab/1"));
        assert_eq!(name("bench/format").as_deref(), Some("bench/format"));
        assert_eq!(name("bench/sessions/1-2-3"), None);
        assert_eq!(name("#staging/1-2"), None);
    }
}
