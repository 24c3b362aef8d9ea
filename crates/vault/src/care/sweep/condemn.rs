//! Phase one: a tombstone names what nobody needs and the manifests that go; then these manifests are deleted, nothing else.

use std::collections::{BTreeSet, HashSet};

use farshore_objects::ObjectInfo;
use farshore_types::Result;
use farshore_types::error::ErrorContext;

use super::bury::Buried;
use super::live::Live;
use super::scene::{Scene, age};
use super::settings::{Settings, Swept};
use crate::format::notes::{self, Tombstone};
use crate::names::{JOURNAL, JournalName, PACKS, PackName, TOMBSTONES};
use crate::repository::Repository;
use crate::session::Session;

/// Packs, and journal objects, that one tombstone names at most; the rest waits for the next sweep.
const NAMES_MAX: usize = 50_000;

/// Lists, puts the tombstone, deletes the manifests that go.
pub fn run(
    repository: &Repository,
    scene: &Scene,
    live: &Live,
    buried: &Buried,
    (settings, own): (&Settings, &Session),
    swept: &mut Swept,
) -> Result<()> {
    let graves = scene.graves.iter().filter(|grave| !buried.contains(&grave.name));
    let condemned: HashSet<&str> = graves
        .flat_map(|grave| grave.tombstone.packs.iter().chain(&grave.tombstone.journal))
        .map(String::as_str)
        .collect();
    let fresh = |info: &ObjectInfo| age(scene.now, info.modified) <= settings.grace;
    let free = |info: &ObjectInfo| !fresh(info) && !condemned.contains(info.name.as_str());
    let manifests: Vec<_> = live.leaving.iter().chain(&scene.fenced).map(ToString::to_string).collect();
    let tombstone = Tombstone {
        manifests,
        packs: packs(repository, live, &free)?,
        journal: journal(repository, live, &free)?,
        custody: live.custody.clone(),
    };
    if tombstone == Tombstone::default() {
        return Ok(());
    }
    let (name, bytes) = notes::encode(TOMBSTONES, own.generation(), own.id(), &tombstone)?;
    own.in_time()?;
    repository.store().put_new(&name.to_string(), bytes.into()).doing("put", "a tombstone")?;
    swept.condemned += (tombstone.packs.len() + tombstone.journal.len()) as u64;
    for name in &tombstone.manifests {
        own.in_time()?;
        repository.store().delete(name)?;
        swept.manifests += 1;
    }
    Ok(())
}

type Free<'a> = dyn Fn(&ObjectInfo) -> bool + 'a;

fn packs(repository: &Repository, live: &Live, free: &Free) -> Result<Vec<String>> {
    let mut found = Vec::new();
    repository.store().list(PACKS, &mut |info| {
        if found.len() < NAMES_MAX
            && PackName::parse(&info.name).is_ok_and(|pack| !live.needs_pack(&pack))
            && free(&info)
        {
            found.push(info.name);
        }
        Ok(())
    })?;
    found.sort();
    Ok(found)
}

/// Ranges below the floor, the lowest first. History files stay: they are tiny, and one that has no range yet may be the first object of a
/// new timeline.
fn journal(repository: &Repository, live: &Live, free: &Free) -> Result<Vec<String>> {
    let mut found = BTreeSet::new();
    repository.store().list(JOURNAL, &mut |info| {
        // What does not have a name of this format is none of ours to delete.
        if JournalName::parse(&info.name).is_ok_and(|name| !live.needs_journal(&name)) && free(&info) {
            found.insert(info.name);
            if found.len() > NAMES_MAX {
                found.pop_last();
            }
        }
        Ok(())
    })?;
    Ok(found.into_iter().collect())
}
