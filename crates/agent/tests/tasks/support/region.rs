//! A region for one test: a store in memory that can fail, and the vault of one service in it.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use farshore_agent::tasks::take_backup::{Outcome, TakeBackup};
use farshore_engines::postgresql::snapshot::Checkpoint;
use farshore_engines::postgresql::wire::Settings as Server;
use farshore_objects::layers::{Faults, Retry};
use farshore_objects::{Bucket, ObjectStore};
use farshore_types::{Generation, Position, Progress, Result, ServiceId, SystemEntropy};
use farshore_vault::journal::WAL;
use farshore_vault::names::ManifestName;
use farshore_vault::read::restore::{Settings, restore};
use farshore_vault::{Identity, Repository, Vault, backup};

use super::clock;
use super::cluster::Cluster;

/// Bytes of a page, in every PostgreSQL that is tested.
const PAGE_BYTES: usize = 8192;

/// A store and its vault.
pub struct Region {
    /// Made to fail by tests.
    pub faults: Arc<Faults>,
    /// What is stored, whatever the faults.
    pub inner: Arc<dyn ObjectStore>,
    pub vault: Vault,
    pub identity: Identity,
}

impl Region {
    /// An empty region with the service `pg-1`.
    pub fn new() -> Region {
        Region::on(Arc::new(Bucket::memory()), Identity::random(&SystemEntropy).unwrap())
    }

    /// A region in a directory, which several processes can open: made by the first.
    pub fn in_directory(folder: &Path) -> Region {
        let (store, key) = (folder.join("store"), folder.join("region.key"));
        if !key.exists() {
            std::fs::write(&key, Identity::random(&SystemEntropy).unwrap().to_file_text()).unwrap();
        }
        let identity = Identity::parse(&std::fs::read_to_string(&key).unwrap()).unwrap();
        Region::on(farshore_objects::open_or_create(store.to_str().unwrap()).unwrap(), identity)
    }

    fn on(inner: Arc<dyn ObjectStore>, identity: Identity) -> Region {
        let faults = Arc::new(Faults::new(inner.clone()));
        let store: Arc<dyn ObjectStore> = Arc::new(Retry::new(faults.clone(), clock()));
        let service: ServiceId = "pg-1".parse().unwrap();
        let vault = match Repository::open(store.clone()) {
            Ok(repository) => repository.unlock(&identity).unwrap(),
            Err(_) => Vault::create(store, &service, &identity.recipients(), &SystemEntropy).unwrap(),
        };
        Region { faults, inner, vault, identity }
    }

    /// Every backup that is listed restores, file by file.
    pub fn check_backups(&self, about: &str) {
        let vault = self.reopened();
        for name in vault.repository.backups().unwrap() {
            let folder = tempfile::tempdir().unwrap();
            let restored = self.restore_files(&name, folder.path());
            restored.unwrap_or_else(|error| panic!("{about}: backup {} does not restore: {error}", name.id));
        }
    }

    /// The same region as another process opens it: without the faults.
    pub fn reopened(&self) -> Vault {
        Repository::open(self.inner.clone()).unwrap().unlock(&self.identity).unwrap()
    }

    /// A backup of a server with its own stretch of log, to be changed and run.
    pub fn task(&self, cluster: &Cluster) -> TakeBackup {
        self.task_of(cluster.settings())
    }

    /// The same of any server.
    pub fn task_of(&self, server: Server) -> TakeBackup {
        TakeBackup {
            server,
            data_directory: None,
            vault: self.vault.clone(),
            order: Generation(0),
            stream: WAL.to_string(),
            horizon: None,
            full: false,
            checkpoint: Checkpoint::Fast,
            settings: backup::Settings::default(),
            clock: clock(),
            entropy: Arc::new(SystemEntropy),
        }
    }

    /// Takes a backup on top of the one before.
    pub fn back_up(&self, cluster: &Cluster) -> Outcome {
        self.task(cluster).run(&Progress::default()).unwrap()
    }

    /// Takes a full backup.
    pub fn back_up_in_full(&self, cluster: &Cluster) -> Outcome {
        TakeBackup { full: true, ..self.task(cluster) }.run(&Progress::default()).unwrap()
    }

    /// Restores the files of a backup as they are, tablespaces inside the folder.
    pub fn restore_files(&self, name: &ManifestName, to: &Path) -> Result<()> {
        let vault = self.reopened();
        let opened = vault.open_backup(name)?;
        let settings = Settings { links: false, sync: false, ..Settings::default() };
        restore(&vault, &opened, to, &settings, &Progress::default()).map(drop)
    }

    /// Names of all objects that begin with `prefix`.
    pub fn names(&self, prefix: &str) -> Vec<String> {
        let mut names = Vec::new();
        let listed = self.inner.list(prefix, &mut |info| {
            names.push(info.name);
            Ok(())
        });
        listed.unwrap();
        names.sort();
        names
    }

    /// Flips a bit in the middle of an object.
    pub fn damage(&self, name: &str) {
        let mut bytes = self.inner.get(name).unwrap().to_vec();
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        self.inner.delete(name).unwrap();
        self.inner.put_new(name, bytes.into()).unwrap();
    }
}

/// All files below a folder, by relative path.
fn files(folder: &Path) -> BTreeSet<PathBuf> {
    let (mut found, mut folders) = (BTreeSet::new(), vec![folder.to_path_buf()]);
    while let Some(next) = folders.pop() {
        for item in std::fs::read_dir(&next).unwrap().map(std::io::Result::unwrap) {
            match item.file_type().unwrap().is_dir() {
                true => folders.push(item.path()),
                false => drop(found.insert(item.path().strip_prefix(folder).unwrap().into())),
            }
        }
    }
    found
}

/// What differs between two restored backups of which the first began at `start`, and nothing explains. Explained are:
/// `backup_label` and `pg_control`, which name the backup's own start; and pages that were changed after the first backup
/// began (by a hint bit that its own session has set): their log position says so, and recovery makes them equal.
pub fn unexplained(left: &Path, right: &Path, start: Position) -> Vec<String> {
    assert_eq!(files(left), files(right));
    let mut found = Vec::new();
    for path in files(left) {
        let (one, other) = (std::fs::read(left.join(&path)).unwrap(), std::fs::read(right.join(&path)).unwrap());
        if one == other || path == Path::new("backup_label") || path == Path::new("global/pg_control") {
            continue;
        }
        let of_relation = ["base", "global", "pg_tblspc"].iter().any(|folder| path.starts_with(folder));
        if !of_relation || one.len() != other.len() || one.len() % PAGE_BYTES != 0 {
            found.push(format!("{} ({} and {} bytes)", path.display(), one.len(), other.len()));
            continue;
        }
        let pages = one.chunks(PAGE_BYTES).zip(other.chunks(PAGE_BYTES)).enumerate();
        for (block, (_, other)) in pages.filter(|(_, (one, other))| one != other) {
            if changed_at(other) < start {
                found.push(format!("{} block {block} of {}", path.display(), changed_at(other)));
            }
        }
    }
    found
}

/// A page's log position: two words in the byte order of the machine (PostgreSQL documentation, "Database Page Layout").
fn changed_at(page: &[u8]) -> Position {
    let word = |at: usize| u64::from(u32::from_ne_bytes(page[at..at + 4].try_into().unwrap()));
    Position(word(0) << 32 | word(4))
}
