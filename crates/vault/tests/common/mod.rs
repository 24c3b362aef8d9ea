//! A folder of files that can be changed, backed up and compared: what the vault's tests share.
#![allow(dead_code, reason = "each test file uses a part of it")]
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test ends where something is not as it must be")]

pub mod edits;
pub mod log;
pub mod resume;
pub mod tree;
pub mod world;

use std::collections::BTreeMap;
use std::io::Read;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use farshore_objects::ObjectStore;
use farshore_types::snapshot::{ClosingFile, PageSource, SourceFile, SourceKind, path_order};
use farshore_types::{Clock, PageKind, PageState, Position, Progress, Result, ServiceId, Timestamp};
use farshore_vault::backup::{self, Bounds, Closing, Request, Taken};
use farshore_vault::format::notes::Purpose;
use farshore_vault::names::ManifestName;
use farshore_vault::read::OpenBackup;
use farshore_vault::session::{Announcement, Session};
use farshore_vault::testing::{ManualClock, SeededEntropy};
use farshore_vault::{Hash, Identity, Repository, Vault};

pub const PAGE: usize = 512;

fn changed_at(page: &[u8]) -> u64 {
    u64::from_le_bytes(page[..8].try_into().unwrap())
}

pub fn sum(page: &[u8], block: u32) -> u16 {
    let body = page[..8].iter().chain(&page[10..]);
    body.fold(block.wrapping_mul(31) as u16, |sum, &byte| sum.rotate_left(3) ^ u16::from(byte).wrapping_mul(257))
}

fn check(page: &[u8], block: u32) -> PageState {
    if page.iter().all(|&byte| byte == 0) {
        return PageState::Empty;
    }
    match sum(page, block) == u16::from_le_bytes(page[8..10].try_into().unwrap()) {
        true => PageState::Good,
        false => PageState::Bad,
    }
}

/// Pages of 512 bytes: log position, checksum, content.
pub const KIND: PageKind = PageKind { name: "test-512", size: PAGE, changed_at, check, stamp_bytes: 10 };

/// A page with this position and content.
pub fn page(block: u32, position: u64, fill: u8) -> Vec<u8> {
    let mut page = vec![fill; PAGE];
    page[..8].copy_from_slice(&position.to_le_bytes());
    page[8..10].fill(0);
    let sum = sum(&page, block);
    page[8..10].copy_from_slice(&sum.to_le_bytes());
    page
}

/// A source folder, a store, and a clock.
pub struct Bench {
    pub folder: tempfile::TempDir,
    pub store: Arc<dyn ObjectStore>,
    pub vault: Vault,
    pub identity: Identity,
    pub clock: Arc<ManualClock>,
    pub entropy: SeededEntropy,
    pub believe: bool,
    /// Whether page files are listed as having checksums.
    pub checksums: bool,
    /// Page positions below this are not believed.
    pub floor: u64,
    /// Threads of every backup.
    pub workers: usize,
    /// Birth times of paths that were made anew: file systems use inode numbers again.
    pub births: Mutex<BTreeMap<String, i64>>,
}

impl Bench {
    pub fn new(store: Arc<dyn ObjectStore>, seed: u64) -> Bench {
        let entropy = SeededEntropy::new(seed);
        let identity = Identity::random(&entropy).unwrap();
        let service: ServiceId = "pg-1".parse().unwrap();
        let vault = Vault::create(store.clone(), &service, &identity.recipients(), &entropy).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let (clock, births) = (Arc::default(), Mutex::default());
        let (believe, checksums, floor, workers) = (true, true, 1, 2);
        Bench { folder, store, vault, identity, clock, entropy, believe, checksums, floor, workers, births }
    }

    pub fn path(&self, path: &str) -> PathBuf {
        self.folder.path().join(path)
    }

    pub fn write(&self, path: &str, content: &[u8]) {
        let path = self.path(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, content).unwrap();
    }

    /// Every path below the folder; names that end in `.pages` are page files.
    pub fn list(&self) -> Vec<SourceFile> {
        let mut found = Vec::new();
        walk(self.folder.path(), "", self.believe, &mut found);
        let births = self.births.lock().unwrap();
        for file in &mut found {
            file.identity.1 = births.get(&file.path).copied().unwrap_or(0);
            if let SourceKind::Pages(pages) = &mut file.kind {
                pages.checksums = self.checksums;
            }
        }
        found.sort_by(|left, right| path_order(&left.path, &right.path));
        found
    }

    pub fn session(&self, purpose: Purpose, parent: Option<&ManifestName>) -> Session {
        self.try_session(purpose, parent).unwrap()
    }

    pub fn try_session(&self, purpose: Purpose, parent: Option<&ManifestName>) -> Result<Session> {
        let generation = self.vault.repository.next_generation()?;
        let announcement = Announcement::new(purpose, parent.map(|name| name.id));
        Session::begin(&self.vault.repository, generation, announcement, self.clock.clone(), &self.entropy)
    }

    /// Opens the repository in a store as a program does that was just started.
    pub fn fresh(&self, store: Arc<dyn ObjectStore>) -> Result<Vault> {
        Repository::open(store)?.unlock(&self.identity)
    }

    /// Takes a backup that starts at log position `start`, on top of `parent`, which started at `since`.
    pub fn try_backup(&self, start: u64, parent: Option<(&ManifestName, u64)>) -> Result<Taken> {
        let mut files = self.list().into_iter().map(Ok);
        self.try_backup_of(&mut files, start, parent, &mut || Ok(closing(start)))
    }

    /// As [`Bench::try_backup`], of other files than those that are listed now, and with another closing.
    pub fn try_backup_of(
        &self,
        files: &mut dyn Iterator<Item = Result<SourceFile>>,
        start: u64,
        parent: Option<(&ManifestName, u64)>,
        close: &mut dyn FnMut() -> Result<Closing>,
    ) -> Result<Taken> {
        let session = self.try_session(Purpose::Backup, parent.map(|parent| parent.0))?;
        let open: Option<OpenBackup> = parent.map(|(name, _)| self.vault.open_backup(name)).transpose()?;
        let request = Request {
            session: &session,
            engine: "test",
            parent: open.as_ref(),
            bounds: Bounds { since: parent.map_or(0, |parent| parent.1), floor: self.floor },
            start: Position(start),
            facts: serde_json::Value::Null,
            adopted: None,
            settings: backup::Settings { workers: self.workers, ..Default::default() },
            progress: &Progress::default(),
        };
        let taken = backup::take(&self.vault, &request, files, close, (self.clock.clone(), &self.entropy))?;
        session.end()?;
        Ok(taken)
    }

    pub fn backup(&self, start: u64, parent: Option<(&ManifestName, u64)>) -> Taken {
        self.try_backup(start, parent).unwrap()
    }

    /// Restores into a new folder and gives its content.
    pub fn restored(&self, name: &ManifestName) -> Result<BTreeMap<String, Vec<u8>>> {
        restored_by(&self.vault, name)
    }

    pub fn content(&self) -> BTreeMap<String, Vec<u8>> {
        let mut content = content(self.folder.path());
        content.insert("closing/control".into(), b"control".to_vec());
        content
    }

    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }
}

/// Restores a backup into a new folder and gives the folder.
pub fn restored_folder(vault: &Vault, name: &ManifestName) -> Result<tempfile::TempDir> {
    let to = tempfile::tempdir().unwrap();
    let backup = vault.open_backup(name)?;
    let settings = farshore_vault::read::restore::Settings { sync: false, ..Default::default() };
    farshore_vault::read::restore(vault, &backup, to.path(), &settings, &Progress::default())?;
    Ok(to)
}

/// Restores a backup into a new folder and gives its content.
pub fn restored_by(vault: &Vault, name: &ManifestName) -> Result<BTreeMap<String, Vec<u8>>> {
    Ok(content(restored_folder(vault, name)?.path()))
}

/// Every path below a folder with size and hash of its content, as [`content`], in little memory.
pub fn fingerprints(folder: &Path) -> BTreeMap<String, (u64, String)> {
    let mut found = Vec::new();
    walk(folder, "", true, &mut found);
    found.retain(|file| !file.path.starts_with("closing"));
    found.iter().map(|file| (file.path.clone(), fingerprint(file))).collect()
}

fn fingerprint(file: &SourceFile) -> (u64, String) {
    match &file.kind {
        SourceKind::Directory => (0, "directory".into()),
        SourceKind::Link(target) => (0, format!("-> {target}")),
        _ => {
            let mut open = std::fs::File::open(&file.location).unwrap();
            let (mut buffer, mut sum) = (vec![0; 1 << 20], [0; 32]);
            loop {
                let count = open.read(&mut buffer).unwrap();
                if count == 0 {
                    return (file.size, Hash(sum).to_string());
                }
                sum = Hash::of(&[&sum, Hash::of(&buffer[..count]).0.as_slice()].concat()).0;
            }
        }
    }
}

/// Whether the full counts of `make soak` are asked for.
pub fn soak() -> bool {
    std::env::var_os("FARSHORE_SOAK").is_some_and(|value| value == "1")
}

/// Runs a test for some seeds; `FARSHORE_SEED` runs it for one. The seed of a failure stands in the output.
pub fn samples(normally: u64, when_soaking: u64, each: impl Fn(u64)) {
    let one = std::env::var("FARSHORE_SEED").ok().and_then(|seed| seed.parse::<u64>().ok());
    let seeds = match one {
        Some(seed) => seed..seed + 1,
        None => 0..if soak() { when_soaking } else { normally },
    };
    for seed in seeds {
        eprintln!("seed {seed} (again: FARSHORE_SEED={seed})");
        each(seed);
    }
}

pub fn closing(stop: u64) -> Closing {
    Closing {
        files: vec![ClosingFile { path: "closing/control".into(), mode: 0o600, content: b"control".to_vec() }],
        engine: serde_json::json!({"test": true}),
        started: Timestamp::from_micros(1),
        finished: Timestamp::from_micros(2),
        stop: Position(stop + 1000),
        needs: None,
        journal: Vec::new(),
    }
}

fn walk(folder: &Path, prefix: &str, believe: bool, found: &mut Vec<SourceFile>) {
    for item in std::fs::read_dir(folder).unwrap() {
        let item = item.unwrap();
        let name = item.file_name().into_string().unwrap();
        let path = if prefix.is_empty() { name } else { format!("{prefix}/{name}") };
        let meta = item.metadata().unwrap();
        let pages = PageSource { kind: KIND, first_block: 0, checksums: true, believe_positions: believe };
        let kind = match () {
            () if meta.is_dir() => SourceKind::Directory,
            () if meta.is_symlink() => {
                SourceKind::Link(std::fs::read_link(item.path()).unwrap().into_os_string().into_string().unwrap())
            }
            () if path.ends_with(".pages") => SourceKind::Pages(pages),
            () => SourceKind::File,
        };
        let (mode, mtime, identity) = (meta.mode() & 0o777, meta.mtime(), (meta.ino(), 0));
        found.push(SourceFile {
            path: path.clone(),
            location: item.path(),
            kind,
            size: meta.len(),
            mode,
            mtime,
            identity,
        });
        if meta.is_dir() {
            walk(&item.path(), &path, believe, found);
        }
    }
}

/// Every file below a folder, with its bytes; links as `-> target`, directories as empty.
pub fn content(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut found = Vec::new();
    walk(folder, "", true, &mut found);
    let bytes = |file: &SourceFile| match &file.kind {
        SourceKind::Directory => b"directory".to_vec(),
        SourceKind::Link(target) => format!("-> {target}").into_bytes(),
        _ => std::fs::read(&file.location).unwrap(),
    };
    let mut content: BTreeMap<_, _> = found.iter().map(|file| (file.path.clone(), bytes(file))).collect();
    content.remove("closing");
    content
}
