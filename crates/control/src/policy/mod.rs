//! Rules without any I/O: when a backup is due, what is kept, where copies may be.

pub mod copies;
pub mod retention;
pub mod schedule;
