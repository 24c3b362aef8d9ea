//! What the archiving of a log works with.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use farshore_engines::postgresql::wire::Settings as Server;
use farshore_types::{Clock, Entropy, Position, Progress, Timeline};
use farshore_vault::Vault;
use farshore_vault::journal::object::Writer;
use farshore_vault::journal::ship::Horizon;

/// What is archived, from where, to where.
pub struct ArchiveLog {
    /// How to reach the server.
    pub server: Server,
    /// The physical slot; `None` streams without one, for a single stretch.
    pub slot: Option<String>,
    /// Where to.
    pub vault: Vault,
    /// Who.
    pub writer: Writer,
    /// Which log of the journal.
    pub stream: String,
    /// How often.
    pub interval: Duration,
    /// Threads that compress and seal.
    pub workers: usize,
    /// What is durable; others wait on it.
    pub horizon: Arc<Horizon>,
    /// Asks to stop.
    pub stop: Arc<Progress>,
    /// How often the journal was broken.
    pub breaks: Arc<AtomicU64>,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Randomness.
    pub entropy: Arc<dyn Entropy>,
}

/// Where the stream starts or goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// On which history.
    pub timeline: Timeline,
    /// From where.
    pub from: Position,
}
