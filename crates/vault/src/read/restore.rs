//! Restoring a backup into a folder.
//!
//! Files are written in parallel, segment by segment, under a temporary name that no file of the backup can have, and renamed when
//! they are complete. Nothing is ever written below or through a link. The closing
//! files are written last, in their order. A marker file stands in the folder until everything is durable: if we die, the folder
//! cannot be taken for a restored one, and the same restore run again keeps the files whose digests match.
//! Memory: per worker one content reader; nothing grows with the size of the backup.

use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{ErrorKind as IoErrorKind, Write};
use std::os::unix::fs::{FileExt, OpenOptionsExt, PermissionsExt, chown, symlink};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use crossbeam_channel::{Receiver, Sender, bounded};
use farshore_types::error::ErrorContext;
use farshore_types::snapshot::ClosingFile;
use farshore_types::snapshot::path_order;
use farshore_types::{Error, ErrorKind, Progress, Result};

use super::backup::{OpenBackup, segment_length};
use super::content::{ContentReader, Digest, Piece};
use super::folder;
pub use super::folder::MARKER;
use crate::format::catalog::{Entry, EntryKind};
use crate::repository::Vault;

/// Segments that may wait for a worker.
const QUEUE_SEGMENTS: usize = 64;
/// Mode of every file until it has its own: nobody else reads a database while it is written.
const PRIVATE_MODE: u32 = 0o600;

/// How to restore.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Threads that read, open and write.
    pub workers: usize,
    /// Owner of everything that is written, when we run as root.
    pub owner: Option<(u32, u32)>,
    /// Parts of the backup that go elsewhere: a path and everything below it, and the folder that stands for it.
    pub relocate: Vec<(String, PathBuf)>,
    /// Written instead of the backup's closing files.
    pub closing: Option<Vec<ClosingFile>>,
    /// Whether to make symbolic links; not for a copy that runs beside its source and could write through them.
    pub links: bool,
    /// Whether to make the files durable before returning.
    pub sync: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Settings { workers: 2, owner: None, relocate: Vec::new(), closing: None, links: true, sync: true }
    }
}

/// What a restore did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Restored {
    /// Files written.
    pub files: u64,
    /// Bytes written, zero bytes included.
    pub bytes: u64,
    /// Files that were there already with the right content.
    pub kept: u64,
}

/// A file being written by several workers.
struct Target {
    entry: Entry,
    path: PathBuf,
    part: PathBuf,
    file: File,
    left: AtomicU32,
}

/// A file to be written: the number of its entry, the entry, and where it goes.
type Planned = (usize, Entry, PathBuf);

struct Restore<'a> {
    vault: &'a Vault,
    backup: &'a OpenBackup,
    to: &'a Path,
    settings: &'a Settings,
    progress: &'a Progress,
    trusted: bool,
    failed: AtomicBool,
    files: AtomicU64,
    kept: AtomicU64,
    bytes: AtomicU64,
}

/// Restores a backup into `to`, which must be empty, missing, or hold an unfinished restore of the same backup. Refused before anything is
/// written: another content (`Conflict`), too little room (`Busy`).
pub fn restore(
    vault: &Vault,
    backup: &OpenBackup,
    to: &Path,
    settings: &Settings,
    progress: &Progress,
) -> Result<Restored> {
    let folders = settings.relocate.iter().map(|(_, folder)| folder.as_path());
    let trusted = folder::prepare(backup, to, folders)?;
    progress.expect_bytes(backup.custody.sizes.raw);
    let (files, kept, bytes) = (AtomicU64::new(0), AtomicU64::new(0), AtomicU64::new(0));
    let failed = AtomicBool::new(false);
    let run = Restore { vault, backup, to, settings, progress, trusted, failed, files, kept, bytes };
    run.own(to)?;
    let links = run.write_files()?;
    if settings.links {
        run.write_links(&links)?;
    }
    run.write_closing(&links)?;
    if settings.sync {
        run.sync()?;
    }
    fs::remove_file(to.join(MARKER)).doing("remove", to.join(MARKER).display())?;
    let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
    Ok(Restored { files: count(&run.files), bytes: count(&run.bytes), kept: count(&run.kept) })
}

impl Restore<'_> {
    /// Where a path of the backup is written.
    fn place(&self, path: &str) -> PathBuf {
        for (from, folder) in &self.settings.relocate {
            match path.strip_prefix(from.as_str()) {
                Some("") => return folder.clone(),
                Some(rest) if rest.starts_with('/') => return folder.join(&rest[1..]),
                _ => {}
            }
        }
        self.to.join(path)
    }

    fn own(&self, path: &Path) -> Result<()> {
        let Some((user, group)) = self.settings.owner else { return Ok(()) };
        chown(path, Some(user), Some(group)).doing("give to the engine's user", path.display())
    }

    /// Writes directories and files; gives the links, which are made last so that nothing is written through one.
    fn write_files(&self) -> Result<Vec<Entry>> {
        let (sender, receiver) = bounded(QUEUE_SEGMENTS);
        std::thread::scope(|scope| {
            let workers: Vec<_> = (0..self.settings.workers.max(1))
                .map(|_| (receiver.clone(), scope))
                .map(|(inbox, scope)| scope.spawn(move || self.work(&inbox)))
                .collect();
            drop(receiver);
            let listed = self.list(&sender);
            drop(sender);
            let mut outcome = Ok(());
            for worker in workers {
                let done = worker.join().map_err(|_| Error::bug("a restore worker panicked")).and_then(|done| done);
                outcome = outcome.and(done);
            }
            // A worker's error comes first: the lister fails only because the workers are gone.
            outcome.and(listed)
        })
    }

    fn list(&self, sender: &Sender<(Arc<Target>, usize)>) -> Result<Vec<Entry>> {
        let mut links = Vec::new();
        let mut last: Option<(String, EntryKind)> = None;
        for (number, entry) in self.backup.entries(self.vault)?.enumerate() {
            let entry = entry?;
            if let Some((path, kind)) = &last {
                check_order(path, *kind, &entry.path)?;
            }
            last = Some((entry.path.clone(), entry.kind));
            let path = self.place(&entry.path);
            match entry.kind {
                EntryKind::Directory => self.make_directory(&path, entry.mode)?,
                EntryKind::Link => links.push(entry),
                EntryKind::File => self.list_file((number, entry, path), sender)?,
            }
        }
        Ok(links)
    }

    fn make_directory(&self, path: &Path, mode: u32) -> Result<()> {
        fs::create_dir_all(path).doing("make", path.display())?;
        fs::set_permissions(path, Permissions::from_mode(mode | 0o700)).doing("set the mode of", path.display())?;
        self.own(path)
    }

    fn list_file(&self, (number, entry, path): Planned, sender: &Sender<(Arc<Target>, usize)>) -> Result<()> {
        if self.trusted && keeps(&entry, &path) {
            self.kept.fetch_add(1, Ordering::Relaxed);
            self.progress.add_bytes(entry.size);
            return Ok(());
        }
        // The session was drawn when the backup was taken: no file of the source can have had this name.
        let part = path.with_file_name(format!("{MARKER}-{}-{number:x}", self.backup.name.id.session));
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent).doing("make", parent.display())?;
        }
        let file = make_file(&part)?;
        file.set_len(entry.size).doing("size", part.display())?;
        let segments = entry.segments.len();
        let target = Arc::new(Target { entry, path, part, file, left: AtomicU32::new(segments as u32) });
        if segments == 0 {
            return self.complete(&target);
        }
        for number in 0..segments {
            let gone = |_| Error::transient("the restore workers have stopped");
            sender.send((target.clone(), number)).map_err(gone)?;
        }
        Ok(())
    }

    fn work(&self, inbox: &Receiver<(Arc<Target>, usize)>) -> Result<()> {
        self.write_segments(inbox).inspect_err(|_| self.failed.store(true, Ordering::Relaxed))
    }

    fn write_segments(&self, inbox: &Receiver<(Arc<Target>, usize)>) -> Result<()> {
        let mut reader = ContentReader::new(self.vault, &self.backup.packs)?;
        for (target, number) in inbox {
            // Another worker's error is the one to be told.
            if self.failed.load(Ordering::Relaxed) {
                break;
            }
            self.progress.go_on()?;
            self.segment(&target, number, &mut reader).doing("restore", &target.entry.path)?;
            if target.left.fetch_sub(1, Ordering::AcqRel) == 1 {
                self.complete(&target)?;
            }
        }
        Ok(())
    }

    fn segment(&self, target: &Target, number: usize, reader: &mut ContentReader) -> Result<()> {
        let start = number as u64 * crate::format::SEGMENT_BYTES;
        reader.segment(&target.entry, number, &mut |at, piece| match piece {
            // The file was made with its full length: zero bytes are holes.
            Piece::Zeros(bytes) => {
                self.progress.add_bytes(bytes);
                Ok(())
            }
            Piece::Bytes(bytes) => {
                self.progress.add_bytes(bytes.len() as u64);
                target.file.write_all_at(bytes, start + at).doing("write", target.part.display())
            }
        })
    }

    /// All segments are written and their digests matched: give the file its name.
    fn complete(&self, target: &Target) -> Result<()> {
        let (entry, part) = (&target.entry, &target.part);
        target.file.set_permissions(Permissions::from_mode(entry.mode)).doing("set the mode of", part.display())?;
        self.own(part)?;
        let mtime = SystemTime::UNIX_EPOCH + Duration::from_secs(entry.mtime.max(0) as u64);
        target.file.set_modified(mtime).doing("set the time of", part.display())?;
        fs::rename(part, &target.path).doing("rename", part.display())?;
        self.files.fetch_add(1, Ordering::Relaxed);
        self.bytes.fetch_add(entry.size, Ordering::Relaxed);
        Ok(())
    }

    fn write_links(&self, links: &[Entry]) -> Result<()> {
        for entry in links {
            let path = self.place(&entry.path);
            match fs::remove_file(&path) {
                Err(error) if error.kind() == IoErrorKind::NotFound => {}
                removed => removed.doing("replace", path.display())?,
            }
            symlink(entry.target.as_deref().unwrap_or_default(), &path).doing("link", path.display())?;
        }
        Ok(())
    }

    fn write_closing(&self, links: &[Entry]) -> Result<()> {
        for closing in self.settings.closing.as_ref().unwrap_or(&self.backup.body.closing) {
            let beyond = |link: &Entry| link.path == closing.path || below(&link.path, &closing.path);
            if links.iter().any(beyond) {
                return Err(Error::corrupt(format!("the backup has {:?} behind a link", closing.path)));
            }
            let path = self.place(&closing.path);
            if let Some(parent) = path.parent() {
                fs::create_dir_all(parent).doing("make", parent.display())?;
            }
            let mut file = make_file(&path)?;
            file.write_all(&closing.content).doing("write", path.display())?;
            file.set_permissions(Permissions::from_mode(closing.mode)).doing("set the mode of", path.display())?;
            self.own(&path)?;
            self.files.fetch_add(1, Ordering::Relaxed);
        }
        Ok(())
    }

    /// Makes everything durable: one call per file system costs far less than one per file.
    fn sync(&self) -> Result<()> {
        let folders =
            self.settings.relocate.iter().map(|(_, folder)| folder.as_path()).filter(|folder| folder.exists());
        for folder in std::iter::once(self.to).chain(folders) {
            let handle = File::open(folder).doing("open", folder.display())?;
            rustix::fs::syncfs(&handle).map_err(|error| Error::io(error.into(), "make durable", folder.display()))?;
        }
        Ok(())
    }
}

/// An empty file that only its owner may read.
fn make_file(path: &Path) -> Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true).mode(PRIVATE_MODE).open(path).doing("make", path.display())
}

/// Whether `path` lies below `folder`.
fn below(folder: &str, path: &str) -> bool {
    path.strip_prefix(folder).is_some_and(|rest| rest.starts_with('/'))
}

/// Refuses a catalog in which a path comes twice, out of order, or below something that is no directory.
fn check_order(last: &str, kind: EntryKind, next: &str) -> Result<()> {
    match path_order(last, next) == std::cmp::Ordering::Less && (kind == EntryKind::Directory || !below(last, next)) {
        true => Ok(()),
        false => Err(Error::corrupt(format!("the catalog has {next:?} after {last:?}"))),
    }
}

/// Whether a file of an earlier run has the content that the entry says.
fn keeps(entry: &Entry, path: &Path) -> bool {
    let same = || -> Result<bool> {
        let file = File::open(path).doing("open", path.display())?;
        if file.metadata().doing("look at", path.display())?.len() != entry.size {
            return Ok(false);
        }
        let mut buffer = vec![0; 256 << 10];
        for (number, segment) in entry.segments.iter().enumerate() {
            let (start, length) = (number as u64 * crate::format::SEGMENT_BYTES, segment_length(entry, number));
            let mut digest = Digest::new(entry);
            for at in (0..length).step_by(buffer.len()) {
                let part = (length - at).min(buffer.len() as u64) as usize;
                file.read_exact_at(&mut buffer[..part], start + at).doing("read", path.display())?;
                digest.update(&buffer[..part]);
            }
            if digest.finish() != segment.digest {
                return Ok(false);
            }
        }
        Ok(true)
    };
    match same() {
        Ok(same) => same,
        Err(error) => {
            if error.kind() != ErrorKind::Missing {
                tracing::debug!(%error, "a file of an earlier run is written again");
            }
            false
        }
    }
}
