//! The format on the store: names, sealed objects, maps, catalogs, manifests (docs/format.md). No IO here.

pub mod catalog;
pub mod index;
pub mod manifest;
pub mod map;
pub mod notes;
pub mod seal;

/// Bytes of a file that one segment covers.
pub const SEGMENT_BYTES: u64 = 128 << 20;
