//! Where a node keeps what, and whose it is.

use std::fs::{self, DirBuilder, Permissions};
use std::os::unix::fs::{DirBuilderExt, PermissionsExt, lchown};
use std::path::{Path, PathBuf};

use farshore_types::error::ErrorContext;
use farshore_types::{Error, Result};

use crate::account::Account;

/// Others may pass through to what they may see, but not look around.
const VOLUME_MODE: u32 = 0o711;
const PRIVATE_MODE: u32 = 0o700;
/// All that may lie in a volume: what stands below, what forks and fleets add, and what a file system has by itself.
const OURS: [&str; 17] = [
    "data",
    "tablespaces",
    "run",
    "log",
    "node.json",
    "node.json.tmp",
    "superuser.password",
    "superuser.password.tmp",
    "node.lock",
    "fork.lock",
    "fork.json",
    "fork.json.tmp",
    "tls",
    "cleared",
    "staging",
    "farshore",
    "lost+found",
];

/// What of a data directory every server needs: without one of them it does not start, or answers nobody.
const PARTS: [&str; 5] = ["PG_VERSION", "global/pg_control", "global/pg_filenode.map", "base", "pg_wal"];

/// The directories of one node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Layout {
    volume: PathBuf,
}

impl Layout {
    /// Of a volume; nothing is made.
    pub fn new(volume: impl Into<PathBuf>) -> Layout {
        Layout { volume: volume.into() }
    }

    /// The volume itself.
    pub fn volume(&self) -> &Path {
        &self.volume
    }

    /// The data directory.
    pub fn data(&self) -> PathBuf {
        self.volume.join("data")
    }

    /// Where tablespaces of a restored node go.
    pub fn tablespaces(&self) -> PathBuf {
        self.volume.join("tablespaces")
    }

    /// The directory of the socket.
    pub fn run(&self) -> PathBuf {
        self.volume.join("run")
    }

    /// The directory of what the server says.
    pub fn log(&self) -> PathBuf {
        self.volume.join("log")
    }

    /// What the server says.
    pub fn log_file(&self) -> PathBuf {
        self.log().join("server.log")
    }

    /// What the agent must know to find the node again.
    pub fn record(&self) -> PathBuf {
        self.volume.join("node.json")
    }

    /// Whether the data directory is there with all that a server needs to start, or to say what it lacks: a part of it may be gone.
    pub fn has_data(&self) -> bool {
        let data = self.data();
        PARTS.iter().all(|part| data.join(part).exists())
    }

    /// The superuser's password, readable for the agent only.
    pub fn password(&self) -> PathBuf {
        self.volume.join("superuser.password")
    }

    /// Held by the agent that has the node.
    pub fn lock(&self) -> PathBuf {
        self.volume.join("node.lock")
    }

    /// Makes the volume; may be repeated. Refuses a folder that holds anything else, before its rights are changed: somebody may have
    /// named one whose `log` and `run` are not ours.
    pub fn make_volume(&self) -> Result<()> {
        self.refuse_strangers()?;
        let made = DirBuilder::new().recursive(true).mode(0o755).create(&self.volume);
        made.doing("make", self.volume.display())?;
        let mode = Permissions::from_mode(VOLUME_MODE);
        fs::set_permissions(&self.volume, mode).doing("set the rights of", self.volume.display())
    }

    fn refuse_strangers(&self) -> Result<()> {
        let entries = match fs::read_dir(&self.volume) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
            entries => entries.doing("look into", self.volume.display())?,
        };
        for entry in entries {
            let name = entry.doing("look into", self.volume.display())?.file_name();
            let ours = |name: &str| OURS.contains(&name) || (name.starts_with("data-") && name.ends_with(".new"));
            if !name.to_str().is_some_and(ours) {
                let what = format!("{} holds {}, which is not of a node", self.volume.display(), name.display());
                return Err(Error::conflict(what).hint("choose a new or empty folder"));
            }
        }
        Ok(())
    }

    /// Makes all directories but `data`; may be repeated.
    pub fn make_rest(&self, account: &Account) -> Result<()> {
        make_private(&self.log(), None)?;
        make_private(&self.tablespaces(), account.owner())?;
        make_private(&self.run(), account.owner())
    }
}

/// Makes a directory of mode 0700, or gives an existing one that mode and owner.
pub fn make_private(directory: &Path, owner: Option<(u32, u32)>) -> Result<()> {
    match DirBuilder::new().mode(PRIVATE_MODE).create(directory) {
        Err(error) if error.kind() != std::io::ErrorKind::AlreadyExists => {
            return Err(error).doing("make", directory.display());
        }
        _ => {}
    }
    let mode = Permissions::from_mode(PRIVATE_MODE);
    fs::set_permissions(directory, mode).doing("set the rights of", directory.display())?;
    give(directory, owner)
}

/// Gives a directory and all below it to somebody. Links are given, never followed.
pub fn give_tree(root: &Path, owner: Option<(u32, u32)>) -> Result<()> {
    if owner.is_none() {
        return Ok(());
    }
    give(root, owner)?;
    let mut directories = vec![root.to_path_buf()];
    while let Some(directory) = directories.pop() {
        for entry in fs::read_dir(&directory).doing("list", directory.display())? {
            let entry = entry.doing("list", directory.display())?;
            give(&entry.path(), owner)?;
            // The kind is that of the entry itself, a link is none.
            if entry.file_type().doing("look at", entry.path().display())?.is_dir() {
                directories.push(entry.path());
            }
        }
    }
    Ok(())
}

fn give(path: &Path, owner: Option<(u32, u32)>) -> Result<()> {
    match owner {
        None => Ok(()),
        Some((user, group)) => lchown(path, Some(user), Some(group)).doing("give away", path.display()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_with_anything_else_in_it_is_refused_and_keeps_its_rights() {
        let folder = tempfile::tempdir().unwrap();
        fs::set_permissions(folder.path(), Permissions::from_mode(0o755)).unwrap();
        let mode = || fs::metadata(folder.path()).unwrap().permissions().mode() & 0o777;
        let layout = Layout::new(folder.path());
        fs::create_dir(folder.path().join("log")).unwrap();
        fs::create_dir(folder.path().join("lib")).unwrap();
        let error = layout.make_volume().unwrap_err();
        assert!(error.to_string().contains("holds lib") && mode() == 0o755, "{error}");
        fs::remove_dir(folder.path().join("lib")).unwrap();
        for ours in ["node.json", "data-0a.new", "lost+found"] {
            fs::write(folder.path().join(ours), []).unwrap();
        }
        layout.make_volume().unwrap();
        assert_eq!(mode(), 0o711);
    }
}
