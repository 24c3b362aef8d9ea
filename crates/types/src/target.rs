//! Where a restore should end.

use std::fmt;

use crate::position::Position;
use crate::timestamp::Timestamp;

/// A moment of recovery.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TargetKind {
    /// Everything that was archived.
    Latest,
    /// As soon as the backup is consistent.
    Immediate,
    /// A commit time.
    Time(Timestamp),
    /// A log position.
    Position(Position),
    /// A transaction id.
    Transaction(u64),
    /// A named point made on the source.
    Name(String),
}

/// A moment of recovery and whether the transaction at that moment is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// Which moment.
    pub kind: TargetKind,
    /// True: what happened exactly at the target is recovered too. PostgreSQL's default.
    pub inclusive: bool,
}

impl Target {
    /// Everything that was archived.
    pub fn latest() -> Self {
        Target { kind: TargetKind::Latest, inclusive: true }
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.kind {
            TargetKind::Latest => write!(f, "the newest archived moment")?,
            TargetKind::Immediate => write!(f, "the end of the backup")?,
            TargetKind::Time(time) => write!(f, "time {time}")?,
            TargetKind::Position(position) => write!(f, "position {position}")?,
            TargetKind::Transaction(xid) => write!(f, "transaction {xid}")?,
            TargetKind::Name(name) => write!(f, "named point {name:?}")?,
        }
        if self.inclusive { Ok(()) } else { write!(f, " (exclusive)") }
    }
}
