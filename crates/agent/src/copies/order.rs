//! What a copy is told, and what it asks of everybody else.

use std::sync::Arc;

use farshore_objects::{Budget, ObjectStore};
use farshore_types::{Clock, Entropy, Position, Result, ServiceId, Timeline, Timestamp};
use farshore_vault::care::retention::Keep;

/// One copy as it shall be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CopyOrder {
    /// Whose repository.
    pub service: ServiceId,
    /// The region that is copied from.
    pub from: String,
    /// The region that holds the copy.
    pub to: String,
    /// What retention keeps there: no other backup is copied.
    pub keep: Keep,
}

/// The stores of one copy, roots of their regions.
#[derive(Clone)]
pub struct Paths {
    /// What is copied from, for the log: it goes first.
    pub log: Arc<dyn ObjectStore>,
    /// The same store for everything else.
    pub bulk: Arc<dyn ObjectStore>,
    /// Where to.
    pub target: Arc<dyn ObjectStore>,
    /// What `bulk` waits for, if it has a bound.
    pub budget: Option<Arc<Budget>>,
}

/// How far the log of a service is in the first region's store, as the agent there knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Known {
    /// Which log.
    pub stream: String,
    /// Everything before this position is in that store.
    pub position: Position,
    /// Of which timeline.
    pub timeline: Timeline,
    /// Nothing that was acknowledged before this moment is missing there.
    pub moment: Timestamp,
}

/// What a copy asks of everybody else.
pub trait Origin: Send + Sync {
    /// The stores between two regions.
    fn paths(&self, order: &CopyOrder) -> Result<Paths>;
    /// Lets the holder of the target region's key open the repository: done in the first region, before anything is copied.
    fn admit(&self, order: &CopyOrder) -> Result<()>;
    /// How far the log is in the first region; `None` where nobody knows.
    fn known(&self, service: &ServiceId) -> Option<Known>;
}

/// What every copy works with.
#[derive(Clone)]
pub struct Ground {
    /// Everybody else.
    pub origin: Arc<dyn Origin>,
    /// Threads for the packs of one backup.
    pub workers: usize,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Randomness.
    pub entropy: Arc<dyn Entropy>,
}
