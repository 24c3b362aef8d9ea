//! Level 1: every stored object is read once and checked; with the keys, all its frames are opened on the way.

use farshore_types::error::ErrorContext;
use farshore_types::{Error, ErrorKind, Result};

use super::finding::{Finding, Level, Request, Verified, Which};
use super::listing::Inventory;
use super::object;
use super::parallel;
use crate::names::{BACKUPS, BackupId, FORMAT, JOURNAL, JournalName, KEYS, ManifestName, PACKS, PackName};
use crate::repository::{Repository, Vault};

/// Objects that may fail to be read, other than by being missing or damaged, before the store is given up.
const READ_FAILURES_MAX: usize = 64;

type Answer = (String, u64, Option<Error>);

/// Reads and checks every object in scope.
pub fn run(
    repository: &Repository,
    vault: Option<&Vault>,
    inventory: &Inventory,
    request: &Request,
    verified: &mut Verified,
    note: &mut dyn FnMut(Finding),
) -> Result<()> {
    let mut failures = 0;
    parallel::run(
        request.workers,
        |items| match request.which {
            Which::All => repository.store().list("", &mut |info| parallel::send(items, info.name)),
            Which::Only(_) => {
                let manifests = inventory.manifests.iter().map(ManifestName::to_string);
                let needed = inventory.needed().map(str::to_string);
                let plain = std::iter::once(FORMAT.to_string());
                manifests.chain(needed).chain(plain).try_for_each(|name| parallel::send(items, name))?;
                repository.store().list(KEYS, &mut |info| parallel::send(items, info.name))
            }
        },
        |items, answers| {
            for name in items {
                request.progress.go_on()?;
                let (bytes, outcome) = check(repository, vault, &name);
                request.progress.add_bytes(bytes);
                parallel::send(answers, (name, bytes, outcome.err()))?;
            }
            Ok(())
        },
        &mut |(name, bytes, error): Answer| {
            verified.scrubbed.add(bytes);
            let Some(error) = error else { return Ok(()) };
            failures +=
                usize::from(!matches!(error.kind(), ErrorKind::Missing | ErrorKind::Corrupt | ErrorKind::Invalid));
            if failures > READ_FAILURES_MAX {
                return Err(error.hint("too many objects cannot be read: check the store"));
            }
            let (breaks, needed) = broken(&name, inventory, &verified.backups);
            // What vanished and is not needed was deleted by a sweep meanwhile.
            if needed || error.kind() != ErrorKind::Missing {
                note(Finding::damage(Level::Scrub, &name, error.to_string(), &breaks));
            }
            Ok(())
        },
    )
}

fn check(repository: &Repository, vault: Option<&Vault>, name: &str) -> (u64, Result<()>) {
    let read = || {
        let size = repository.store().head(name)?.size;
        if size > object::bytes_max(name) {
            return Err(Error::corrupt(format!("it has {size} bytes, more than such an object can have")));
        }
        repository.store().get(name).doing("read", name)
    };
    match read() {
        Ok(bytes) => (bytes.len() as u64, object::check(repository, vault, name, &bytes)),
        Err(error) => (0, Err(error)),
    }
}

/// The backups that cannot be restored without this object, and whether it must be there.
fn broken(name: &str, inventory: &Inventory, backups: &[ManifestName]) -> (Vec<BackupId>, bool) {
    let breaks = match () {
        () if name.starts_with(PACKS) => PackName::parse(name).map(|pack| inventory.needed_by(&pack.hash)),
        () if name.starts_with(JOURNAL) => JournalName::parse(name).map(|range| inventory.needed_by(&range.hash())),
        () if name.starts_with(BACKUPS) => ManifestName::parse(name)
            .map(|manifest| backups.iter().filter(|backup| **backup == manifest).map(|backup| backup.id).collect()),
        () if name == FORMAT => Ok(backups.iter().map(|name| name.id).collect()),
        () => Ok(Vec::new()),
    };
    let breaks = breaks.unwrap_or_default();
    let needed = !breaks.is_empty() || name == FORMAT;
    (breaks, needed)
}
