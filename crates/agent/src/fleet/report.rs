//! What the verbs of a fleet are told and what they tell.

use farshore_types::{Position, ServiceId, Target, TargetKind, Timeline, Timestamp};

use super::order::Region;

/// Where a node is reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address {
    /// TCP port on this host.
    pub port: u16,
    /// The server's version as printed.
    pub version: String,
    /// Its major version.
    pub major: u32,
}

/// From which backup, and to where.
#[derive(Debug, Clone)]
pub struct Restore {
    /// The region whose store is read.
    pub region: Region,
    /// Whose backups, as named in that store.
    pub source: ServiceId,
    /// To where.
    pub target: Target,
    /// The backup to start from, by name; `None`: the best one. Without a moment, the service stands as in that backup.
    pub backup: Option<String>,
    /// Nothing that was acknowledged before this moment is missing in that store, as its follower knows: a database that was idle has no
    /// log that says so.
    pub assured: Option<Timestamp>,
}

impl Restore {
    /// A backup that was named without a moment is meant as it is, not with all the log behind it.
    pub(super) fn goal(&self) -> Target {
        match (&self.backup, &self.target.kind) {
            (Some(_), TargetKind::Latest) => Target { kind: TargetKind::Immediate, ..self.target.clone() },
            _ => self.target.clone(),
        }
    }
}

/// A node that was restored.
#[derive(Debug, Clone)]
pub struct Recovered {
    /// Where it is reached.
    pub address: Address,
    /// The backup it was made from.
    pub backup: String,
    /// Where its own history begins.
    pub reached: (Timeline, Position),
    /// The newest moment that the window held.
    pub window_end: Timestamp,
    /// Bytes of files, segments of log, seconds for each.
    pub work: (u64, u64, f64, f64),
}

/// A backup that was taken.
#[derive(Debug, Clone)]
pub struct Taken {
    /// Its name.
    pub name: String,
    /// Bytes of the files.
    pub raw_bytes: u64,
    /// Bytes put.
    pub new_bytes: u64,
    /// Why every byte was put, if so.
    pub full_because: Option<String>,
    /// Damaged pages found on the source.
    pub bad_pages: u64,
}
