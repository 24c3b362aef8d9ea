//! Care of what is stored: verify it, copy it to other regions, choose what may go, delete what nothing needs.
//!
//! Only the highest level of [`verify`] takes a key; copying, scrubbing, choosing and sweeping work on names, hashes and
//! custodies. If we die anywhere in here, every listed and unfenced manifest still restores, and the next run goes on.

pub mod copy;
mod floor;
pub mod retention;
pub mod sweep;
pub mod verify;
