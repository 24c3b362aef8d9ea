//! Level 0: what backups need is listed with the right size.
//!
//! Listings are read tolerantly here: an object whose name is not one of this format is a finding, not an error.

use std::collections::{BTreeMap, HashMap, HashSet};

use farshore_objects::ObjectInfo;
use farshore_types::{KeyId, Result};

use super::finding::{Finding, Level, Request, Verified, Which};
use crate::format::seal::Opening;
use crate::names::{
    BACKUPS, BackupId, FENCES, FORMAT, FenceName, JOURNAL, JournalName, KEYS, ManifestName, NoteName, PACKS, PackName,
    SESSIONS, TOMBSTONES, WrapName,
};
use crate::primitives::Hash;
use crate::repository::Repository;

/// One object that backups need.
struct Need {
    name: String,
    size: u64,
    backups: Vec<u32>,
    seen: bool,
}

/// What is there and who needs it.
#[derive(Default)]
pub struct Inventory {
    /// Backups whose custody could be read.
    pub backups: Vec<ManifestName>,
    /// Every listed manifest in scope, fenced ones and copies of one another included.
    pub manifests: Vec<ManifestName>,
    needs: HashMap<Hash, Need>,
    keys: BTreeMap<KeyId, Vec<BackupId>>,
}

impl Inventory {
    /// The backups that need the object with this hash.
    pub fn needed_by(&self, hash: &Hash) -> Vec<BackupId> {
        let ids = |need: &Need| need.backups.iter().filter_map(|at| Some(self.backups.get(*at as usize)?.id)).collect();
        self.needs.get(hash).map(ids).unwrap_or_default()
    }

    /// Names of all packs and journal objects that backups need.
    pub fn needed(&self) -> impl Iterator<Item = &str> {
        self.needs.values().map(|need| need.name.as_str())
    }

    fn add(&mut self, name: String, hash: Hash, size: u64, backup: u32) {
        let need = self.needs.entry(hash).or_insert(Need { name, size, backups: Vec::new(), seen: false });
        if need.backups.last() != Some(&backup) {
            need.backups.push(backup);
        }
    }
}

/// Lists everything and compares it with the custodies of the backups in scope.
pub fn take(
    repository: &Repository,
    request: &Request,
    verified: &mut Verified,
    note: &mut dyn FnMut(Finding),
) -> Result<Inventory> {
    let mut inventory = Inventory::default();
    for name in manifests(repository, &request.which, &mut inventory, note)? {
        verified.backups.push(name);
        read_custody(repository, name, &mut inventory, note);
    }
    let mut wrapped = HashSet::new();
    repository.store().list("", &mut |info| {
        request.progress.go_on()?;
        verified.listed.add(info.size);
        if info.name.starts_with(KEYS) {
            wrapped.extend(WrapName::parse(&info.name).map(|wrap| wrap.key));
        }
        compare(&info, &mut inventory, request, verified, note);
        Ok(())
    })?;
    for need in inventory.needs.values().filter(|need| !need.seen) {
        let ids: Vec<_> = need.backups.iter().filter_map(|at| Some(inventory.backups.get(*at as usize)?.id)).collect();
        note(Finding::damage(Level::Listing, &need.name, "it is missing", &ids));
    }
    for (key, ids) in inventory.keys.iter().filter(|(key, _)| !wrapped.contains(key)) {
        note(Finding::damage(Level::Listing, KEYS, format!("root key {key} is wrapped for nobody"), ids));
    }
    Ok(inventory)
}

/// The backups in scope, oldest first.
fn manifests(
    repository: &Repository,
    which: &Which,
    inventory: &mut Inventory,
    note: &mut dyn FnMut(Finding),
) -> Result<Vec<ManifestName>> {
    let listed = repository.listed(BACKUPS)?;
    let fenced: HashSet<_> =
        repository.listed(FENCES)?.iter().filter_map(|info| Some(FenceName::parse(&info.name).ok()?.session)).collect();
    let wanted = |id: BackupId| match which {
        Which::All => true,
        Which::Only(names) => names.iter().any(|name| name.id == id),
    };
    let mut found = BTreeMap::new();
    for name in listed.iter().filter_map(|info| ManifestName::parse(&info.name).ok()).filter(|name| wanted(name.id)) {
        inventory.manifests.push(name);
        if fenced.contains(&name.writer) {
            let what = "it was put by a session that had been fenced, so it is no backup; a sweep removes it";
            note(Finding::note(Level::Listing, &name.to_string(), what));
        } else {
            found.entry(name.id).or_insert(name);
        }
    }
    if let Which::Only(names) = which {
        for name in names.iter().filter(|name| !found.contains_key(&name.id)) {
            note(Finding::damage(Level::Listing, &name.to_string(), "it is missing", &[name.id]));
        }
    }
    Ok(found.into_values().collect())
}

fn read_custody(repository: &Repository, name: ManifestName, inventory: &mut Inventory, note: &mut dyn FnMut(Finding)) {
    let place = inventory.backups.len() as u32;
    let text = name.to_string();
    let mut read = || -> Result<()> {
        let (bytes, custody) = repository.custody(&name)?;
        let packs = custody.packs()?;
        let journal: Vec<_> =
            custody.journal.iter().map(|(name, size)| Ok((JournalName::parse(name)?, *size))).collect::<Result<_>>()?;
        let key = Opening::parse(&text, &bytes)?.key_id();
        packs.iter().for_each(|(pack, size)| inventory.add(pack.to_string(), pack.hash, *size, place));
        journal.iter().for_each(|(range, size)| inventory.add(range.to_string(), range.hash(), *size, place));
        inventory.keys.entry(key).or_default().push(name.id);
        Ok(())
    };
    match read() {
        Ok(()) => inventory.backups.push(name),
        Err(error) => note(Finding::damage(Level::Listing, &text, error.to_string(), &[name.id])),
    }
}

/// Compares one listed object with what is known.
fn compare(
    info: &ObjectInfo,
    inventory: &mut Inventory,
    request: &Request,
    verified: &mut Verified,
    note: &mut dyn FnMut(Finding),
) {
    let Some(hash) = hash_of(&info.name) else {
        note(Finding::damage(Level::Listing, &info.name, "it does not have a name of this format", &[]));
        return;
    };
    match inventory.needs.get_mut(&hash) {
        Some(need) if need.name == info.name => {
            need.seen = true;
            if need.size != info.size {
                let what = format!("it has {} bytes instead of {}", info.size, need.size);
                let ids = inventory.needed_by(&hash);
                note(Finding::damage(Level::Listing, &info.name, what, &ids));
            }
        }
        _ if info.name.starts_with(PACKS) && request.which == Which::All => verified.orphans.add(info.size),
        _ => {}
    }
}

/// The hash that a well-formed name promises; for `format`, which has none, any.
fn hash_of(name: &str) -> Option<Hash> {
    let folder = name.split_inclusive('/').next().unwrap_or_default();
    match folder {
        FORMAT => Some(Hash([0; 32])),
        KEYS => Some(WrapName::parse(name).ok()?.hash),
        PACKS => Some(PackName::parse(name).ok()?.hash),
        BACKUPS => Some(ManifestName::parse(name).ok()?.hash),
        JOURNAL => Some(JournalName::parse(name).ok()?.hash()),
        SESSIONS => Some(NoteName::parse(SESSIONS, name).ok()?.hash),
        FENCES => Some(FenceName::parse(name).ok()?.hash),
        TOMBSTONES => Some(NoteName::parse(TOMBSTONES, name).ok()?.hash),
        _ => None,
    }
}
