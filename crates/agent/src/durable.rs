//! Small files that are whole or absent whatever happens: written beside their place, synced, renamed, and the directory
//! synced; and locks that the kernel gives back when their holder dies.
//!
//! If we die before the rename, the old content stays and a file ending in `.tmp` is left; the next write removes it. A
//! link that stands in the way of the temporary name is removed, never followed: the directory may belong to an engine's
//! user.

use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use farshore_types::error::ErrorContext;
use farshore_types::{Error, Result};
use rustix::fs::FlockOperation;

/// Rights of a written file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rights {
    /// Permission bits.
    pub mode: u32,
    /// User and group id; `None`: whoever writes.
    pub owner: Option<(u32, u32)>,
}

impl Rights {
    /// For the agent's eyes only.
    pub const PRIVATE: Rights = Rights { mode: 0o600, owner: None };
}

/// Replaces a file with the content, durably. Its directory must exist.
pub fn write(path: &Path, content: &[u8], rights: Rights) -> Result<()> {
    let beside = beside(path);
    match fs::remove_file(&beside) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            return Err(Error::io(error, "remove", beside.display()));
        }
        _ => {}
    }
    let mut options = OpenOptions::new();
    options.write(true).create_new(true).mode(rights.mode & 0o600);
    let mut file = options.open(&beside).doing("create", beside.display())?;
    file.write_all(content).doing("write", beside.display())?;
    if let Some((user, group)) = rights.owner {
        std::os::unix::fs::fchown(&file, Some(user), Some(group)).doing("give away", beside.display())?;
    }
    file.set_permissions(fs::Permissions::from_mode(rights.mode)).doing("set the rights of", beside.display())?;
    file.sync_all().doing("sync", beside.display())?;
    fs::rename(&beside, path).doing("rename into", path.display())?;
    sync_directory(path.parent().unwrap_or(Path::new("/")))
}

/// The content of a file of at most `bytes_max`; `None` when there is none.
pub fn read(path: &Path, bytes_max: u64) -> Result<Option<Vec<u8>>> {
    let status = match fs::metadata(path) {
        Ok(status) => status,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(Error::io(error, "look at", path.display())),
    };
    if status.len() > bytes_max {
        let what = format!("{} has {} bytes, at most {bytes_max} are read", path.display(), status.len());
        return Err(Error::corrupt(what));
    }
    fs::read(path).map(Some).doing("read", path.display())
}

/// Makes a directory's entries durable.
pub fn sync_directory(directory: &Path) -> Result<()> {
    let opened = File::open(directory).doing("open", directory.display())?;
    opened.sync_all().doing("sync", directory.display())
}

/// How long a lock may be held by a program that is being started.
const LOCK_PATIENCE: Duration = Duration::from_millis(500);
/// How often it is looked whether it is free.
const LOCK_LOOK: Duration = Duration::from_millis(10);

/// An exclusive lock on a file; given back when dropped or when the process dies, never inherited by programs.
#[derive(Debug)]
pub struct Lock {
    _file: File,
}

impl Lock {
    /// Takes the lock or says that somebody else has it (`Busy`). A program that is being started shares all our files for some
    /// milliseconds, those that were closed meanwhile too: so long it is waited.
    #[allow(clippy::disallowed_methods, reason = "a lock has no clock of its own, and nothing wakes who waits for one")]
    pub fn take(path: &Path) -> Result<Lock> {
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(false).mode(0o600);
        let file = options.open(path).doing("open", path.display())?;
        let begun = Instant::now();
        let mut outcome = rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive);
        while outcome == Err(rustix::io::Errno::WOULDBLOCK) && begun.elapsed() < LOCK_PATIENCE {
            std::thread::sleep(LOCK_LOOK);
            outcome = rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive);
        }
        match outcome {
            Ok(()) => Ok(Lock { _file: file }),
            Err(rustix::io::Errno::WOULDBLOCK) => {
                let what = format!("{} is locked by another agent", path.display());
                Err(Error::busy(what).hint("stop the other agent, or let it do this"))
            }
            Err(error) => Err(Error::io(error.into(), "lock", path.display())),
        }
    }
}

fn beside(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_os_string();
    name.push(".tmp");
    PathBuf::from(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_write_replaces_the_whole_file_and_follows_no_link() {
        let directory = tempfile::tempdir().unwrap();
        let (path, victim) = (directory.path().join("a"), directory.path().join("victim"));
        fs::write(&victim, "untouched").unwrap();
        std::os::unix::fs::symlink(&victim, directory.path().join("a.tmp")).unwrap();
        write(&path, b"one", Rights::PRIVATE).unwrap();
        write(&path, b"2", Rights::PRIVATE).unwrap();
        assert_eq!(read(&path, 10).unwrap().unwrap(), b"2");
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o7777, 0o600);
        assert_eq!(fs::read_to_string(&victim).unwrap(), "untouched");
        assert!(!directory.path().join("a.tmp").exists());
    }

    #[test]
    fn a_file_that_is_too_large_is_refused_and_a_missing_one_is_none() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("a");
        assert_eq!(read(&path, 10).unwrap(), None);
        write(&path, &[0; 11], Rights::PRIVATE).unwrap();
        assert!(read(&path, 10).unwrap_err().to_string().contains("11 bytes"));
    }

    #[test]
    fn a_lock_is_held_once_and_given_back() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("lock");
        let lock = Lock::take(&path).unwrap();
        assert_eq!(Lock::take(&path).unwrap_err().kind(), farshore_types::ErrorKind::Busy);
        drop(lock);
        Lock::take(&path).unwrap();
    }
}
