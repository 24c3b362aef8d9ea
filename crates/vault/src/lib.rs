//! A backup at rest: frames, packs, manifests, journal, keys, commit, read, verify, sweep, copy.
//!
//! The format is docs/format.md. The invariants: a backup exists if and only if its manifest is listed and not fenced; objects
//! are put once; the manifest goes last in and first out; copying, scrubbing and sweeping need no key. What this crate refuses
//! to know: databases, processes, and where stores are.

pub mod backup;
pub mod care;
pub mod format;
pub mod journal;
pub mod keys;
pub mod names;
mod pack;
mod primitives;
pub mod read;
pub mod repository;
pub mod session;
pub mod testing;

pub use keys::{Identity, Recipient, RootKey};
pub use primitives::Hash;
pub use repository::{Repository, Vault};
