//! An opened backup: its custody, its body, and its entries one catalog frame at a time.

use farshore_types::Result;
use farshore_types::error::ErrorContext;

use super::frames::{FrameReader, PackTable};
use crate::format::catalog::{self, Entry, Segment};
use crate::format::manifest::{Body, Custody};
use crate::format::map::{Map, Source};
use crate::format::seal::FrameKind;
use crate::format::{SEGMENT_BYTES, catalog::Content};
use crate::names::ManifestName;
use crate::repository::Vault;

/// A backup whose manifest was read and checked.
#[derive(Debug)]
pub struct OpenBackup {
    /// Its manifest.
    pub name: ManifestName,
    /// The plain part.
    pub custody: Custody,
    /// The sealed part.
    pub body: Body,
    /// Its packs.
    pub packs: PackTable,
}

impl Vault {
    /// Reads and checks a manifest.
    pub fn open_backup(&self, name: &ManifestName) -> Result<OpenBackup> {
        let (bytes, custody) = self.repository.custody(name)?;
        let body = self.body(name, &bytes)?;
        let packs = PackTable::of(&custody)?;
        Ok(OpenBackup { name: *name, custody, body, packs })
    }
}

/// The entries of a backup in path order; one catalog frame is held at a time.
pub struct Entries<'a> {
    backup: &'a OpenBackup,
    reader: FrameReader<'a>,
    next: usize,
    loaded: std::vec::IntoIter<Entry>,
}

impl OpenBackup {
    /// Starts reading the entries.
    pub fn entries<'a>(&'a self, vault: &'a Vault) -> Result<Entries<'a>> {
        let reader = FrameReader::new(vault, &self.packs, 0)?;
        Ok(Entries { backup: self, reader, next: 0, loaded: Vec::new().into_iter() })
    }
}

impl Entries<'_> {
    fn load(&mut self) -> Result<bool> {
        let Some(frame) = self.backup.body.catalogs.get(self.next) else { return Ok(false) };
        let mut raw = Vec::new();
        self.reader.read(frame, FrameKind::Catalog, &mut raw)?;
        self.loaded = catalog::decode(&raw).doing("read the catalog of", self.backup.name.id)?.into_iter();
        self.next += 1;
        Ok(true)
    }
}

impl Iterator for Entries<'_> {
    type Item = Result<Entry>;
    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(entry) = self.loaded.next() {
                return Some(Ok(entry));
            }
            match self.load() {
                Ok(true) => {}
                Ok(false) => return None,
                Err(error) => {
                    // Nothing can follow an unreadable catalog.
                    self.next = usize::MAX;
                    return Some(Err(error));
                }
            }
        }
    }
}

/// Bytes of segment `number` of a file.
pub fn segment_length(entry: &Entry, number: usize) -> u64 {
    (entry.size - (number as u64 * SEGMENT_BYTES).min(entry.size)).min(SEGMENT_BYTES)
}

/// The map of a segment; made up for one that lies in a single frame.
pub fn segment_map(segment: &Segment, length: u64, reader: &mut FrameReader) -> Result<Map> {
    match &segment.content {
        Content::Map(frame) => {
            let mut raw = Vec::new();
            reader.read(frame, FrameKind::Map, &mut raw)?;
            Map::decode(&raw, length)
        }
        Content::Data { frame, start, length: bytes } => {
            let mut map = Map::new(1);
            map.push(*bytes, Source::Frame { frame: *frame, first: *start });
            match u64::from(*bytes) == length {
                true => Ok(map),
                false => Err(farshore_types::Error::corrupt("a segment has another length than its file says")),
            }
        }
    }
}
