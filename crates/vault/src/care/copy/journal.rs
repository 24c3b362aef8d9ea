//! Copying the journal continuously, in the order of its positions, so that what the target has is always a prefix.
//!
//! A call with a watermark lists only where the log goes on: the folder of the block that was reached, the next timeline, and now and
//! then everything, in case the source's journal went on after a hole. If we die, the target lacks the end of the journal and
//! nothing in between; a call without a watermark finds out where.

use std::collections::{BTreeMap, BTreeSet};

use farshore_types::error::ErrorContext;
use farshore_types::{ErrorKind, Position, Progress, Result, Timeline, Timestamp};

use super::objects::{Copied, Wanted, copy_one};
use super::plan::check_same;
use crate::care::floor::Floor;
use crate::names::{JOURNAL, JournalName, RangeName, block_folder};
use crate::repository::Repository;

/// Objects that are noted per listing; a longer backlog takes more listings.
const BATCH_OBJECTS: usize = 8192;
/// A call with a watermark lists the whole journal once in this many calls.
const WHOLE_LISTING_EVERY: u32 = 64;

/// One timeline of one stream.
type Log = (String, Timeline);

/// How far the target has followed the source. Kept in memory by the caller; the default knows nothing and finds out.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Watermark {
    reached: BTreeMap<Log, (Position, Timestamp)>,
    histories: BTreeSet<String>,
    floor: Floor,
    calls: u32,
    /// Where the log of the newest stream goes on after its last gap, or begins.
    resumed: Option<(String, Timeline, Position)>,
    /// What the last call put.
    pub copied: Copied,
}

impl Watermark {
    /// Position and moment reached on the newest timeline of a stream.
    pub fn newest(&self, stream: &str) -> Option<(Timeline, Position, Timestamp)> {
        let of_stream = self.reached.iter().filter(|((name, _), _)| name == stream);
        of_stream.map(|((_, timeline), (position, moment))| (*timeline, *position, *moment)).next_back()
    }

    /// Stream, timeline, position and moment reached at the end of the newest stream.
    pub fn end(&self) -> Option<(&str, Timeline, Position, Timestamp)> {
        let ((stream, timeline), (position, moment)) = self.reached.last_key_value()?;
        Some((stream, *timeline, *position, *moment))
    }

    /// Where the log of the newest stream goes on after its last gap, or begins: only from a backup that begins there or later does the
    /// end of the log restore.
    pub fn resumed(&self) -> Option<(&str, Timeline, Position)> {
        self.resumed.as_ref().map(|(stream, timeline, position)| (stream.as_str(), *timeline, *position))
    }

    /// The gap between what was reached and this range, if there is one.
    fn gap_before(&self, range: &RangeName) -> Option<Gap> {
        let log = (range.stream.clone(), range.timeline);
        let (position, _) = self.reached.get(&log)?;
        (range.from > *position).then_some((log, *position))
    }

    /// Whether an object is newer than what was followed.
    fn is_new(&self, name: &JournalName) -> bool {
        match name {
            JournalName::History(history) => !self.histories.contains(&history.to_string()),
            JournalName::Range(range) => {
                let reached = self.reached.get(&(range.stream.clone(), range.timeline));
                reached.is_none_or(|(position, moment)| (range.to, range.moment) > (*position, *moment))
                    && !self.floor.is_below(range)
            }
        }
    }

    fn note(&mut self, name: &JournalName) {
        match name {
            JournalName::History(history) => drop(self.histories.insert(history.to_string())),
            JournalName::Range(range) => {
                let begins = match &self.resumed {
                    Some((stream, _, _)) if *stream == range.stream => self.gap_before(range).is_some(),
                    Some((stream, _, _)) => *stream < range.stream,
                    None => true,
                };
                if begins {
                    self.resumed = Some((range.stream.clone(), range.timeline, range.from));
                }
                let reached = self.reached.entry((range.stream.clone(), range.timeline)).or_default();
                *reached = (*reached).max((range.to, range.moment));
            }
        }
    }
}

/// A log that ends at a position and goes on after it.
type Gap = (Log, Position);

/// Histories before ranges, lower timelines before higher ones, then by position.
type Key = (String, Timeline, Option<RangeName>, String);

fn key(name: &JournalName) -> Key {
    match name {
        JournalName::History(history) => (history.stream.clone(), history.timeline, None, history.to_string()),
        JournalName::Range(range) => (range.stream.clone(), range.timeline, Some(range.clone()), String::new()),
    }
}

/// The first objects of the source's journal that are new, at most [`BATCH_OBJECTS`]; says whether there are more.
#[derive(Default)]
struct Batch {
    objects: BTreeMap<Key, (JournalName, u64)>,
    more: bool,
}

impl Batch {
    fn list(&mut self, source: &Repository, folder: &str, from: &Watermark) -> Result<()> {
        source.store().list(folder, &mut |info| {
            // Names that do not parse are verify's business.
            if let Ok(name) = JournalName::parse(&info.name)
                && from.is_new(&name)
            {
                self.objects.insert(key(&name), (name, info.size));
                if self.objects.len() > BATCH_OBJECTS {
                    self.objects.pop_last();
                    self.more = true;
                }
            }
            Ok(())
        })
    }
}

/// Copies what is new in the source's journal and gives the new watermark. Journal before the oldest backup of the source is left
/// out. On an error the caller keeps its old watermark: what was put meanwhile is found to be there.
pub fn copy_journal(source: &Repository, target: &Repository, from: &Watermark) -> Result<Watermark> {
    follow_journal(source, target, from, &Progress::default(), &mut |_, _| {})
}

/// As [`copy_journal`], until `stop` asks it to stop: before every object. `waiting` is told how many objects and bytes are known to be
/// missing, whenever that changes.
///
/// A listing of a growing log may show a later object and not the one before it, which was put while it went on. Puts are in order, so a
/// second listing shows both: a gap counts only if it is still there then.
pub fn follow_journal(
    source: &Repository,
    target: &Repository,
    from: &Watermark,
    stop: &Progress,
    waiting: &mut dyn FnMut(u64, u64),
) -> Result<Watermark> {
    check_same(source, target)?;
    let mut reached = Watermark { copied: Copied::default(), calls: from.calls.wrapping_add(1), ..from.clone() };
    let mut whole = from.reached.is_empty() || from.calls.is_multiple_of(WHOLE_LISTING_EVERY);
    if from.reached.is_empty() {
        reached.floor = floor(source)?;
    }
    let mut seen_gap = None;
    'listings: loop {
        let mut batch = Batch::default();
        match whole {
            true => batch.list(source, JOURNAL, &reached)?,
            false => list_ends(source, &reached, &mut batch)?,
        }
        if batch.objects.is_empty() {
            waiting(0, 0);
            return Ok(reached);
        }
        let there = present(target, &batch)?;
        let mut left = missing(&batch, &there);
        waiting(left.0, left.1);
        for (name, size) in batch.objects.into_values() {
            stop.go_on()?;
            if let JournalName::Range(range) = &name {
                let gap = reached.gap_before(range);
                if gap.is_some() && gap != seen_gap {
                    (seen_gap, whole) = (gap, true);
                    continue 'listings;
                }
            }
            if follow(source, target, &name, size, &there, &mut reached)? {
                left = (left.0.saturating_sub(1), left.1.saturating_sub(size));
                waiting(left.0, left.1);
            }
        }
        // In single folders the log may go on in the next one.
        if whole && !batch.more {
            return Ok(reached);
        }
    }
}

/// Lists only where the log can go on.
fn list_ends(source: &Repository, reached: &Watermark, batch: &mut Batch) -> Result<()> {
    let mut newest: BTreeMap<&str, (Timeline, Position)> = BTreeMap::new();
    for ((stream, timeline), (position, _)) in &reached.reached {
        newest.insert(stream, (*timeline, *position));
    }
    for (stream, (timeline, position)) in newest {
        batch.list(source, &block_folder(stream, timeline, position), reached)?;
        batch.list(source, &format!("{JOURNAL}{stream}/{}/", Timeline(timeline.0.saturating_add(1))), reached)?;
    }
    Ok(())
}

/// Which of the batch's names the target has, with sizes.
fn present(target: &Repository, batch: &Batch) -> Result<BTreeMap<String, u64>> {
    let folder = |name: &str| name.rfind('/').map(|at| name[..=at].to_string()).unwrap_or_default();
    let names: BTreeSet<String> = batch.objects.values().map(|(name, _)| name.to_string()).collect();
    let folders: BTreeSet<String> = names.iter().map(|name| folder(name)).collect();
    // A long backlog spans many folders: then one listing of everything is cheaper.
    let folders = if folders.len() > 32 { [JOURNAL.to_string()].into() } else { folders };
    let mut there = BTreeMap::new();
    for folder in &folders {
        target.store().list(folder, &mut |info| {
            if names.contains(&info.name) {
                there.insert(info.name, info.size);
            }
            Ok(())
        })?;
    }
    Ok(there)
}

/// How many of the batch's objects, and bytes, the target lacks.
fn missing(batch: &Batch, there: &BTreeMap<String, u64>) -> (u64, u64) {
    let lacks = |(name, size): &&(JournalName, u64)| there.get(&name.to_string()) != Some(size);
    batch.objects.values().filter(lacks).fold((0, 0), |(objects, bytes), (_, size)| (objects + 1, bytes + size))
}

/// Copies one object, if it is not there; says whether it was copied.
fn follow(
    source: &Repository,
    target: &Repository,
    name: &JournalName,
    size: u64,
    there: &BTreeMap<String, u64>,
    reached: &mut Watermark,
) -> Result<bool> {
    let wanted = Wanted { name: name.to_string(), hash: name.hash(), size };
    let put = there.get(&wanted.name) != Some(&size);
    if put {
        let bytes = copy_one(&**source.store(), &**target.store(), &wanted).doing("follow", "the journal")?;
        reached.copied.objects += 1;
        reached.copied.bytes += bytes;
    } else {
        reached.copied.skipped += 1;
    }
    reached.note(name);
    Ok(put)
}

/// The start of the log that the source's oldest backup needs. Nothing where that cannot be told.
fn floor(source: &Repository) -> Result<Floor> {
    let mut needs = Vec::new();
    for name in source.backups()? {
        match source.custody(&name) {
            Ok((_, custody)) => needs.push(custody.needs),
            Err(error) if matches!(error.kind(), ErrorKind::Corrupt | ErrorKind::Missing) => needs.push(None),
            Err(error) => return Err(error),
        }
    }
    Ok(Floor::of(needs.iter().map(Option::as_ref)))
}
