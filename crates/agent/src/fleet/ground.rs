//! What a fleet works with, and where it keeps what.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use farshore_objects::ObjectStore;
use farshore_types::{Result, ServiceId};

use super::order::Region;
use crate::host::Host;

/// How a region's store is opened: the caller chooses the layers around it.
pub type Stores = Arc<dyn Fn(&Region) -> Result<Arc<dyn ObjectStore>> + Send + Sync>;

/// What a fleet works with.
#[derive(Clone)]
pub struct Ground {
    /// Whose accounts, which clock.
    pub host: Host,
    /// Holds `orders` and `nodes`; others must be able to pass through it.
    pub root: PathBuf,
    /// The farshore program, which recovering servers run to fetch their log.
    pub binary: PathBuf,
    /// Opens stores.
    pub stores: Stores,
    /// Threads for each backup, restore and archiver.
    pub workers: usize,
}

/// Where orders are kept.
pub fn orders(root: &Path) -> PathBuf {
    root.join("orders")
}

/// The order of a service.
pub fn order_file(root: &Path, service: &ServiceId) -> PathBuf {
    orders(root).join(format!("{service}.json"))
}

/// There once the repository of a service was made from here. Whoever knows that it is lost for good removes it, and another is made.
pub fn stored_file(root: &Path, service: &ServiceId) -> PathBuf {
    orders(root).join(format!("{service}.stored"))
}
