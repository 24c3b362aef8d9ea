//! The journal: a database's continuous log in the store (docs/format.md, section 8).
//!
//! [`ship`] puts ranges in order, so that what is in the store is always a prefix of what was received; [`chains`] finds the unbroken
//! stretches from a listing alone; [`read`] gives back the bytes of a stretch.

pub mod chains;
pub mod object;
pub mod read;
pub mod ship;

/// The stream of PostgreSQL's write-ahead log.
pub const WAL: &str = "wal";
