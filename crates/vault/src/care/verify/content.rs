//! Level 2: every file of every backup is read as a restore reads it: digests and page checksums.
//!
//! Backups of a chain share segments; one that was found whole is not read again, up to [`KNOWN_MAX`] of them.

use std::collections::{BTreeSet, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crossbeam_channel::{Receiver, Sender};
use farshore_types::{Error, ErrorKind, Result};

use super::finding::{Finding, Level, Request, Verified};
use super::listing::Inventory;
use super::pages::{Checkable, PageCheck, checkable};
use super::parallel;
use crate::format::SEGMENT_BYTES;
use crate::format::catalog::{Content, Entry, EntryKind, Segment};
use crate::format::map::FrameRef;
use crate::primitives::Hash;
use crate::read::backup::segment_length;
use crate::read::{ContentReader, OpenBackup, Piece};
use crate::repository::Vault;

/// Segments remembered as whole, about 100 bytes each; beyond that they are read again.
const KNOWN_MAX: usize = 1 << 18;

/// A segment's identity: where its bytes are, what they are, and as which blocks they were checked.
type Known = (FrameRef, Option<(u32, u32)>, Hash, u32, usize);

/// Segments that may fail to be read, other than by damage, before the store is given up.
const READ_FAILURES_MAX: usize = 64;

enum Answer {
    Whole { bytes: u64, pages: u64 },
    Unchecked { kind: String, pages: u64 },
    Damaged { path: String, error: Error },
}

struct Check<'a> {
    vault: &'a Vault,
    backup: &'a OpenBackup,
    request: &'a Request<'a>,
    known: &'a Mutex<HashSet<Known>>,
}

/// Reads every backup of the inventory.
pub fn run(
    vault: &Vault,
    inventory: &Inventory,
    request: &Request,
    verified: &mut Verified,
    note: &mut dyn FnMut(Finding),
) -> Result<()> {
    let known = Mutex::new(HashSet::new());
    let mut kinds = BTreeSet::new();
    for name in &inventory.backups {
        request.progress.go_on()?;
        match vault.open_backup(name) {
            Ok(backup) => {
                let check = Check { vault, backup: &backup, request, known: &known };
                check.run(verified, &mut kinds, note)?;
            }
            Err(error) => note(Finding::damage(Level::Content, &name.to_string(), error.to_string(), &[name.id])),
        }
    }
    for kind in kinds {
        let what = "pages of this kind were not checked: the kind is not known here, or they carry no checksums";
        note(Finding::note(Level::Content, &kind, what));
    }
    Ok(())
}

impl Check<'_> {
    fn run(&self, verified: &mut Verified, kinds: &mut BTreeSet<String>, note: &mut dyn FnMut(Finding)) -> Result<()> {
        let name = &self.backup.name;
        let mut failures = 0;
        let mut take = |answer: Answer| {
            match answer {
                Answer::Whole { bytes, pages } => {
                    verified.segments.add(bytes);
                    verified.pages += pages;
                }
                Answer::Unchecked { kind, pages } => {
                    verified.pages_unchecked += pages;
                    kinds.insert(kind);
                }
                Answer::Damaged { path, error } => {
                    failures += usize::from(error.kind() == ErrorKind::Transient);
                    if failures > READ_FAILURES_MAX || matches!(error.kind(), ErrorKind::Busy | ErrorKind::Bug) {
                        return Err(error);
                    }
                    let what = format!("{path:?}: {error}");
                    note(Finding::damage(Level::Content, &name.to_string(), what, &[name.id]));
                }
            }
            Ok(())
        };
        let (workers, files) = (self.request.workers, &|items: &_| self.list(items));
        parallel::run(workers, files, |items, answers| self.work(items, answers), &mut take)
    }

    fn list(&self, items: &Sender<Item>) -> Result<()> {
        let mut entries = match self.backup.entries(self.vault) {
            Ok(entries) => entries,
            Err(error) => return parallel::send(items, Item::Lost(error)),
        };
        entries.try_for_each(|entry| match entry {
            // Nothing can follow an unreadable catalog; the other backups go on.
            Err(error) => parallel::send(items, Item::Lost(error)),
            Ok(entry) if entry.kind != EntryKind::File => Ok(()),
            Ok(entry) => {
                let entry = Arc::new(entry);
                let segments = entry.segments.len().max(usize::from(entry.size > 0));
                (0..segments).try_for_each(|number| parallel::send(items, Item::Segment(entry.clone(), number)))
            }
        })
    }

    fn work(&self, items: &Receiver<Item>, answers: &Sender<Answer>) -> Result<()> {
        let mut reader = ContentReader::new(self.vault, &self.backup.packs)?;
        for item in items {
            self.request.progress.go_on()?;
            let (entry, number) = match item {
                Item::Segment(entry, number) => (entry, number),
                Item::Lost(error) => {
                    parallel::send(answers, Answer::Damaged { path: "the catalog".to_string(), error })?;
                    continue;
                }
            };
            self.segment(&entry, number, &mut reader, answers)?;
        }
        Ok(())
    }

    fn segment(
        &self,
        entry: &Entry,
        number: usize,
        reader: &mut ContentReader,
        answers: &Sender<Answer>,
    ) -> Result<()> {
        let length = segment_length(entry, number);
        let how = checkable(entry, self.request.kinds);
        if let Checkable::Unchecked(pages) = &how {
            let count = length / u64::from(pages.size.max(1));
            parallel::send(answers, Answer::Unchecked { kind: pages.kind.clone(), pages: count })?;
        }
        let known = entry.segments.get(number).map(|segment| identity(entry, number, segment));
        if known.as_ref().is_some_and(|known| self.known().contains(known)) {
            return Ok(());
        }
        let answer = match self.read(entry, number, &how, reader) {
            Ok(pages) => {
                let mut all = self.known();
                if all.len() < KNOWN_MAX {
                    all.extend(known);
                }
                Answer::Whole { bytes: length, pages }
            }
            Err(error) => Answer::Damaged { path: entry.path.clone(), error },
        };
        parallel::send(answers, answer)
    }

    /// Reads one segment; gives the number of pages that were checked.
    fn read(&self, entry: &Entry, number: usize, how: &Checkable, reader: &mut ContentReader) -> Result<u64> {
        if entry.segments.len() as u64 != entry.size.div_ceil(SEGMENT_BYTES) {
            return Err(Error::corrupt(format!("{} bytes are catalogued with too few segments", entry.size)));
        }
        let mut check = match how {
            Checkable::Pages(kind, pages) => Some(PageCheck::new(entry, number, kind, pages)),
            _ => None,
        };
        reader.segment(entry, number, &mut |_, piece| {
            if let Piece::Bytes(bytes) = &piece {
                self.request.progress.add_bytes(bytes.len() as u64);
            }
            if let Some(check) = &mut check {
                check.take(&piece);
            }
            Ok(())
        })?;
        let Some(check) = check else { return Ok(0) };
        match check.finish() {
            None => Ok(check.checked),
            Some(what) => Err(Error::corrupt(what)),
        }
    }

    fn known(&self) -> MutexGuard<'_, HashSet<Known>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

enum Item {
    Segment(Arc<Entry>, usize),
    Lost(Error),
}

fn identity(entry: &Entry, number: usize, segment: &Segment) -> Known {
    let first_block = entry.pages.as_ref().map_or(0, |pages| pages.first_block);
    let (frame, part) = match segment.content {
        Content::Map(frame) => (frame, None),
        Content::Data { frame, start, length } => (frame, Some((start, length))),
    };
    (frame, part, segment.digest, first_block, number)
}
