//! What an agent is told about one node: everything it needs to keep the node running and protected when nobody tells it more.
//!
//! Kept as a file of mode 0600; nothing in it is secret. An order carries a generation; a lower one than the last is
//! refused, so that a caller which was paused cannot undo what was ordered since.

use std::path::{Path, PathBuf};

use farshore_types::error::ErrorContext;
use farshore_types::{Error, Generation, Result, ServiceId};
use serde::{Deserialize, Serialize};

use crate::durable::{self, Rights};
use crate::postgres::Sizes;

const FILE_BYTES_MAX: u64 = 1 << 20;

/// A region's store, and who may read what is put there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Region {
    /// Its name.
    pub name: String,
    /// URL of its object store.
    pub store: String,
    /// File of the region's identity.
    pub identity: PathBuf,
    /// Further recipients of each repository's key: the recovery identity.
    #[serde(default)]
    pub recipients: Vec<String>,
}

/// One node as it shall be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Order {
    /// The service, as it is named in stores.
    pub service: ServiceId,
    /// Orders of a lower generation are refused.
    pub generation: Generation,
    /// Major version of PostgreSQL.
    pub major: u32,
    /// Where its backups and its log go.
    pub region: Region,
    /// TCP port; `None`: a free one is chosen once.
    pub port: Option<u16>,
    /// How much of the host it may use.
    pub sizes: Sizes,
    /// From where one may connect: `ADDRESS/PREFIX`.
    pub networks: Vec<String>,
    /// Settings of the server.
    pub settings: Vec<(String, String)>,
    /// How much data it may hold, in MiB.
    pub disk_mib: u64,
    /// How often the log is shipped, in milliseconds.
    pub interval_ms: u64,
    /// The node was removed: what is left is the generation, so that an order from before the removal makes nothing anew.
    #[serde(default)]
    pub removed: bool,
}

impl Order {
    /// Reads an order; `None` when there is none.
    pub fn read(path: &Path) -> Result<Option<Order>> {
        let Some(bytes) = durable::read(path, FILE_BYTES_MAX)? else { return Ok(None) };
        let order = serde_json::from_slice(&bytes)
            .map_err(|error| Error::corrupt(format!("the node's order cannot be understood: {error}")));
        order.map(Some).doing("read", path.display())
    }

    /// Keeps the order; refused where a later one is kept.
    pub fn keep(&self, path: &Path) -> Result<()> {
        if let Some(kept) = Order::read(path)?.filter(|kept| kept.generation > self.generation) {
            let (old, new) = (self.generation.0, kept.generation.0);
            let what = format!("an order of generation {old} for service {} came after one of {new}", self.service);
            return Err(Error::conflict(what).hint("somebody else has ordered since: look again"));
        }
        let bytes = serde_json::to_vec_pretty(self)
            .map_err(|error| Error::bug(format!("an order cannot be written as JSON: {error}")))?;
        durable::write(path, &bytes, Rights::PRIVATE)
    }
}
