//! Phase two: what an earlier sweep condemned is deleted, as far as no listed manifest needs it.
//!
//! Manifests that go in this very sweep count as listed: if we die between the two phases they are still there, and must restore.

use std::collections::HashSet;

use farshore_objects::ObjectStore;
use farshore_types::Result;

use super::live::Live;
use super::scene::{Grave, Scene};
use super::settings::{Settings, Swept};
use crate::names::{BackupId, JOURNAL, JournalName, PACKS, PackName};
use crate::repository::Repository;
use crate::session::Session;

/// Names of tombstones that were done with.
pub type Buried = HashSet<String>;

/// Buries every tombstone that is old enough and that no running session relies on.
pub fn run(
    repository: &Repository,
    scene: &Scene,
    live: &Live,
    settings: &Settings,
    own: &Session,
    swept: &mut Swept,
) -> Result<Buried> {
    let mut buried = Buried::new();
    for grave in scene.graves.iter().filter(|grave| grave.age >= settings.cycle) {
        // The tombstone is all that still knows what the pinned backup needs, so it stays as long as the session.
        let pinned = |id: &String| BackupId::parse(id).is_ok_and(|id| scene.is_pinned(&id));
        if grave.tombstone.custody.keys().any(pinned) {
            swept.postponed += 1;
            continue;
        }
        bury(repository, grave, live, own, swept)?;
        own.in_time()?;
        // Last, because a copier that finds no tombstone believes that what it sees stays.
        repository.store().delete(&grave.name)?;
        buried.insert(grave.name.clone());
    }
    Ok(buried)
}

fn bury(repository: &Repository, grave: &Grave, live: &Live, own: &Session, swept: &mut Swept) -> Result<()> {
    let store = &**repository.store();
    for name in present(store, PACKS, &grave.tombstone.packs)? {
        // Only what is a pack by its name is deleted as one, whatever a tombstone says.
        match PackName::parse(&name).is_ok_and(|pack| !live.holds_pack(&pack)) {
            false => swept.spared += 1,
            true => {
                own.in_time()?;
                store.delete(&name)?;
                swept.packs += 1;
            }
        }
    }
    // In the order of their names, so that what remains of a log has no hole.
    for name in present(store, JOURNAL, &grave.tombstone.journal)? {
        match JournalName::parse(&name).is_ok_and(|journal| !live.holds_journal(&journal)) {
            false => swept.spared += 1,
            true => {
                own.in_time()?;
                store.delete(&name)?;
                swept.journal += 1;
            }
        }
    }
    Ok(())
}

/// Those of the names that are there, sorted: a sweep that goes on after another died does not delete everything again.
fn present(store: &dyn ObjectStore, folder: &str, names: &[String]) -> Result<Vec<String>> {
    if names.is_empty() {
        return Ok(Vec::new());
    }
    let names: HashSet<&str> = names.iter().map(String::as_str).collect();
    let mut there = Vec::new();
    store.list(folder, &mut |info| {
        if names.contains(info.name.as_str()) {
            there.push(info.name);
        }
        Ok(())
    })?;
    there.sort();
    Ok(there)
}
