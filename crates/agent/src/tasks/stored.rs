//! What a PostgreSQL backup keeps for its own restore: the `engine` object of a manifest's body (docs/format.md, section 10).

use farshore_engines::postgresql::files::Tablespace;
use farshore_engines::postgresql::server::Facts;
use farshore_types::{Error, Position, Result, Timestamp};
use farshore_vault::read::OpenBackup;
use serde::{Deserialize, Serialize};

/// Name of the engine in custodies.
pub const ENGINE: &str = "postgresql";

/// Facts of the source at the time of the backup.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stored {
    /// Server, timeline and start.
    pub facts: Facts,
    /// Consistent from here on.
    pub stop: Position,
    /// The server's clock after the stop: nothing before the stop is newer.
    pub stop_time: Timestamp,
    /// The server's clock before the stop: everything that was acknowledged by then lies before it. Earlier versions did not keep it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub safe_time: Option<Timestamp>,
    /// Tablespaces and their places on the source.
    pub tablespaces: Vec<Tablespace>,
}

impl Stored {
    /// Of an opened backup.
    pub fn of(backup: &OpenBackup) -> Result<Stored> {
        if backup.custody.engine != ENGINE {
            let what = format!("backup {} is of engine {}, not {ENGINE}", backup.name.id, backup.custody.engine);
            return Err(Error::invalid(what).hint("`farshore vault export` writes its files"));
        }
        serde_json::from_value(backup.body.engine.clone())
            .map_err(|error| Error::corrupt(format!("backup {} does not say what it is of: {error}", backup.name.id)))
    }

    /// As it stands in a body.
    pub fn to_json(&self) -> Result<serde_json::Value> {
        serde_json::to_value(self).map_err(|error| Error::bug(format!("facts of a backup do not encode: {error}")))
    }
}
