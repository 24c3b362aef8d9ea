//! One repository: the backups of one service incarnation in one region.
//!
//! [`Repository`] sees everything that needs no key: which backups exist, their custody, sizes and ages. [`Vault`] holds
//! the keys too. Objects whose names are not of the format are passed over, as docs/format.md says; verify names them.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use farshore_objects::{ObjectInfo, ObjectStore};
use farshore_types::error::ErrorContext;
use farshore_types::ids::{hex, unhex};
use farshore_types::{Entropy, Error, ErrorKind, Generation, KeyId, RepositoryId, Result, ServiceId, SessionId};
use serde::{Deserialize, Serialize};

use crate::format::manifest::{self, Body, Custody};
use crate::format::notes::{self, Tombstone};
use crate::format::seal::VERSION;
use crate::keys::{Identity, Recipient, RootKey};
use crate::names::{
    BACKUPS, BackupId, FENCES, FORMAT, FenceName, KEYS, ManifestName, NoteName, SESSIONS, TOMBSTONES, WrapName,
};
use crate::primitives::{Hash, damaged};

/// Most bytes of a plain object (`format`, wraps).
const PLAIN_BYTES_MAX: usize = 64 << 10;

#[derive(Serialize, Deserialize)]
struct WireFormat {
    farshore: String,
    version: u16,
    service: ServiceId,
    repository: RepositoryId,
    signing_key: String,
}

/// What can be done with a repository without any key.
#[derive(Clone, Debug)]
pub struct Repository {
    store: Arc<dyn ObjectStore>,
    service: ServiceId,
    id: RepositoryId,
    signing_key: [u8; 32],
}

/// A repository and the keys that open it.
#[derive(Clone, Debug)]
pub struct Vault {
    /// The keyless half.
    pub repository: Repository,
    roots: BTreeMap<KeyId, RootKey>,
    current: KeyId,
}

impl Repository {
    /// Opens the repository at the root of `store`. `Missing` where there is none.
    pub fn open(store: Arc<dyn ObjectStore>) -> Result<Repository> {
        let bytes = store.get(FORMAT).doing("open", "the repository")?;
        let wrong = |what: &str| damaged(FORMAT, what);
        let text = std::str::from_utf8(&bytes).map_err(|_| wrong("it is not text"))?;
        let (line, sum) = text
            .strip_suffix('\n')
            .and_then(|text| text.split_once('\n'))
            .filter(|_| bytes.len() <= PLAIN_BYTES_MAX)
            .ok_or_else(|| wrong("it does not have two lines"))?;
        if sum != Hash::of(line.as_bytes()).to_string() {
            return Err(wrong("its first line does not have the SHA-256 in its second"));
        }
        let wire: WireFormat = serde_json::from_str(line).map_err(|_| wrong("its first line does not parse"))?;
        if wire.farshore != "vault" || wire.version > VERSION {
            let what =
                format!("this repository has format version {}, this program reads up to {VERSION}", wire.version);
            return Err(Error::invalid(what).hint("use a newer farshore"));
        }
        let signing_key = unhex(&wire.signing_key).map_err(|_| wrong("its signing key does not parse"))?;
        Ok(Repository { store, service: wire.service, id: wire.repository, signing_key })
    }

    /// The store, scoped to this repository.
    pub fn store(&self) -> &Arc<dyn ObjectStore> {
        &self.store
    }

    /// The service whose backups these are.
    pub fn service(&self) -> &ServiceId {
        &self.service
    }

    /// The repository's id; copies have the same.
    pub fn id(&self) -> RepositoryId {
        self.id
    }

    pub(crate) fn signing_key(&self) -> &[u8; 32] {
        &self.signing_key
    }

    /// All objects below a folder, sorted by name. Only for folders that hold few objects.
    pub(crate) fn listed(&self, folder: &str) -> Result<Vec<ObjectInfo>> {
        let mut found = Vec::new();
        self.store.list(folder, &mut |info| {
            found.push(info);
            Ok(())
        })?;
        found.sort_by(|left, right| left.name.cmp(&right.name));
        Ok(found)
    }

    /// Reads every tombstone, oldest name first; one that vanishes meanwhile is done with.
    pub(crate) fn tombstones(&self, each: &mut dyn FnMut(&ObjectInfo, Tombstone) -> Result<()>) -> Result<()> {
        for info in self.listed(TOMBSTONES)? {
            let Ok(name) = NoteName::parse(TOMBSTONES, &info.name) else { continue };
            let bytes = match self.store.get(&info.name) {
                Err(error) if error.kind() == ErrorKind::Missing => continue,
                bytes => bytes.doing("read", "a tombstone")?,
            };
            each(&info, notes::decode(&info.name, name.hash, &bytes)?)?;
        }
        Ok(())
    }

    /// Whether a sweep has announced that it deletes this backup. A manifest of a fenced session is none, whatever its id.
    pub(crate) fn condemned(&self, id: &BackupId) -> Result<bool> {
        let mut found = Vec::new();
        self.tombstones(&mut |_, tombstone| {
            let manifests = tombstone.manifests.iter().filter_map(|manifest| ManifestName::parse(manifest).ok());
            found.extend(manifests.filter(|manifest| manifest.id == *id));
            Ok(())
        })?;
        if found.is_empty() {
            return Ok(false);
        }
        let fenced = self.fenced()?;
        Ok(found.iter().any(|manifest| !fenced.contains(&manifest.writer)))
    }

    /// The first of these packs and journal objects that a sweep has announced to delete.
    pub(crate) fn condemned_of(&self, names: &[String]) -> Result<Option<String>> {
        if names.is_empty() {
            return Ok(None);
        }
        let names: HashSet<&str> = names.iter().map(String::as_str).collect();
        let mut found = None;
        self.tombstones(&mut |_, tombstone| {
            let mut condemned = tombstone.packs.into_iter().chain(tombstone.journal);
            found = found.take().or_else(|| condemned.find(|name| names.contains(name.as_str())));
            Ok(())
        })?;
        Ok(found)
    }

    /// Sessions that may commit nothing any more.
    pub fn fenced(&self) -> Result<HashSet<SessionId>> {
        Ok(self.listed(FENCES)?.iter().filter_map(|info| Some(FenceName::parse(&info.name).ok()?.session)).collect())
    }

    /// Every listed manifest, fenced or not.
    fn manifests(&self) -> Result<Vec<ManifestName>> {
        Ok(self.listed(BACKUPS)?.iter().filter_map(|info| ManifestName::parse(&info.name).ok()).collect())
    }

    /// Every backup that exists here, oldest first. Manifests are listed before fences: a fence that is put between the two
    /// listings hides its manifest, never the other way round.
    pub fn backups(&self) -> Result<Vec<ManifestName>> {
        let mut found = BTreeMap::new();
        let listed = self.manifests()?;
        let fenced = self.fenced()?;
        for name in listed {
            if !fenced.contains(&name.writer) {
                found.entry(name.id).or_insert(name);
            }
        }
        Ok(found.into_values().collect())
    }

    /// The backup that `text` names: `newest`, its sequence number, or the start of its name.
    pub fn find(&self, text: &str) -> Result<ManifestName> {
        let backups = self.backups()?;
        let none = || {
            Error::missing(format!("service {} has no backup here", self.service))
                .hint("take one, or name another region's store")
        };
        if text == "newest" {
            return backups.last().copied().ok_or_else(none);
        }
        let sequence = text.parse::<u32>().ok().filter(|_| text.len() < 8);
        let fits = |name: &&ManifestName| match sequence {
            Some(sequence) => name.id.sequence == sequence,
            None => name.id.to_string().starts_with(text),
        };
        let mut fitting = backups.iter().filter(fits);
        match (fitting.next(), fitting.next()) {
            (Some(name), None) => Ok(*name),
            (Some(_), Some(_)) => {
                Err(Error::invalid(format!("{text:?} fits several backups")).hint("give more of its name"))
            }
            (None, _) => {
                Err(Error::missing(format!("no backup {text:?} here"))
                    .hint("`farshore vault list` shows what there is"))
            }
        }
    }

    /// A manifest's bytes and its custody, checked as far as that goes without a key.
    pub fn custody(&self, name: &ManifestName) -> Result<(bytes::Bytes, Custody)> {
        let bytes = self.store.get(&name.to_string()).doing("read", "a manifest")?;
        let custody = manifest::open_custody(name, &bytes, &self.signing_key)?;
        Ok((bytes, custody))
    }

    /// 1 + the highest generation that is listed. It becomes known to others when the session that uses it is put.
    pub fn next_generation(&self) -> Result<Generation> {
        let mut highest = self.manifests()?.iter().map(|name| name.id.generation.0).max().unwrap_or(0);
        for folder in [SESSIONS, TOMBSTONES] {
            let listed = self.listed(folder)?;
            let notes = listed.iter().filter_map(|info| NoteName::parse(folder, &info.name).ok());
            highest = notes.map(|name| name.generation.0).fold(highest, u64::max);
        }
        highest.checked_add(1).map(Generation).ok_or_else(|| none_left("generation"))
    }

    /// The next generation of a writer that acts on an order of a control plane. The order is its upper half, so that everything that is
    /// written on a later order is newer, also where the writer before it stood in another region and its newest objects are not
    /// here. `Conflict` where this store shows a later order: the writer was replaced. Order 0: there is no control plane.
    pub fn next_generation_under(&self, order: Generation) -> Result<Generation> {
        if order.0 == 0 {
            return self.next_generation();
        }
        let next = self.next_generation()?;
        let shown = Generation(next.0 - 1).order();
        if shown > order.0 {
            let what = format!("the store shows order {shown}, and this writer acts on {}", order.0);
            return Err(Error::conflict(what).hint("it was replaced by a later one: see where the service lives now"));
        }
        let next = Generation::first_of(order.0).map(|first| first.max(next));
        next.filter(|next| next.order() == order.0).ok_or_else(|| none_left("generation"))
    }

    /// 1 + the highest sequence that is listed, fenced ones included.
    pub fn next_sequence(&self) -> Result<u32> {
        let highest = self.manifests()?.iter().map(|name| name.id.sequence).max().unwrap_or(0);
        highest.checked_add(1).ok_or_else(|| none_left("sequence"))
    }

    /// The wraps and for whom they are.
    pub fn wraps(&self) -> Result<Vec<WrapName>> {
        Ok(self.listed(KEYS)?.iter().filter_map(|info| WrapName::parse(&info.name).ok()).collect())
    }

    /// Opens the repository's keys.
    pub fn unlock(self, identity: &Identity) -> Result<Vault> {
        let ours: HashSet<[u8; 8]> = identity.recipients().iter().map(Recipient::tag).collect();
        let mut roots = BTreeMap::new();
        let wraps = self.wraps()?;
        let mut failure = None;
        for name in wraps.iter().filter(|name| ours.contains(&name.recipient)) {
            let opened = self
                .store
                .get(&name.to_string())
                .and_then(|bytes| RootKey::unwrap_from(name, &bytes, self.id, identity));
            match opened {
                Ok(Some(root)) => drop(roots.insert(root.id(), root)),
                Ok(None) => {
                    failure = Some(damaged(&name.to_string(), "it is for another recipient than its name says"));
                }
                Err(error) => failure = Some(error),
            }
        }
        let signing = |root: &&RootKey| root.verifying_key().is_ok_and(|key| key == self.signing_key);
        match (roots.values().find(signing).map(RootKey::id), failure) {
            (Some(current), _) => Ok(Vault { repository: self, roots, current }),
            (None, Some(error)) => Err(error),
            (None, None) if roots.is_empty() => {
                let what =
                    format!("the identity opens none of the {} wrapped keys of service {}", wraps.len(), self.service);
                Err(Error::denied(what).hint("give the region's key file, or the recovery identity"))
            }
            (None, None) => Err(damaged(FORMAT, "its signing key is not that of the root key")),
        }
    }
}

impl Vault {
    /// Makes a repository whose root key is wrapped for these recipients. Wraps go first: a repository that can be seen can be
    /// opened. `Conflict` where there is one already, also if only its `format` is lost: the wraps that are there open its backups.
    /// If we die in between, or lose against another call, our wraps are removed by the call that succeeds: nothing was sealed
    /// under them.
    pub fn create(
        store: Arc<dyn ObjectStore>,
        service: &ServiceId,
        recipients: &[Recipient],
        entropy: &dyn Entropy,
    ) -> Result<Vault> {
        if recipients.is_empty() {
            return Err(Error::invalid("a repository needs at least one recipient for its key")
                .hint("give the region's public key"));
        }
        match store.head(FORMAT) {
            Ok(_) => return Err(Error::conflict(format!("there is a repository of service {service} already"))),
            Err(error) if error.kind() == ErrorKind::Missing => {}
            Err(error) => return Err(error),
        }
        refuse_remains(&*store)?;
        let (root, id) = (RootKey::random(entropy)?, RepositoryId::random(entropy)?);
        let signing_key = root.verifying_key()?;
        let repository = Repository { store, service: service.clone(), id, signing_key };
        let current = root.id();
        let vault = Vault { repository, roots: BTreeMap::from([(current, root)]), current };
        recipients.iter().try_for_each(|recipient| vault.add_recipient(recipient, entropy))?;
        let line = serde_json::to_string(&WireFormat {
            farshore: "vault".to_string(),
            version: VERSION,
            service: service.clone(),
            repository: id,
            signing_key: hex(&signing_key),
        })
        .map_err(|error| Error::bug(format!("the format does not encode: {error}")))?;
        let text = format!("{line}\n{}\n", Hash::of(line.as_bytes()));
        vault.repository.store.put_new(FORMAT, text.into_bytes().into())?;
        if let Err(error) = vault.delete_other_wraps() {
            tracing::info!(%error, "wraps of an attempt that failed stay behind; they open nothing");
        }
        Ok(vault)
    }

    /// Only right after `format` was put: nobody else's key can be in use then.
    fn delete_other_wraps(&self) -> Result<()> {
        let wraps = self.repository.wraps()?;
        let others = wraps.iter().filter(|wrap| wrap.key != self.current);
        others.map(ToString::to_string).try_for_each(|name| self.repository.store.delete(&name))
    }

    /// Wraps every root key for one more recipient; nothing happens for those that have a wrap already.
    pub fn add_recipient(&self, recipient: &Recipient, entropy: &dyn Entropy) -> Result<()> {
        let wraps = self.repository.wraps()?;
        for root in self.roots.values() {
            if wraps.iter().any(|wrap| wrap.recipient == recipient.tag() && wrap.key == root.id()) {
                continue;
            }
            let (name, bytes) = root.wrap(self.repository.id, recipient, entropy)?;
            self.repository.store.put_new(&name.to_string(), bytes.into())?;
        }
        Ok(())
    }

    /// The key that new objects are sealed with.
    pub(crate) fn root(&self) -> Result<&RootKey> {
        self.roots.get(&self.current).ok_or_else(|| Error::bug("the current root key is not held"))
    }

    /// The key that the object `name` was sealed with.
    pub(crate) fn root_of(&self, key: KeyId, name: &str) -> Result<&RootKey> {
        let what = || format!("object {name} was sealed with root key {key}, which this identity does not open");
        self.roots.get(&key).ok_or_else(|| Error::denied(what()).hint("give an identity for which that key is wrapped"))
    }

    /// The sealed part of a manifest.
    pub fn body(&self, name: &ManifestName, bytes: &[u8]) -> Result<Body> {
        let text = name.to_string();
        let key = crate::format::seal::Opening::parse(&text, bytes)?.key_id();
        manifest::open_body(name, bytes, self.root_of(key, &text)?, self.repository.id)
    }

    /// The id of a backup that this vault's next session takes.
    pub fn backup_id(&self, generation: Generation, session: SessionId) -> Result<BackupId> {
        Ok(BackupId { generation, sequence: self.repository.next_sequence()?, session })
    }
}

fn none_left(number: &str) -> Error {
    Error::corrupt(format!("an object's name takes the last {number} that there is")).hint("remove that object")
}

/// Refuses a store that holds anything but wraps, of which an attempt that died leaves some.
fn refuse_remains(store: &dyn ObjectStore) -> Result<()> {
    store.list("", &mut |info| match info.name.starts_with(KEYS) {
        true => Ok(()),
        false => Err(Error::conflict(format!("the store holds {} of a repository, and no {FORMAT}", info.name))
            .hint("put back `format` from another region's copy, or name a store that holds nothing")),
    })
}
