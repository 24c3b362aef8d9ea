//! What a node shall be, and what is refused before anything is made.

use std::collections::BTreeSet;
use std::path::PathBuf;

use farshore_engines::postgresql::conf;
use farshore_engines::postgresql::provision::{Door, Installation};
use farshore_engines::postgresql::wire::socket_path;
use farshore_types::Result;
use farshore_types::error::ErrorContext;
use serde::{Deserialize, Serialize};

use super::layout::Layout;
use crate::account::{Account, check_reachable};

/// The longest port number, for the length of the socket's path.
const ANY_PORT: u16 = u16::MAX;

/// How much of the host a node may use.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sizes {
    /// `max_connections`.
    pub connections_max: u32,
    /// `shared_buffers` in MiB.
    pub shared_buffers_mib: u32,
    /// How much log a slot may hold back while the store is away, in MiB.
    pub slot_keep_mib: u32,
}

impl Default for Sizes {
    fn default() -> Self {
        Sizes { connections_max: 100, shared_buffers_mib: 128, slot_keep_mib: 4096 }
    }
}

/// What a node shall be.
#[derive(Debug, Clone)]
pub struct Spec {
    /// Its directory, absolute; made if it does not exist.
    pub volume: PathBuf,
    /// Which PostgreSQL.
    pub installation: Installation,
    /// TCP port on 127.0.0.1; `None`: a free one.
    pub port: Option<u16>,
    /// Ports of other nodes, which may be stopped now.
    pub taken_ports: BTreeSet<u16>,
    /// The superuser: made by `provision`, existing in what `open` takes over.
    pub superuser: String,
    /// How much of the host it may use.
    pub sizes: Sizes,
    /// How others reach it over TCP; `None`: only this host does, without TLS.
    pub door: Option<Door>,
    /// Further settings of the server.
    pub extra: Vec<(String, String)>,
}

impl Spec {
    /// A node with the superuser `postgres`, a free port and modest sizes.
    pub fn new(volume: impl Into<PathBuf>, installation: Installation) -> Spec {
        Spec {
            volume: volume.into(),
            installation,
            port: None,
            taken_ports: BTreeSet::new(),
            superuser: "postgres".to_string(),
            sizes: Sizes::default(),
            door: None,
            extra: Vec::new(),
        }
    }

    /// Refuses paths that the server's user cannot enter, that a shell could misread, or that are too long for a socket.
    /// Looks only; nothing is made.
    pub fn check(&self, account: &Account) -> Result<()> {
        conf::account(&self.superuser)?;
        conf::path(&self.volume)?;
        socket_path(&Layout::new(&self.volume).run(), self.port.unwrap_or(ANY_PORT))?;
        check_reachable(&self.volume, account)?;
        check_reachable(&self.installation.bin_directory, account).doing("use", "the installed PostgreSQL")
    }
}
