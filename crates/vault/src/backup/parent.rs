//! The parent of an incremental backup: its entries, looked up in the order in which the new files are listed.

use std::cmp::Ordering;
use std::iter::Peekable;

use farshore_types::Result;
use farshore_types::snapshot::path_order;

use crate::format::catalog::Entry;
use crate::format::manifest::Custody;
use crate::read::backup::{Entries, OpenBackup};
use crate::repository::Vault;

/// A backup is taken in full after this many incrementals.
pub const DEPTH_MAX: u32 = 30;

/// Whether a backup on top of this one must be full, so that old packs are given up: the chain is long, or what it reaches is more
/// than twice what its last full backup put. Returns the reason.
pub fn must_be_full(parent: &Custody, last_full_stored: u64) -> Option<String> {
    if parent.depth >= DEPTH_MAX {
        return Some(format!("{DEPTH_MAX} incremental backups followed the last full one"));
    }
    if parent.sizes.stored > last_full_stored.saturating_mul(2) {
        return Some("the chain holds more than twice the bytes of its full backup".to_string());
    }
    None
}

/// Walks the parent's entries beside a sorted listing.
pub struct Lookup<'a> {
    entries: Option<Peekable<Entries<'a>>>,
}

impl<'a> Lookup<'a> {
    /// Over a parent, or over nothing.
    pub fn new(vault: &'a Vault, parent: Option<&'a OpenBackup>) -> Result<Lookup<'a>> {
        let entries = parent.map(|parent| parent.entries(vault)).transpose()?.map(Iterator::peekable);
        Ok(Lookup { entries })
    }

    /// The parent's entry of this path. Paths must be asked for in path order.
    pub fn find(&mut self, path: &str) -> Result<Option<Entry>> {
        let Some(entries) = &mut self.entries else { return Ok(None) };
        loop {
            let order = match entries.peek() {
                None => return Ok(None),
                Some(Ok(entry)) => path_order(&entry.path, path),
                Some(Err(_)) => Ordering::Equal,
            };
            match order {
                Ordering::Greater => return Ok(None),
                Ordering::Equal => return entries.next().transpose(),
                Ordering::Less => drop(entries.next()),
            }
        }
    }
}
