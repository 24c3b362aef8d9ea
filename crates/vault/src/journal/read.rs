//! Reading a log back: segments and history files.

use bytes::Bytes;
use farshore_types::error::ErrorContext;
use farshore_types::{Error, Position, Result, Timeline};

use super::object::{open_history, open_range};
use crate::names::{BLOCK_BYTES, HistoryName, JOURNAL, JournalName, RangeName, block_folder};
use crate::primitives::damaged;
use crate::repository::Vault;

/// Most bytes of a segment: the largest that PostgreSQL can be made with (its documentation, "initdb", option `--wal-segsize`).
const SEGMENT_BYTES_MAX: u64 = 1 << 30;

/// A stretch of log of a fixed size, zero-filled where the journal ends.
#[derive(Debug, Clone)]
pub struct LogSegment {
    /// Exactly the size that was asked for.
    pub bytes: Vec<u8>,
    /// How many of them are log; the rest is zero.
    pub filled: u64,
}

/// Why a segment is not given.
#[derive(Debug)]
pub enum Absent {
    /// The listing proves that nothing at or after this position was archived on this timeline.
    PastTheEnd,
    /// Something after it was archived, so it is missing or begins with a hole.
    Hole(Position),
}

/// Where a segment ends, and its length in memory. `Invalid` for one that no log has.
fn bounds(from: Position, size: u64) -> Result<(Position, usize)> {
    let end = from.0.checked_add(size).filter(|_| size <= SEGMENT_BYTES_MAX).zip(usize::try_from(size).ok());
    let (end, length) =
        end.ok_or_else(|| Error::invalid(format!("no log has a segment of {size} bytes from {from} on")))?;
    Ok((Position(end), length))
}

impl Vault {
    /// The log from `from` on, `size` bytes. Only `Absent::PastTheEnd` may be taken for the end of the log: everything else that is not a
    /// segment is an error or a hole, and recovery must stop.
    pub fn log_segment(
        &self,
        stream: &str,
        timeline: Timeline,
        from: Position,
        size: u64,
    ) -> Result<Result<LogSegment, Absent>> {
        let segment = self.filled_segment(stream, timeline, from, size)?;
        let reached = Position(from.0 + segment.filled);
        if segment.filled < size && self.archived_after(stream, timeline, reached)? {
            return Ok(Err(Absent::Hole(reached)));
        }
        Ok(if segment.filled == 0 { Err(Absent::PastTheEnd) } else { Ok(segment) })
    }

    /// The same for a stretch that is known to end at `end`, whatever was archived behind a hole after it. All log before `end` must be
    /// there; a segment that begins at or after it is past the end.
    pub fn log_segment_until(
        &self,
        stream: &str,
        timeline: Timeline,
        (from, end): (Position, Position),
        size: u64,
    ) -> Result<Result<LogSegment, Absent>> {
        if from >= end {
            return Ok(Err(Absent::PastTheEnd));
        }
        let segment = self.filled_segment(stream, timeline, from, size)?;
        let reached = Position(from.0 + segment.filled);
        Ok(if reached < end.min(Position(from.0.saturating_add(size))) {
            Err(Absent::Hole(reached))
        } else {
            Ok(segment)
        })
    }

    /// What is archived from `from` on without a hole, filled up with zeros.
    fn filled_segment(&self, stream: &str, timeline: Timeline, from: Position, size: u64) -> Result<LogSegment> {
        let (end, length) = bounds(from, size)?;
        let ranges = self.ranges(stream, timeline, from, end)?;
        let mut segment = LogSegment { bytes: Vec::with_capacity(length), filled: 0 };
        let mut raw = Vec::new();
        for range in ranges {
            let reached = from.0 + segment.filled;
            if range.from.0 > reached {
                break;
            }
            let bytes = self.repository.store().get(&range.to_string()).doing("read", "the journal")?;
            if range.from.0 == reached && range.to <= end {
                open_range(self, &range, &bytes, &mut segment.bytes)?;
            } else {
                raw.clear();
                open_range(self, &range, &bytes, &mut raw)?;
                self.join(&range, &raw, (from, end), &mut segment)?;
            }
            segment.filled = segment.bytes.len() as u64;
        }
        segment.bytes.resize(length, 0);
        Ok(segment)
    }

    /// Adds a range to a segment; where it overlaps what is there, the bytes must be equal.
    fn join(
        &self,
        range: &RangeName,
        raw: &[u8],
        (from, end): (Position, Position),
        segment: &mut LogSegment,
    ) -> Result<()> {
        let skip = from.0.saturating_sub(range.from.0) as usize;
        let at = range.from.0.max(from.0) - from.0;
        let raw = raw.get(skip..).unwrap_or_default();
        let room = (end.0 - from.0 - at) as usize;
        let raw = &raw[..raw.len().min(room)];
        let overlap = (segment.filled - at).min(raw.len() as u64) as usize;
        if segment.bytes[at as usize..at as usize + overlap] != raw[..overlap] {
            let what = format!(
                "it overlaps another range of timeline {} with different bytes: the journal is broken at {}",
                range.timeline.0, range.from
            );
            return Err(damaged(&range.to_string(), &what));
        }
        segment.bytes.extend_from_slice(&raw[overlap..]);
        Ok(())
    }

    /// Ranges of a timeline that touch [from, to), in order.
    fn ranges(&self, stream: &str, timeline: Timeline, from: Position, to: Position) -> Result<Vec<RangeName>> {
        let mut found = Vec::new();
        let mut block = from.0 / BLOCK_BYTES * BLOCK_BYTES;
        while block < to.0 {
            self.repository.store().list(&block_folder(stream, timeline, Position(block)), &mut |info| {
                // What has no name of ours is none of the log; verify reports it.
                match JournalName::parse(&info.name) {
                    Ok(JournalName::Range(range)) if range.from < range.to && range.from < to && range.to > from => {
                        found.push(range);
                    }
                    _ => {}
                }
                Ok(())
            })?;
            let Some(next) = block.checked_add(BLOCK_BYTES) else { break };
            block = next;
        }
        found.sort();
        Ok(found)
    }

    /// Whether any log of this timeline at or after `position` was archived. Lists the whole timeline: asked once, at the end of a replay.
    fn archived_after(&self, stream: &str, timeline: Timeline, position: Position) -> Result<bool> {
        let mut later = false;
        self.repository.store().list(&format!("{JOURNAL}{stream}/{timeline}/"), &mut |info| {
            if let Ok(JournalName::Range(range)) = JournalName::parse(&info.name) {
                later |= range.from < range.to && range.to > position;
            }
            Ok(())
        })?;
        Ok(later)
    }

    /// The bytes of a timeline's history file; `None` if the listing proves that there is none.
    pub fn history(&self, stream: &str, timeline: Timeline) -> Result<Option<Vec<u8>>> {
        let mut names: Vec<HistoryName> = Vec::new();
        self.repository.store().list(&format!("{JOURNAL}{stream}/{timeline}/"), &mut |info| {
            if let Ok(JournalName::History(name)) = JournalName::parse(&info.name) {
                names.push(name);
            }
            Ok(())
        })?;
        names.sort();
        let mut content: Option<Vec<u8>> = None;
        for name in &names {
            let bytes: Bytes = self.repository.store().get(&name.to_string()).doing("read", "a history file")?;
            let found = open_history(self, name, &bytes)?;
            if content.as_ref().is_some_and(|content| *content != found) {
                return Err(Error::corrupt(format!("timeline {} has two different history files", timeline.0)));
            }
            content = Some(found);
        }
        Ok(content)
    }
}
