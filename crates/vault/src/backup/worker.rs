//! The workers of a backup: each takes segments from a queue, captures them into its own pack, and reports.
//!
//! Small files are gathered into shared frames; their report waits until the frame is sealed. A worker seals its frame whenever the
//! queue runs dry, so that nobody waits for it.

use std::fs::File;
use std::io::ErrorKind as IoErrorKind;
use std::sync::Arc;

use crossbeam_channel::{Receiver, Sender};
use farshore_types::error::ErrorContext;
use farshore_types::snapshot::{SourceFile, SourceKind};
use farshore_types::{Error, Result};

use super::capture::{Before, Buffers, Captured, Capturing, Job, SMALL_BYTES};
use super::resume;
use super::scan::FRAME_BYTES;
use crate::format::SEGMENT_BYTES;
use crate::format::catalog::{self, BAD_BLOCKS_MAX, Content, DigestOf, Entry, EntryKind, Pages, Segment};
use crate::format::seal::FrameKind;
use crate::names::PackId;
use crate::pack::{INDEX_BYTES, Packer};
use crate::primitives::Hash;
use crate::read::backup::{OpenBackup, segment_length, segment_map};
use crate::read::frames::FrameReader;
use crate::repository::Vault;

/// A file to be captured.
pub struct Task {
    /// Its place in the listing.
    pub order: u64,
    /// What to read.
    pub source: SourceFile,
    /// The parent's entry of the same path, if its content may be used.
    pub before: Option<Entry>,
    /// How it is captured.
    pub way: Way,
}

/// How a file is captured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// In one piece, sharing a frame with others.
    Small,
    /// Segment by segment, page by page.
    Pages,
    /// Segment by segment, in whole.
    Whole,
}

impl Task {
    /// Sorts a file into the three ways.
    pub fn way(source: &SourceFile) -> Way {
        match &source.kind {
            _ if source.size <= SMALL_BYTES => Way::Small,
            SourceKind::Pages(pages) if source.size.is_multiple_of(pages.kind.size as u64) => Way::Pages,
            _ => Way::Whole,
        }
    }

    /// Number of segments that workers will report.
    pub fn segments(&self) -> u32 {
        match self.way {
            Way::Small => 1,
            _ => self.source.size.div_ceil(SEGMENT_BYTES) as u32,
        }
    }

    /// The catalog entry, still without segments.
    pub fn entry(&self) -> Entry {
        let (kind, pages) = match &self.source.kind {
            SourceKind::Directory => (EntryKind::Directory, None),
            SourceKind::Link(_) => (EntryKind::Link, None),
            SourceKind::File => (EntryKind::File, None),
            SourceKind::Pages(pages) => {
                (EntryKind::File, Some(Pages::of(&pages.kind, pages.first_block, pages.checksums)))
            }
        };
        let target = match &self.source.kind {
            SourceKind::Link(target) => Some(target.clone()),
            _ => None,
        };
        Entry {
            path: self.source.path.clone(),
            kind,
            mode: self.source.mode & 0o7777,
            mtime: self.source.mtime,
            target,
            size: 0,
            identity: self.source.identity,
            segments: Vec::new(),
            digest_of: self.digest_of(),
            pages: pages.filter(|_| self.source.size.is_multiple_of(self.page_size())),
            bad_blocks: Vec::new(),
        }
    }

    fn page_size(&self) -> u64 {
        match &self.source.kind {
            SourceKind::Pages(pages) => pages.kind.size as u64,
            _ => 1,
        }
    }

    fn digest_of(&self) -> DigestOf {
        match &self.source.kind {
            SourceKind::Pages(pages) if pages.checksums && self.way == Way::Pages => DigestOf::Stamps,
            _ => DigestOf::Content,
        }
    }
}

/// Whether an earlier entry may be built on: for pages the file must be the same one, for others the digest decides.
pub fn usable(before: &Entry, source: &SourceFile) -> bool {
    match Task::way(source) {
        Way::Pages => before.identity == source.identity && before.pages.is_some(),
        Way::Small | Way::Whole => before.digest_of == DigestOf::Content,
    }
}

/// What a worker says about one segment; `None` if the file is gone.
pub struct Report {
    /// Of which file.
    pub task: Arc<Task>,
    /// Which segment.
    pub segment: u32,
    /// What was found.
    pub captured: Option<Captured>,
}

/// A file in the shared frame that is not sealed yet.
struct Bundled {
    task: Arc<Task>,
    start: u32,
    length: u32,
    digest: Hash,
    bad_blocks: Vec<u32>,
}

/// A worker.
pub struct Worker<'a> {
    capturing: &'a Capturing<'a>,
    packer: Packer<'a>,
    parent: Option<(FrameReader<'a>, &'a OpenBackup)>,
    adopted: Option<resume::Lookup<'a>>,
    reports: Sender<Report>,
    buffers: Buffers,
    bundle: Vec<u8>,
    bundled: Vec<Bundled>,
    noted: usize,
}

impl<'a> Worker<'a> {
    /// A worker with its own pack and its own readers of what was put earlier.
    pub fn new(
        capturing: &'a Capturing<'a>,
        packer: Packer<'a>,
        (parent, adopted): (Option<(&'a Vault, &'a OpenBackup)>, Option<resume::Lookup<'a>>),
        reports: Sender<Report>,
    ) -> Result<Worker<'a>> {
        let reader =
            |(vault, backup): (&'a Vault, &'a OpenBackup)| Ok((FrameReader::new(vault, &backup.packs, 0)?, backup));
        let parent = parent.map(reader).transpose()?;
        let (bundle, bundled) = (Vec::with_capacity(FRAME_BYTES), Vec::new());
        let buffers = Buffers::default();
        Ok(Worker { capturing, packer, parent, adopted, reports, buffers, bundle, bundled, noted: 0 })
    }

    /// Works until the queue is closed, then closes the pack. An error is told before the queues of this worker close.
    pub fn run(mut self, inbox: &Receiver<(Arc<Task>, u32)>) {
        if let Err(error) = self.work(inbox) {
            self.packer.packing().give_up(error);
        }
    }

    fn work(&mut self, inbox: &Receiver<(Arc<Task>, u32)>) -> Result<()> {
        loop {
            let next = match inbox.try_recv() {
                Ok(next) => Some(next),
                Err(_) => {
                    self.flush()?;
                    inbox.recv().ok()
                }
            };
            let Some((task, segment)) = next else { break };
            self.packer.packing().go_on()?;
            self.segment(&task, segment).doing("back up", &task.source.path)?;
        }
        self.packer.close()
    }

    fn report(&self, task: Arc<Task>, segment: u32, captured: Option<Captured>) -> Result<()> {
        self.reports.send(Report { task, segment, captured }).map_err(|_| Error::transient("the backup has stopped"))
    }

    fn segment(&mut self, task: &Arc<Task>, number: u32) -> Result<()> {
        let file = match File::open(&task.source.location) {
            Ok(file) => file,
            // Dropped while we work: replaying the log from the backup's start drops it again.
            Err(error) if error.kind() == IoErrorKind::NotFound => return self.report(task.clone(), number, None),
            Err(error) => return Err(Error::io(error, "open", task.source.location.display())),
        };
        if task.way == Way::Small {
            return self.small(task, &file);
        }
        let offset = u64::from(number) * SEGMENT_BYTES;
        let length = (task.source.size - offset).min(SEGMENT_BYTES);
        let before = self.before(task, number)?;
        let last = number + 1 == task.segments();
        let job = Job { source: &task.source, file: &file, offset, length, last, before: before.as_ref() };
        let captured = match &task.source.kind {
            SourceKind::Pages(pages) if task.way == Way::Pages => {
                self.capturing.pages(&job, pages, &mut self.buffers, &mut self.packer)?
            }
            _ => self.capturing.whole(&job, &mut self.buffers, &mut self.packer)?,
        };
        // What is held already is no work of this session.
        if let Some(segment) = captured.segment.filter(|new| before.is_none_or(|before| before.segment != *new)) {
            self.complete(task, number, segment, &captured.bad_blocks);
        }
        self.report(task.clone(), number, Some(captured))
    }

    fn complete(&mut self, task: &Task, number: u32, segment: Segment, bad: &[u32]) {
        let mut entry = task.entry();
        entry.size = task.source.size;
        entry.segments = vec![segment];
        entry.bad_blocks = bad.iter().copied().take(BAD_BLOCKS_MAX).collect();
        self.packer.completed((entry, vec![number]));
    }

    /// The same segment as a dead writer has put it, else in the parent, with its map.
    fn before(&mut self, task: &Task, number: u32) -> Result<Option<Before>> {
        if let Some(adopted) = &mut self.adopted
            && let Some(found) = adopted.find(&task.source.path, number)?
            && usable(&found.entry, &task.source)
            && (self.parent.is_none() || found.since > self.capturing.bounds.since)
            && (found.believed || task.way != Way::Pages)
            && let Some(before) = adopted.before(&found, number)?
        {
            return Ok(Some(before));
        }
        let number = number as usize;
        let (Some(entry), Some((reader, _))) = (&task.before, &mut self.parent) else { return Ok(None) };
        let Some(segment) = entry.segments.get(number) else { return Ok(None) };
        let map = segment_map(segment, segment_length(entry, number), reader)?;
        let (since, bad_blocks) = (self.capturing.bounds.since, entry.bad_blocks.clone());
        Ok(Some(Before { since, segment: *segment, map, bad_blocks }))
    }

    fn small(&mut self, task: &Arc<Task>, file: &File) -> Result<()> {
        let mut bad = Vec::new();
        let content = self.capturing.small(&task.source, file, &mut bad, &mut self.buffers)?;
        if content.is_empty() {
            return self.report(task.clone(), 0, Some(Captured::default()));
        }
        let digest = Hash::of(content);
        let length = content.len() as u32;
        let mut kept = task.before.as_ref().and_then(|entry| same_small(entry, digest, length));
        if let (None, Some(adopted)) = (kept, &mut self.adopted) {
            let found = adopted.find(&task.source.path, 0)?.filter(|found| usable(&found.entry, &task.source));
            kept = found.and_then(|found| same_small(&found.entry, digest, length));
        }
        if let Some((segment, pack)) = kept {
            let (segment, length, packs) = (Some(segment), u64::from(length), vec![pack]);
            return self.report(task.clone(), 0, Some(Captured { segment, length, packs, bad_blocks: bad, newest: 0 }));
        }
        let noted = catalog::json_bytes_of(&task.source.path, 1, bad.len());
        if self.bundle.len() + content.len() > FRAME_BYTES || self.noted + noted > INDEX_BYTES {
            let content = content.to_vec();
            self.flush()?;
            self.bundle.extend_from_slice(&content);
        } else {
            self.bundle.extend_from_slice(content);
        }
        self.noted += noted;
        let start = self.bundle.len() as u32 - length;
        self.bundled.push(Bundled { task: task.clone(), start, length, digest, bad_blocks: bad });
        Ok(())
    }

    /// Seals the shared frame and reports the files in it.
    fn flush(&mut self) -> Result<()> {
        if self.bundled.is_empty() {
            return Ok(());
        }
        let frame = self.packer.add(FrameKind::Content, &self.bundle)?;
        self.bundle.clear();
        self.noted = 0;
        for Bundled { task, start, length, digest, bad_blocks } in std::mem::take(&mut self.bundled) {
            let segment = Segment { content: Content::Data { frame, start, length }, digest };
            self.complete(&task, 0, segment, &bad_blocks);
            let packs: Vec<PackId> = vec![frame.pack];
            let captured = Captured { segment: Some(segment), length: u64::from(length), bad_blocks, packs, newest: 0 };
            self.report(task, 0, Some(captured))?;
        }
        Ok(())
    }
}

/// The segment of a small file, and its pack, if its content is this.
fn same_small(entry: &Entry, digest: Hash, length: u32) -> Option<(Segment, PackId)> {
    match entry.segments.as_slice() {
        [segment @ Segment { content: Content::Data { frame, .. }, .. }]
            if segment.digest == digest && entry.size == u64::from(length) =>
        {
            Some((*segment, frame.pack))
        }
        _ => None,
    }
}
