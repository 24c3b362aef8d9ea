//! Sessions, fences and tombstones: the plain notes that writers and sweeps leave for each other (docs/format.md, section 9).

use std::collections::BTreeMap;

use farshore_types::{Error, Generation, Result, SessionId};
use serde::{Deserialize, Serialize};

use super::catalog::json;
use crate::names::{BackupId, FenceName, NoteName};
use crate::primitives::{Hash, check_hash};

/// What a session is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Purpose {
    /// A backup is being taken.
    Backup,
    /// A log is being archived.
    Journal,
    /// A backup is being copied into this region.
    Copy,
    /// A backup is being read.
    Restore,
    /// Old objects are being deleted.
    Sweep,
}

/// A writer's announcement.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionNote {
    /// What it is for.
    pub purpose: Purpose,
    /// The backup that it relies on.
    pub pins: Option<BackupId>,
    /// Names of packs and journal objects that a copier, or a backup that goes on after a dead one, relies on besides.
    #[serde(default)]
    pub needs: Vec<String>,
    /// Seconds after its put by which it will have committed or given up.
    pub deadline_s: u64,
}

/// This session may commit nothing any more.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FenceNote {
    /// The fenced session.
    pub session: SessionId,
    /// Why, for people.
    pub reason: String,
}

/// What a sweep is about to delete.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Tombstone {
    /// Full names of manifests.
    pub manifests: Vec<String>,
    /// Full names of packs.
    pub packs: Vec<String>,
    /// Full names of journal objects.
    pub journal: Vec<String>,
    /// What the removed manifests refer to: full names of packs by backup.
    pub custody: BTreeMap<String, Vec<String>>,
}

/// The object of a session or tombstone: its name and bytes.
pub fn encode(
    folder: &'static str,
    generation: Generation,
    session: SessionId,
    note: &impl Serialize,
) -> Result<(NoteName, Vec<u8>)> {
    let bytes = json(note)?;
    Ok((NoteName { folder, generation, session, hash: Hash::of(&bytes) }, bytes))
}

/// The object of a fence: its name and bytes. The same session and reason always make the same object.
pub fn encode_fence(note: &FenceNote) -> Result<(FenceName, Vec<u8>)> {
    let bytes = json(note)?;
    Ok((FenceName { session: note.session, hash: Hash::of(&bytes) }, bytes))
}

/// Parses a note whose name promises `hash`.
pub fn decode<T: for<'de> Deserialize<'de>>(name: &str, hash: Hash, bytes: &[u8]) -> Result<T> {
    check_hash(name, hash, bytes)?;
    serde_json::from_slice(bytes).map_err(|error| Error::corrupt(format!("object {name} is damaged: {error}")))
}
