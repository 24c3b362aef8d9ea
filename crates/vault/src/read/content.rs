//! The bytes of one segment, in order, checked against its digest while they pass.
//!
//! Memory: [`FRAMES_MAX`] decoded frames besides the reader's windows, whatever the number of backups that the bytes come from.

use std::collections::VecDeque;

use farshore_types::Result;

use super::backup::{segment_length, segment_map};
use super::frames::{FrameReader, PackTable, READ_AHEAD};
use crate::format::catalog::{DigestOf, Entry};
use crate::format::map::{FrameRef, Source};
use crate::format::seal::FrameKind;
use crate::primitives::{Hasher, damaged};
use crate::repository::Vault;

/// Decoded frames kept per reader.
const FRAMES_MAX: usize = 24;
static ZEROS: [u8; 64 << 10] = [0; 64 << 10];

/// Reads segments of one backup; one per thread.
pub struct ContentReader<'a> {
    reader: FrameReader<'a>,
    frames: VecDeque<(FrameRef, Vec<u8>)>,
}

/// A piece of a segment.
pub enum Piece<'a> {
    /// Bytes to be written.
    Bytes(&'a [u8]),
    /// That many zero bytes.
    Zeros(u64),
}

impl<'a> ContentReader<'a> {
    /// Over the packs of one backup.
    pub fn new(vault: &'a Vault, packs: &'a PackTable) -> Result<ContentReader<'a>> {
        Ok(ContentReader { reader: FrameReader::new(vault, packs, READ_AHEAD)?, frames: VecDeque::new() })
    }

    /// The raw bytes of a content frame: from the few that are kept, or read now.
    fn frame(&mut self, frame: &FrameRef) -> Result<&[u8]> {
        let kept = self.frames.iter().position(|(kept, _)| kept == frame);
        let entry = match kept.and_then(|place| self.frames.remove(place)) {
            Some(entry) => entry,
            None => {
                let spare = if self.frames.len() >= FRAMES_MAX { self.frames.pop_back() } else { None };
                let mut raw = spare.map(|(_, raw)| raw).unwrap_or_default();
                self.reader.read(frame, FrameKind::Content, &mut raw)?;
                (*frame, raw)
            }
        };
        self.frames.push_front(entry);
        Ok(&self.frames[0].1)
    }

    /// Gives the bytes of segment `number` in order. The digest is compared at the end: on `Corrupt`, what was given is not to be trusted.
    pub fn segment(
        &mut self,
        entry: &Entry,
        number: usize,
        each: &mut dyn FnMut(u64, Piece) -> Result<()>,
    ) -> Result<()> {
        let wrong = |what: &str| damaged(&format!("for {:?}", entry.path), what);
        let segment = entry.segments.get(number).ok_or_else(|| wrong("a segment is not catalogued"))?;
        let length = segment_length(entry, number);
        let map = segment_map(segment, length, &mut self.reader)?;
        let mut digest = Digest::new(entry);
        let unit = u64::from(map.unit);
        let mut at = 0;
        for run in &map.runs {
            let bytes = u64::from(run.units) * unit;
            match &run.source {
                Source::Zeros => {
                    digest.zeros(bytes);
                    each(at, Piece::Zeros(bytes))?;
                }
                Source::Frame { frame, first } => {
                    let start = u64::from(*first) * unit;
                    let raw = self.frame(frame)?;
                    let piece = raw.get(start as usize..(start + bytes) as usize);
                    let piece = piece.ok_or_else(|| wrong("a map points past the end of a frame"))?;
                    digest.update(piece);
                    each(at, Piece::Bytes(piece))?;
                }
            }
            at += bytes;
        }
        match digest.finish() == segment.digest {
            true => Ok(()),
            false => Err(wrong(&format!("segment {number} does not have the digest of its catalog entry"))),
        }
    }
}

/// A digest over content or stamps, fed in pieces that are whole pages.
pub struct Digest {
    hasher: Hasher,
    stamps: Option<(usize, usize)>,
}

impl Digest {
    /// As the entry says.
    pub fn new(entry: &Entry) -> Digest {
        let stamps = match (&entry.pages, entry.digest_of) {
            (Some(pages), DigestOf::Stamps) => Some((pages.size as usize, pages.stamp as usize)),
            _ => None,
        };
        Digest { hasher: Hasher::new(), stamps }
    }

    /// Adds bytes.
    pub fn update(&mut self, bytes: &[u8]) {
        match self.stamps {
            None => self.hasher.update(bytes),
            Some((size, stamp)) => {
                bytes.chunks(size.max(1)).for_each(|page| self.hasher.update(&page[..stamp.min(page.len())]));
            }
        }
    }

    /// Adds zero bytes.
    pub fn zeros(&mut self, bytes: u64) {
        let mut left = match self.stamps {
            None => bytes,
            Some((size, stamp)) => bytes / size.max(1) as u64 * stamp as u64,
        };
        while left > 0 {
            let now = left.min(ZEROS.len() as u64);
            self.hasher.update(&ZEROS[..now as usize]);
            left -= now;
        }
    }

    /// The digest.
    pub fn finish(self) -> crate::primitives::Hash {
        self.hasher.finish()
    }
}
