//! The checksums of the pages of one segment, fed with pieces of any length.

use farshore_types::{PageKind, PageState};

use crate::format::SEGMENT_BYTES;
use crate::format::catalog::{Entry, Pages, may_be_bad};
use crate::read::Piece;

/// Wrong pages of one segment that are named; the rest are only counted.
const NAMED_MAX: usize = 16;

/// Checks pages while their bytes pass.
pub struct PageCheck<'a> {
    kind: &'a PageKind,
    pages: &'a Pages,
    known_bad: &'a [u32],
    block: u32,
    partial: Vec<u8>,
    /// Pages checked.
    pub checked: u64,
    wrong: Vec<u32>,
    more: u64,
}

/// Whether and how the pages of a file can be checked.
pub enum Checkable<'a> {
    /// It has no pages.
    Plain,
    /// Its pages carry no checksums, or are of a kind that was not given.
    Unchecked(&'a Pages),
    /// With this kind.
    Pages(&'a PageKind, &'a Pages),
}

/// Sorts a file into the three cases.
pub fn checkable<'a>(entry: &'a Entry, kinds: &'a [PageKind]) -> Checkable<'a> {
    let Some(pages) = &entry.pages else { return Checkable::Plain };
    match kinds.iter().find(|kind| kind.name == pages.kind && kind.size == pages.size as usize && kind.size > 0) {
        Some(kind) if pages.checksums => Checkable::Pages(kind, pages),
        _ => Checkable::Unchecked(pages),
    }
}

impl<'a> PageCheck<'a> {
    /// For segment `number` of a file.
    pub fn new(entry: &'a Entry, number: usize, kind: &'a PageKind, pages: &'a Pages) -> PageCheck<'a> {
        let block = number as u64 * SEGMENT_BYTES / kind.size as u64;
        let (partial, wrong) = (Vec::new(), Vec::new());
        let block = u32::try_from(block).unwrap_or(u32::MAX);
        PageCheck { kind, pages, known_bad: &entry.bad_blocks, block, partial, checked: 0, wrong, more: 0 }
    }

    /// Takes the next piece of the segment.
    pub fn take(&mut self, piece: &Piece) {
        let size = self.kind.size;
        match piece {
            Piece::Zeros(bytes) if self.partial.is_empty() && bytes % size as u64 == 0 => {
                // A page of zero bytes is good.
                let pages = bytes / size as u64;
                self.checked += pages;
                self.block = self.block.saturating_add(u32::try_from(pages).unwrap_or(u32::MAX));
            }
            Piece::Zeros(bytes) => {
                for _ in 0..*bytes {
                    self.partial.push(0);
                    self.flush();
                }
            }
            Piece::Bytes(bytes) => {
                let mut rest = *bytes;
                if !self.partial.is_empty() {
                    let (head, tail) = rest.split_at(rest.len().min(size - self.partial.len()));
                    self.partial.extend_from_slice(head);
                    self.flush();
                    rest = tail;
                }
                let whole = rest.chunks_exact(size);
                let left = whole.remainder();
                whole.for_each(|page| self.page(page));
                self.partial.extend_from_slice(left);
            }
        }
    }

    fn flush(&mut self) {
        if self.partial.len() == self.kind.size {
            let page = std::mem::take(&mut self.partial);
            self.page(&page);
        }
    }

    fn page(&mut self, page: &[u8]) {
        let block = self.block;
        self.block = block.saturating_add(1);
        self.checked += 1;
        let good = (self.kind.check)(page, self.pages.first_block.wrapping_add(block)) != PageState::Bad;
        if good || may_be_bad(self.known_bad, block) {
            return;
        }
        match self.wrong.len() < NAMED_MAX {
            true => self.wrong.push(block),
            false => self.more += 1,
        }
    }

    /// What is wrong with the segment's pages.
    pub fn finish(&self) -> Option<String> {
        if !self.partial.is_empty() {
            return Some(format!("it ends within a page of {} bytes", self.kind.size));
        }
        if self.wrong.is_empty() {
            return None;
        }
        let blocks = self.wrong.iter().map(u32::to_string).collect::<Vec<_>>().join(", ");
        let more = if self.more > 0 { format!(" and {} more", self.more) } else { String::new() };
        Some(format!("the page checksum of block {blocks}{more} is wrong"))
    }
}
