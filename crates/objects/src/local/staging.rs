//! Where an object's bytes wait until they are whole: `#staging/` below the root of a local store.
//!
//! `#` cannot stand in an object's name, so nothing here can be got or listed. A staged file is removed when its put ends,
//! well or badly. After a kill -9 it stays; the first put of a later process removes what is older than
//! [`STAGING_KEPT_SECONDS`], by the file system's own clock. A writer that was stopped for longer than that loses its staged
//! file and its put fails as `Transient`: the next try writes the bytes again.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::num::NonZeroU64;
use std::ops::Range;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use farshore_types::{Error, Result};

use crate::local::files::{failed, make_directory};
use crate::pieces::PieceOf;

/// Leftovers younger than this may belong to a living writer; seconds.
const STAGING_KEPT_SECONDS: i64 = 24 * 3600;

/// After so many bytes the disk is told to begin; bytes.
const WRITE_BACK_BYTES: u64 = 4 << 20;

/// Names tried for one staged file; each miss is a leftover of a process with the same id.
const STAGING_TRIES_MAX: u32 = 10_000;

/// Mode of every file that this store makes.
const FILE_MODE: u32 = 0o600;

/// The staging directory of one store.
#[derive(Debug)]
pub(super) struct Staging {
    directory: PathBuf,
    next: AtomicU64,
    swept: AtomicBool,
}

/// A staged file, whole and synced; its staged name goes away with this value.
pub(super) struct Staged {
    path: PathBuf,
}

impl Staged {
    pub(super) fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for Staged {
    fn drop(&mut self) {
        // A name that stays is a leftover like any other: the sweep takes it.
        let _ = fs::remove_file(&self.path);
    }
}

impl Staging {
    pub(super) fn below(root: &Path) -> Staging {
        Staging { directory: root.join("#staging"), next: AtomicU64::new(0), swept: AtomicBool::new(false) }
    }

    /// Writes and syncs `size` bytes, which `piece` gives, under a name of their own.
    pub(super) fn write(&self, size: u64, piece: &mut PieceOf<'_>) -> Result<Staged> {
        let (mut file, staged) = self.create()?;
        let (mut at, mut handed_over) = (0, 0);
        while at < size {
            let piece = piece(at)?;
            file.write_all(&piece).map_err(|error| failed(error, "write", staged.path.display()))?;
            at = at.saturating_add(piece.len() as u64);
            if at.saturating_sub(handed_over) >= WRITE_BACK_BYTES && at < size {
                write_back(&file, handed_over..at);
                handed_over = at;
            }
        }
        file.sync_all().map_err(|error| failed(error, "sync", staged.path.display()))?;
        if !self.swept.swap(true, Ordering::Relaxed) {
            self.sweep(&file);
        }
        Ok(staged)
    }

    fn create(&self) -> Result<(File, Staged)> {
        for _ in 0..STAGING_TRIES_MAX {
            let number = self.next.fetch_add(1, Ordering::Relaxed);
            let path = self.directory.join(format!("{}-{number}", std::process::id()));
            match OpenOptions::new().write(true).create_new(true).mode(FILE_MODE).open(&path) {
                Ok(file) => return Ok((file, Staged { path })),
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(error) if error.kind() == io::ErrorKind::NotFound => make_directory(&self.directory)
                    .map_err(|error| failed(error, "make the directory", self.directory.display()))?,
                Err(error) => return Err(failed(error, "make the file", path.display())),
            }
        }
        Err(Error::transient(format!("no free name for a staged file in {}", self.directory.display())))
    }

    /// Removes what dead writers left, judged against the age of a file just written. Best effort: nothing rests on it.
    fn sweep(&self, just_written: &File) {
        let (Ok(now), Ok(entries)) = (just_written.metadata(), fs::read_dir(&self.directory)) else { return };
        let is_old = |entry: &fs::DirEntry| {
            entry.metadata().is_ok_and(|old| now.mtime().saturating_sub(old.mtime()) > STAGING_KEPT_SECONDS)
        };
        for entry in entries.flatten().filter(is_old) {
            let _ = fs::remove_file(entry.path());
        }
    }
}

/// Has the disk begin with what was written, so that the sync at the end finds little left. Linux writes dirty pages back on this advice
/// without waiting for them (mm/fadvise.c, POSIX_FADV_DONTNEED) and forgets those that are clean: nobody reads a new object soon.
/// A file system that knows no advice is slower and nothing else.
fn write_back(file: &File, range: Range<u64>) {
    let length = NonZeroU64::new(range.end.saturating_sub(range.start));
    let _ = rustix::fs::fadvise(file, range.start, length, rustix::fs::Advice::DontNeed);
}
