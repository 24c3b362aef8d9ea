//! Capturing one segment of a file: which of its bytes are new, and a map of where all of them are.
//!
//! Page files: a page is taken if it is newer than the parent backup's start, if its log position cannot be believed, or if it was
//! damaged when the parent took it; every other page keeps its place in the parent's packs. Other files: a segment whose digest equals the parent's is kept.
//! What a page's position may be believed for is decided by the engine ([`PageSource::believe_positions`]); the bounds are in [`Bounds`].

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::sync::Arc;
use std::time::Duration;

use farshore_types::error::ErrorContext;
use farshore_types::snapshot::{PageSource, SourceFile, SourceKind};
use farshore_types::{Clock, Error, PageState, Progress, Result};

use super::scan::{FRAME_BYTES, Scan};
use super::throttle::Throttle;
use crate::format::catalog::{Content, Segment, may_be_bad};
use crate::format::map::{Map, Source};
use crate::format::seal::FrameKind;
use crate::names::PackId;
use crate::pack::Packer;
use crate::primitives::{Hash, Hasher};

/// How often a page with a wrong checksum is read again before it counts as bad: the server may be writing it.
const TORN_READS_MAX: u32 = 10;
/// Bad blocks of a segment after which a further one is read again only once: a file that is broken throughout must not hold the
/// backup up for hours.
const TORN_BLOCKS_MAX: usize = 64;
/// Pause before such a page is read again.
const TORN_PAUSE: Duration = Duration::from_millis(10);

/// Files up to this size share frames.
pub const SMALL_BYTES: u64 = 64 << 10;

/// Which page positions are believed.
#[derive(Debug, Clone, Copy, Default)]
pub struct Bounds {
    /// Pages changed at or after this position are taken: the parent backup's start.
    pub since: u64,
    /// Positions below this are not believed (a page that was never logged carries a small constant).
    pub floor: u64,
}

/// What is shared by all captures of a backup.
pub struct Capturing<'a> {
    /// Which page positions are believed.
    pub bounds: Bounds,
    /// Waits.
    pub clock: Arc<dyn Clock>,
    /// Bounds bytes per second.
    pub throttle: Throttle,
    /// Counts bytes, asks to stop.
    pub progress: &'a Progress,
}

/// The same segment in the parent backup, or in one whose writer died.
pub struct Before {
    /// Where that backup started: pages changed at or after this position are taken.
    pub since: u64,
    /// As catalogued.
    pub segment: Segment,
    /// Its map; one run for a segment that is part of a shared frame.
    pub map: Map,
    /// Blocks within the file that were bad then, as its catalog entry lists them: what was put of them is damaged for ever.
    pub bad_blocks: Vec<u32>,
}

/// One captured segment.
#[derive(Debug, Default)]
pub struct Captured {
    /// Where its bytes are; `None` if it turned out to be empty.
    pub segment: Option<Segment>,
    /// How many bytes of it there were.
    pub length: u64,
    /// Blocks within the file whose checksum stayed wrong.
    pub bad_blocks: Vec<u32>,
    /// Packs that hold its bytes and its map.
    pub packs: Vec<PackId>,
    /// The newest page position seen.
    pub newest: u64,
}

/// Buffers that one worker reuses for every segment.
pub struct Buffers {
    extent: Vec<u8>,
    delta: Vec<u8>,
}

impl Default for Buffers {
    fn default() -> Self {
        Buffers { extent: vec![0; FRAME_BYTES], delta: Vec::with_capacity(FRAME_BYTES) }
    }
}

/// A segment to be captured.
pub struct Job<'a> {
    /// Of which file.
    pub source: &'a SourceFile,
    /// The open file.
    pub file: &'a File,
    /// Offset of the segment within the file.
    pub offset: u64,
    /// Expected length.
    pub length: u64,
    /// Whether it is the file's last: a shorter end is then an end, elsewhere it is filled with zeros.
    pub last: bool,
    /// The same segment in the parent backup.
    pub before: Option<&'a Before>,
}

/// Fills `buffer` from `offset` on; fewer bytes only at the end of the file.
fn read_full(file: &File, buffer: &mut [u8], offset: u64) -> std::io::Result<usize> {
    let mut done = 0;
    while done < buffer.len() {
        match file.read_at(&mut buffer[done..], offset + done as u64) {
            Ok(0) => break,
            Ok(count) => done += count,
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(done)
}

impl Capturing<'_> {
    /// Reads one extent; bytes that are missing before the file's last segment are zero.
    fn read(&self, job: &Job, at: u64, buffer: &mut [u8]) -> Result<usize> {
        self.progress.go_on()?;
        self.throttle.take(buffer.len() as u64);
        let got = read_full(job.file, buffer, job.offset + at).doing("read", job.source.location.display())?;
        self.progress.add_bytes(got as u64);
        if got < buffer.len() && !job.last {
            buffer[got..].fill(0);
            return Ok(buffer.len());
        }
        Ok(got)
    }

    /// Captures a segment of a page file.
    pub fn pages(&self, job: &Job, pages: &PageSource, buffers: &mut Buffers, packer: &mut Packer) -> Result<Captured> {
        let size = pages.kind.size;
        let believed = job.before.filter(|before| pages.believe_positions && before.map.unit as usize == size);
        let since = believed.map_or(0, |before| before.since);
        let was_bad = |block| believed.is_some_and(|before| may_be_bad(&before.bad_blocks, block));
        let mut scan = Scan::new(size, believed.map(|before| before.map.runs.as_slice()), &mut buffers.delta);
        let mut digest = Hasher::new();
        let mut captured = Captured::default();
        let mut at = 0;
        while at < job.length {
            let want = (job.length - at).min(FRAME_BYTES as u64) as usize;
            let got = self.read(job, at, &mut buffers.extent[..want])?;
            // A partial page at the end is being appended to right now; its log record follows the backup's start.
            let whole = got - got % size;
            for page_at in (0..whole).step_by(size) {
                let block = ((job.offset + at + page_at as u64) / size as u64) as u32;
                let page = &mut buffers.extent[page_at..page_at + size];
                let state = self.check(job, pages, block, page, &mut captured.bad_blocks)?;
                digest.update(if pages.checksums { &page[..pages.kind.stamp_bytes] } else { &*page });
                let changed_at = (pages.kind.changed_at)(page);
                captured.newest = captured.newest.max(changed_at);
                // A damaged page is taken as it is: nothing that it says of itself can be believed.
                let old = state == PageState::Good && changed_at < since && changed_at >= self.bounds.floor;
                scan.verdict(state == PageState::Empty, old && !was_bad(block));
            }
            scan.extent(&buffers.extent[..whole], packer)?;
            captured.length += whole as u64;
            at += want as u64;
            if whole < want {
                break;
            }
        }
        let map = scan.finish(packer)?;
        self.seal_map(job, &map, digest.finish(), captured, packer)
    }

    /// Checks a page, and reads it again while its checksum is wrong.
    fn check(
        &self,
        job: &Job,
        pages: &PageSource,
        block: u32,
        page: &mut [u8],
        bad: &mut Vec<u32>,
    ) -> Result<PageState> {
        if !pages.checksums {
            return Ok(if page.iter().all(|&byte| byte == 0) { PageState::Empty } else { PageState::Good });
        }
        let number = pages.first_block.wrapping_add(block);
        let mut state = (pages.kind.check)(page, number);
        let reads = if bad.len() < TORN_BLOCKS_MAX { TORN_READS_MAX } else { 1 };
        for _ in 0..reads {
            if state != PageState::Bad {
                return Ok(state);
            }
            self.clock.pause(TORN_PAUSE);
            let offset = u64::from(block) * pages.kind.size as u64;
            let got = read_full(job.file, page, offset).doing("read again", job.source.location.display())?;
            page[got..].fill(0);
            state = (pages.kind.check)(page, number);
        }
        if state == PageState::Bad {
            bad.push(block);
        }
        Ok(state)
    }

    /// Captures a segment of any other file. With a segment before it the digest is taken first, and nothing is put if it is equal.
    pub fn whole(&self, job: &Job, buffers: &mut Buffers, packer: &mut Packer) -> Result<Captured> {
        if let Some(before) = job.before.filter(|before| before.map.units() * u64::from(before.map.unit) == job.length)
        {
            let mut digest = Hasher::new();
            self.extents(job, buffers, &mut |extent| {
                digest.update(extent);
                Ok(())
            })?;
            if digest.finish() == before.segment.digest {
                return Ok(Captured {
                    segment: Some(before.segment),
                    length: job.length,
                    packs: before.packs(),
                    ..Captured::default()
                });
            }
        }
        let mut digest = Hasher::new();
        let mut map = Map::new(1);
        let length = self.extents(job, buffers, &mut |extent| {
            digest.update(extent);
            let source = match extent.iter().all(|&byte| byte == 0) {
                true => Source::Zeros,
                false => Source::Frame { frame: packer.add(FrameKind::Content, extent)?, first: 0 },
            };
            map.push(extent.len() as u32, source);
            Ok(())
        })?;
        self.seal_map(job, &map, digest.finish(), Captured { length, ..Captured::default() }, packer)
    }

    fn extents(&self, job: &Job, buffers: &mut Buffers, each: &mut dyn FnMut(&[u8]) -> Result<()>) -> Result<u64> {
        let mut at = 0;
        while at < job.length {
            let want = (job.length - at).min(FRAME_BYTES as u64) as usize;
            let got = self.read(job, at, &mut buffers.extent[..want])?;
            if got > 0 {
                each(&buffers.extent[..got])?;
            }
            at += got as u64;
            if got < want {
                break;
            }
        }
        Ok(at)
    }

    /// The bytes of a small file, at most [`SMALL_BYTES`]; its pages are checked as far as it has any.
    pub fn small<'b>(
        &self,
        source: &SourceFile,
        file: &File,
        bad: &mut Vec<u32>,
        buffers: &'b mut Buffers,
    ) -> Result<&'b [u8]> {
        self.progress.go_on()?;
        let extent = &mut buffers.extent[..SMALL_BYTES as usize];
        self.throttle.take(source.size);
        let got = read_full(file, extent, 0).doing("read", source.location.display())?;
        self.progress.add_bytes(got as u64);
        if let SourceKind::Pages(pages) = &source.kind {
            let job = Job { source, file, offset: 0, length: got as u64, last: true, before: None };
            for (block, page) in extent[..got].chunks_exact_mut(pages.kind.size).enumerate() {
                self.check(&job, pages, block as u32, page, bad)?;
            }
        }
        Ok(&extent[..got])
    }

    /// Puts the map, unless it is the parent's, and completes the segment in the pack's index.
    fn seal_map(
        &self,
        job: &Job,
        map: &Map,
        digest: Hash,
        mut captured: Captured,
        packer: &mut Packer,
    ) -> Result<Captured> {
        if captured.length == 0 {
            return Ok(captured);
        }
        if map.units() * u64::from(map.unit) != captured.length {
            return Err(Error::bug(format!("the map of {} does not cover what was read", job.source.path)));
        }
        match job.before {
            Some(before) if before.map == *map && before.segment.digest == digest => {
                captured.packs = before.packs();
                captured.segment = Some(before.segment);
            }
            _ => {
                let frame = packer.add(FrameKind::Map, &map.encode())?;
                captured.packs = map.packs().chain([frame.pack]).collect();
                captured.packs.dedup();
                captured.segment = Some(Segment { content: Content::Map(frame), digest });
            }
        }
        Ok(captured)
    }
}

impl Before {
    /// Packs that hold the segment's bytes and its map.
    pub fn packs(&self) -> Vec<PackId> {
        let own = match &self.segment.content {
            Content::Data { frame, .. } | Content::Map(frame) => frame.pack,
        };
        let mut packs: Vec<PackId> = self.map.packs().chain([own]).collect();
        packs.sort_unstable();
        packs.dedup();
        packs
    }
}
