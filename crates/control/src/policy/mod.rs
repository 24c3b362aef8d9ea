//! Rules without any I/O: when a backup is due, what is kept, where copies may be, how memory is divided.

pub mod copies;
pub mod memory;
pub mod retention;
pub mod schedule;
