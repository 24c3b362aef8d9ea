//! Where a node keeps what, and whose it is.

use std::fs::{self, DirBuilder, Permissions};
use std::os::unix::fs::{DirBuilderExt, PermissionsExt, lchown};
use std::path::{Path, PathBuf};

use farshore_types::Result;
use farshore_types::error::ErrorContext;

use crate::account::Account;

/// Others may pass through to what they may see, but not look around.
const VOLUME_MODE: u32 = 0o711;
const PRIVATE_MODE: u32 = 0o700;

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

    /// The superuser's password, readable for the agent only.
    pub fn password(&self) -> PathBuf {
        self.volume.join("superuser.password")
    }

    /// Held by the agent that has the node.
    pub fn lock(&self) -> PathBuf {
        self.volume.join("node.lock")
    }

    /// Makes the volume; may be repeated.
    pub fn make_volume(&self) -> Result<()> {
        let made = DirBuilder::new().recursive(true).mode(0o755).create(&self.volume);
        made.doing("make", self.volume.display())?;
        let mode = Permissions::from_mode(VOLUME_MODE);
        fs::set_permissions(&self.volume, mode).doing("set the rights of", self.volume.display())
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
