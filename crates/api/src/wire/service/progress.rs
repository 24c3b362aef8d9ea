//! How far a phase of a service's making is.

use schemars::JsonSchema;
use serde::Serialize;

/// How far a phase is. All of it is always there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct ProgressUpdate {
    /// `prepare`, `basebackup`, `stream` or `finalize`.
    pub phase: String,
    /// Where it began.
    pub min: u64,
    /// Where it ends, as far as is known.
    pub max: u64,
    /// Where it is.
    pub current: u64,
    /// `bytes_compressed`, `bytes_uncompressed` or `wal_lsn`.
    pub unit: String,
    /// Whether it is over.
    pub completed: bool,
}
