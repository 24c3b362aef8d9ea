//! The certificate with which a node's server shows who it is, beside its data: it is no part of any backup.
//!
//! The key is secret: it stands in no order, and only the server's user can read it.

use std::fs;
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};

use farshore_engines::postgresql::provision::Door;
use farshore_types::Result;
use farshore_types::error::ErrorContext;

use crate::account::Account;
use crate::durable::{self, Rights};

/// Certificate and key, PEM.
#[derive(Clone, Copy)]
pub struct Certificate<'a> {
    /// Certificate with its chain.
    pub certificate: &'a str,
    /// Private key.
    pub key: &'a str,
}

impl Certificate<'_> {
    /// Writes both files durably; may be repeated.
    pub fn write(&self, volume: &Path, account: &Account) -> Result<()> {
        let directory = volume.join("tls");
        fs::create_dir_all(&directory).doing("make", directory.display())?;
        fs::set_permissions(&directory, fs::Permissions::from_mode(0o700)).doing("close", directory.display())?;
        if let Some((user, group)) = account.owner() {
            chown(&directory, Some(user), Some(group)).doing("give away", directory.display())?;
        }
        let rights = Rights { mode: 0o600, owner: account.owner() };
        durable::write(&certificate(volume), self.certificate.as_bytes(), rights)?;
        durable::write(&key(volume), self.key.as_bytes(), rights)
    }
}

/// How others reach the node of a volume.
pub fn door(volume: &Path, networks: &[String]) -> Door {
    Door { certificate: certificate(volume), key: key(volume), networks: networks.to_vec() }
}

fn certificate(volume: &Path) -> PathBuf {
    volume.join("tls/server.crt")
}

fn key(volume: &Path) -> PathBuf {
    volume.join("tls/server.key")
}
