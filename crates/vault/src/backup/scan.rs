//! The pages of one segment: which are taken, in which frames they end up, and the map of all of them.

use farshore_types::{Generation, Result, SessionId};

use crate::format::map::{FrameRef, Map, Run, Source};
use crate::format::seal::FrameKind;
use crate::names::PackId;
use crate::pack::Packer;

/// Raw bytes of one content frame.
pub const FRAME_BYTES: usize = 256 << 10;
/// Marks runs whose frame is not sealed yet.
const PENDING: u32 = u32::MAX;

/// The verdicts on the pages of a segment, turned into frames and runs.
pub struct Scan<'a> {
    size: usize,
    verdicts: Vec<Verdict>,
    before: Option<Cursor<'a>>,
    delta: &'a mut Vec<u8>,
    map: Map,
    patched: usize,
}

#[derive(Clone, Copy, PartialEq)]
enum Verdict {
    Zeros,
    Keep,
    Take,
}

impl<'a> Scan<'a> {
    /// For pages of `size` bytes; `before` are the runs of the same segment in the parent backup, if its pages may be kept.
    pub fn new(size: usize, before: Option<&'a [Run]>, delta: &'a mut Vec<u8>) -> Scan<'a> {
        delta.clear();
        let before = before.map(Cursor::new);
        Scan {
            size,
            verdicts: Vec::with_capacity(FRAME_BYTES / size),
            before,
            delta,
            map: Map::new(size as u32),
            patched: 0,
        }
    }

    /// Says of the next page whether it is all zero, and whether it is older than the parent backup.
    pub fn verdict(&mut self, empty: bool, old: bool) {
        self.verdicts.push(match (empty, old && self.before.is_some()) {
            (true, _) => Verdict::Zeros,
            (false, true) => Verdict::Keep,
            (false, false) => Verdict::Take,
        });
    }

    /// Takes one extent, whose verdicts were given page by page.
    pub fn extent(&mut self, extent: &[u8], packer: &mut Packer) -> Result<()> {
        let verdicts = std::mem::take(&mut self.verdicts);
        let whole = self.delta.is_empty() && extent.len() == FRAME_BYTES && !verdicts.contains(&Verdict::Keep);
        if whole && verdicts.contains(&Verdict::Take) {
            // The common case of a full backup: the extent is a frame as it stands.
            let frame = packer.add(FrameKind::Content, extent)?;
            self.map.push(verdicts.len() as u32, Source::Frame { frame, first: 0 });
            self.patched = self.map.runs.len();
            if let Some(cursor) = &mut self.before {
                cursor.skip(verdicts.len() as u32);
            }
        } else {
            for (page, verdict) in extent.chunks_exact(self.size).zip(&verdicts) {
                self.page(page, *verdict, packer)?;
            }
        }
        self.verdicts = verdicts;
        self.verdicts.clear();
        Ok(())
    }

    fn page(&mut self, page: &[u8], verdict: Verdict, packer: &mut Packer) -> Result<()> {
        let old = self.before.as_mut().and_then(Cursor::next);
        match (verdict, old) {
            (Verdict::Zeros, _) => self.map.push(1, Source::Zeros),
            // A page that the parent holds as zeros, or not at all, cannot be an old one: take it.
            (Verdict::Keep, Some(source @ Source::Frame { .. })) => self.map.push(1, source),
            _ => {
                if self.delta.len() + self.size > FRAME_BYTES {
                    self.flush(packer)?;
                }
                let first = (self.delta.len() / self.size) as u32;
                self.map.push(1, Source::Frame { frame: pending(), first });
                self.delta.extend_from_slice(page);
            }
        }
        Ok(())
    }

    fn flush(&mut self, packer: &mut Packer) -> Result<()> {
        if self.delta.is_empty() {
            return Ok(());
        }
        let sealed = packer.add(FrameKind::Content, self.delta)?;
        self.delta.clear();
        for Run { source, .. } in &mut self.map.runs[self.patched..] {
            if let Source::Frame { frame, .. } = source
                && frame.number == PENDING
            {
                *frame = sealed;
            }
        }
        self.patched = self.map.runs.len();
        Ok(())
    }

    /// Seals what is left and gives the map.
    pub fn finish(mut self, packer: &mut Packer) -> Result<Map> {
        self.flush(packer)?;
        Ok(self.map)
    }
}

fn pending() -> FrameRef {
    let pack = PackId { generation: Generation(0), session: SessionId([0; 16]), number: 0 };
    FrameRef { pack, offset: 0, stored: 0, raw: 0, number: PENDING }
}

/// Walks a map unit by unit.
struct Cursor<'a> {
    runs: std::slice::Iter<'a, Run>,
    left: u32,
    source: Source,
}

impl<'a> Cursor<'a> {
    fn new(runs: &'a [Run]) -> Cursor<'a> {
        Cursor { runs: runs.iter(), left: 0, source: Source::Zeros }
    }

    fn next(&mut self) -> Option<Source> {
        if self.left == 0 {
            let run = self.runs.next()?;
            (self.left, self.source) = (run.units, run.source);
        }
        let source = self.source;
        self.left -= 1;
        if let Source::Frame { first, .. } = &mut self.source {
            *first += 1;
        }
        Some(source)
    }

    fn skip(&mut self, units: u32) {
        for _ in 0..units {
            self.next();
        }
    }
}
