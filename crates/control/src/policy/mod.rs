//! Rules without any I/O: when a backup is due, what is kept.

pub mod retention;
pub mod schedule;
