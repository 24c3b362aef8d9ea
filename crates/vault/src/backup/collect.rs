//! Collecting what the workers report into catalog entries, in path order.
//!
//! Memory: the entries that are in flight, bounded by the queue of segments and the workers' shared frames, and one catalog frame.

use std::collections::{BTreeMap, HashSet};

use farshore_types::Result;

use super::worker::{Report, Task, Way};
use crate::format::SEGMENT_BYTES;
use crate::format::catalog::{self, BAD_BLOCKS_MAX, Entry, EntryKind, Segment};
use crate::format::map::FrameRef;
use crate::format::seal::FrameKind;
use crate::names::PackId;
use crate::pack::Packer;

/// JSON bytes of one catalog frame; the last entry comes on top.
const CATALOG_BYTES: usize = 256 << 10;

struct Pending {
    entry: Entry,
    left: u32,
    lengths: Vec<u64>,
    segments: Vec<Option<Segment>>,
    gone: bool,
    paged: bool,
}

/// Puts entries in order and seals catalog frames.
pub struct Collector<'a> {
    packer: Packer<'a>,
    next: u64,
    pending: BTreeMap<u64, Pending>,
    entries: Vec<Entry>,
    estimate: usize,
    catalogs: Vec<FrameRef>,
    packs: HashSet<PackId>,
    totals: Totals,
}

/// What the catalog holds.
#[derive(Debug, Default, Clone)]
pub struct Totals {
    /// Number of files.
    pub files: u64,
    /// Bytes of the files.
    pub raw: u64,
    /// Damaged pages: path and block, at most 1024.
    pub bad_pages: Vec<(String, u32)>,
    /// The newest page position seen, and where.
    pub newest: (u64, String),
}

/// Everything that the manifest needs of the catalog.
pub struct Collected {
    /// Where the catalog frames are.
    pub catalogs: Vec<FrameRef>,
    /// Every pack that holds content, maps or catalogs.
    pub packs: HashSet<PackId>,
    /// Sums.
    pub totals: Totals,
}

impl<'a> Collector<'a> {
    /// Catalog frames go into a pack of their own.
    pub fn new(packer: Packer<'a>) -> Collector<'a> {
        let (pending, totals) = (BTreeMap::new(), Totals::default());
        let (entries, catalogs, packs) = (Vec::new(), Vec::new(), HashSet::new());
        Collector { packer, next: 0, pending, entries, estimate: 0, catalogs, packs, totals }
    }

    /// Number of entries that wait for reports or for their turn.
    pub fn in_flight(&self) -> usize {
        self.pending.len()
    }

    /// Announces a path; `segments` reports will follow.
    pub fn expect(&mut self, task: &Task, segments: u32) -> Result<()> {
        let slots = segments as usize;
        let entry = task.entry();
        let paged = task.way == Way::Pages;
        let pending =
            Pending { entry, left: segments, lengths: vec![0; slots], segments: vec![None; slots], gone: false, paged };
        self.pending.insert(task.order, pending);
        self.settle()
    }

    /// Takes one report.
    pub fn take(&mut self, report: Report) -> Result<()> {
        let Some(pending) = self.pending.get_mut(&report.task.order) else { return Ok(()) };
        pending.left -= 1;
        match report.captured {
            None => pending.gone = true,
            Some(captured) => {
                pending.lengths[report.segment as usize] = captured.length;
                pending.segments[report.segment as usize] = captured.segment;
                pending.entry.bad_blocks.extend(captured.bad_blocks);
                self.packs.extend(captured.packs);
                if captured.newest > self.totals.newest.0 {
                    self.totals.newest = (captured.newest, pending.entry.path.clone());
                }
            }
        }
        self.settle()
    }

    /// Moves what is complete and next in order into the catalog.
    fn settle(&mut self) -> Result<()> {
        while let Some(first) = self.pending.first_entry() {
            if *first.key() != self.next || first.get().left > 0 {
                break;
            }
            self.next += 1;
            let pending = first.remove();
            // A file that vanished in any part is not in the backup: the log drops it again.
            if !pending.gone {
                self.add(finished(pending))?;
            }
        }
        Ok(())
    }

    fn add(&mut self, mut entry: Entry) -> Result<()> {
        if entry.kind == EntryKind::File {
            self.totals.files += 1;
            self.totals.raw += entry.size;
        }
        entry.bad_blocks.sort_unstable();
        entry.bad_blocks.truncate(BAD_BLOCKS_MAX);
        for block in &entry.bad_blocks {
            if self.totals.bad_pages.len() < BAD_BLOCKS_MAX {
                self.totals.bad_pages.push((entry.path.clone(), *block));
            }
        }
        self.estimate += catalog::json_bytes(&entry);
        self.entries.push(entry);
        if self.estimate >= CATALOG_BYTES { self.flush() } else { Ok(()) }
    }

    fn flush(&mut self) -> Result<()> {
        if self.entries.is_empty() {
            return Ok(());
        }
        let frame = self.packer.add(FrameKind::Catalog, &catalog::encode(&self.entries)?)?;
        self.packs.insert(frame.pack);
        self.catalogs.push(frame);
        self.entries.clear();
        self.estimate = 0;
        Ok(())
    }

    /// Seals the last catalog frame and closes its pack.
    pub fn finish(mut self) -> Result<Collected> {
        self.flush()?;
        self.packer.close()?;
        Ok(Collected { catalogs: self.catalogs, packs: self.packs, totals: self.totals })
    }
}

/// The size is where the last segment that has bytes ends; segments before it are complete by construction.
fn finished(pending: Pending) -> Entry {
    let Pending { mut entry, lengths, segments, paged, .. } = pending;
    let filled = segments.iter().rposition(Option::is_some).map_or(0, |last| last + 1);
    entry.size = match filled {
        0 => 0,
        count => (count as u64 - 1) * SEGMENT_BYTES + lengths[count - 1],
    };
    entry.segments = segments.into_iter().take(filled).flatten().collect();
    let whole_pages = entry.pages.as_ref().is_some_and(|pages| entry.size % u64::from(pages.size.max(1)) == 0);
    if !paged && !whole_pages {
        entry.pages = None;
    }
    entry
}
