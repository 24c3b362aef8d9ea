//! What is needed, and which manifests go.
//!
//! Memory: a hash per needed object, and the names that the manifests which go refer to.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use farshore_types::{Error, ErrorKind, Result, SessionId};

use super::scene::Scene;
use crate::care::floor::Floor;
use crate::format::manifest::{Custody, Needs};
use crate::names::{BackupId, JournalName, ManifestName, PackName, RangeName};
use crate::primitives::Hash;
use crate::repository::Repository;

/// Names that the manifests of one tombstone may refer to, besides those of the first; the rest goes with the next sweep.
const CUSTODY_NAMES_MAX: usize = 200_000;

/// What is needed.
#[derive(Default)]
pub struct Live {
    hashes: HashSet<Hash>,
    floor: Floor,
    writers: HashSet<SessionId>,
    /// What the manifests that go refer to; until they are gone it may not be deleted.
    leaving_hashes: HashSet<Hash>,
    leaving_floor: Floor,
    /// Manifests that go because their backups expire.
    pub leaving: Vec<ManifestName>,
    /// What these refer to: full names by backup.
    pub custody: BTreeMap<String, Vec<String>>,
    /// Backups that were to expire and stay.
    pub kept_although: u64,
}

impl Live {
    /// Whether a pack is needed by what stays, or may become so.
    pub fn needs_pack(&self, name: &PackName) -> bool {
        self.hashes.contains(&name.hash) || self.writers.contains(&name.id.session)
    }

    /// Whether a journal object is needed by what stays. History files always are.
    pub fn needs_journal(&self, name: &JournalName) -> bool {
        let below = matches!(name, JournalName::Range(range) if self.floor.is_below(range));
        !below || self.hashes.contains(&name.hash())
    }

    /// Whether a pack is needed by anything that is listed, what goes included.
    pub fn holds_pack(&self, name: &PackName) -> bool {
        self.needs_pack(name) || self.leaving_hashes.contains(&name.hash)
    }

    /// Whether a journal object is needed by anything that is listed, what goes included.
    pub fn holds_journal(&self, name: &JournalName) -> bool {
        let below = matches!(name, JournalName::Range(range) if self.leaving_floor.is_below(range));
        !below || self.needs_journal(name) || self.leaving_hashes.contains(&name.hash())
    }

    /// Adds a pack or journal object by its full name. What is neither is nothing that a sweep deletes.
    fn add(&mut self, name: &str) {
        self.hashes.extend(hash_of(name));
    }
}

/// From where on the log is needed by a backup that refers to this journal object.
fn needs_of(name: &str) -> Option<Needs> {
    match JournalName::parse(name) {
        Ok(JournalName::Range(RangeName { stream, timeline, from, to, .. })) => {
            Some(Needs { stream, timeline, from, to })
        }
        _ => None,
    }
}

fn hash_of(name: &str) -> Option<Hash> {
    match PackName::parse(name) {
        Ok(pack) => Some(pack.hash),
        Err(_) => JournalName::parse(name).ok().map(|journal| journal.hash()),
    }
}

/// Reads every custody and finds what is needed. `expire` are the backups that may go; of these stay: pinned ones, the newest
/// where no other backup stays, and the newest without flags where no other without flags stays.
pub fn find(repository: &Repository, scene: &Scene, expire: &[BackupId]) -> Result<Live> {
    let mut live = Live { writers: scene.running().map(|session| session.name.session).collect(), ..Live::default() };
    let expire: BTreeSet<_> = expire.iter().collect();
    let (mut maybe, mut stay): (Vec<_>, Vec<_>) = scene.backups.iter().partition(|name| expire.contains(&name.id));
    let mut kept = Kept::default();
    stay.sort();
    for name in stay {
        // Nobody knows what a damaged manifest needs: nothing may be deleted until somebody has looked.
        let (_, custody) = repository.custody(name).map_err(stuck)?;
        kept.add(name, &custody, &mut live)?;
    }
    maybe.sort();
    for name in maybe.into_iter().rev() {
        match repository.custody(name) {
            Ok((_, custody)) if scene.is_pinned(&name.id) || kept.lacks(name, &custody) => {
                kept.add(name, &custody, &mut live)?;
                live.kept_although += 1;
            }
            Ok((_, custody)) => leave(name, &custody, &mut kept, &mut live)?,
            // It restores nothing: nobody relies on it.
            Err(error) if error.kind() == ErrorKind::Corrupt && !scene.is_pinned(&name.id) => live.leaving.push(*name),
            Err(error) => return Err(stuck(error)),
        }
    }
    for session in scene.running() {
        session.note.needs.iter().for_each(|name| live.add(name));
        // A pinned backup whose manifest is gone already is known from the tombstone that took it.
        let Some(pinned) = session.note.pins else { continue };
        for grave in &scene.graves {
            let Some(names) = grave.tombstone.custody.get(&pinned.to_string()) else { continue };
            names.iter().for_each(|name| live.add(name));
            // A restore replays the log on from there, as long as there is any.
            kept.needs.extend(names.iter().filter_map(|name| needs_of(name)).map(Some));
        }
    }
    live.floor = Floor::of(kept.needs.iter().map(Option::as_ref));
    live.leaving_floor = Floor::of(kept.needs.iter().chain(&kept.leaving_needs).map(Option::as_ref));
    live.leaving_hashes = live.custody.values().flatten().filter_map(|name| hash_of(name)).collect();
    Ok(live)
}

fn stuck(error: Error) -> Error {
    match error.kind() {
        ErrorKind::Corrupt => {
            error.hint("nothing is swept until this manifest is repaired from a copy or removed by hand")
        }
        _ => error,
    }
}

/// What is known of the backups that stay.
#[derive(Default)]
struct Kept {
    ids: BTreeSet<BackupId>,
    good: bool,
    needs: Vec<Option<Needs>>,
    leaving_needs: Vec<Option<Needs>>,
}

impl Kept {
    /// Whether this backup must stay because nothing as good does.
    fn lacks(&self, name: &ManifestName, custody: &Custody) -> bool {
        self.ids.is_empty() || self.ids.contains(&name.id) || (!self.good && custody.flags.is_empty())
    }

    fn add(&mut self, name: &ManifestName, custody: &Custody, live: &mut Live) -> Result<()> {
        self.ids.insert(name.id);
        self.good |= custody.flags.is_empty();
        self.needs.push(custody.needs.clone());
        for (pack, _) in custody.packs().map_err(stuck)? {
            live.hashes.insert(pack.hash);
        }
        for (journal, _) in &custody.journal {
            live.hashes.insert(JournalName::parse(journal).map_err(stuck)?.hash());
        }
        Ok(())
    }
}

/// Lets a manifest go, unless the tombstone would grow too large: then it stays until the next sweep.
fn leave(name: &ManifestName, custody: &Custody, kept: &mut Kept, live: &mut Live) -> Result<()> {
    let packs = custody.packs().map_err(stuck)?;
    let mut names: Vec<String> = packs.iter().map(|pack| pack.0.to_string()).collect();
    names.extend(custody.journal.iter().map(|journal| journal.0.clone()));
    let so_far: usize = live.custody.values().map(Vec::len).sum();
    if so_far > 0 && so_far + names.len() > CUSTODY_NAMES_MAX {
        return kept.add(name, custody, live);
    }
    kept.leaving_needs.push(custody.needs.clone());
    live.leaving.push(*name);
    live.custody.insert(name.id.to_string(), names);
    Ok(())
}
