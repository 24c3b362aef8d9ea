//! Which stretches of a log are in the store without a hole: found from a listing alone, without any key.
//!
//! Memory: one entry per stretch, not per object, as long as the store lists in order of names (S3 does). A directory lists in any
//! order; then there are as many entries as there are holes at the worst moment.

use std::collections::BTreeMap;

use farshore_types::{Generation, Position, Result, Timeline, Timestamp};

use crate::names::{HistoryName, JOURNAL, JournalName, RangeName};
use crate::repository::Repository;

/// An unbroken stretch of one timeline.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chain {
    /// Which history of the log.
    pub timeline: Timeline,
    /// First position.
    pub from: Position,
    /// Position after the last byte.
    pub to: Position,
    /// The server's clock when nothing after `to` was there yet: the newest restorable moment of this stretch.
    pub moment: Timestamp,
    /// Of whoever put its end.
    pub generation: Generation,
}

/// All stretches of one stream, and its history files.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Chains {
    /// By timeline, then position.
    pub chains: Vec<Chain>,
    /// History files by timeline.
    pub histories: Vec<HistoryName>,
    /// Stored bytes of all journal objects of the stream.
    pub stored: u64,
    /// Number of journal objects of the stream.
    pub objects: u64,
}

/// Collects ranges into stretches.
#[derive(Debug, Default)]
pub struct Collector {
    spans: BTreeMap<(Timeline, Position), (Position, Timestamp, Generation)>,
    marks: BTreeMap<(Timeline, Position), Timestamp>,
}

impl Collector {
    /// Adds a range or a mark. Ranges that overlap count as one stretch: the reader compares their bytes.
    pub fn add(&mut self, range: &RangeName) {
        if range.from == range.to {
            let mark = self.marks.entry((range.timeline, range.from)).or_insert(range.moment);
            *mark = (*mark).max(range.moment);
            return;
        }
        let (mut from, mut to, mut moment, mut generation) = (range.from, range.to, range.moment, range.generation);
        // Joins everything that touches [from, to] on either side.
        while let Some((&(timeline, start), &(end, at, by))) = self.spans.range(..=(range.timeline, to)).next_back() {
            if timeline != range.timeline || end < from {
                break;
            }
            self.spans.remove(&(timeline, start));
            (moment, generation) = match end.cmp(&to) {
                std::cmp::Ordering::Less => (moment, generation),
                std::cmp::Ordering::Equal => (moment.max(at), generation.max(by)),
                std::cmp::Ordering::Greater => (at, by),
            };
            (from, to) = (from.min(start), to.max(end));
        }
        self.spans.insert((range.timeline, from), (to, moment, generation));
    }

    /// The stretches; marks move the moment of the stretch that ends where they stand.
    pub fn finish(self) -> Vec<Chain> {
        let chain = |((timeline, from), (to, moment, generation)): (_, (Position, Timestamp, Generation))| {
            let moment = self.marks.get(&(timeline, to)).map_or(moment, |mark| moment.max(*mark));
            Chain { timeline, from, to, moment, generation }
        };
        self.spans.iter().map(|(key, span)| chain((*key, *span))).collect()
    }
}

/// Lists a stream and finds its stretches. Objects with names that do not parse are skipped: verify reports them.
pub fn list(repository: &Repository, stream: &str) -> Result<Chains> {
    let mut collector = Collector::default();
    let mut found = Chains::default();
    repository.store().list(&format!("{JOURNAL}{stream}/"), &mut |info| {
        match JournalName::parse(&info.name) {
            Ok(JournalName::Range(range)) => collector.add(&range),
            Ok(JournalName::History(history)) => found.histories.push(history),
            Err(_) => return Ok(()),
        }
        found.stored += info.size;
        found.objects += 1;
        Ok(())
    })?;
    found.histories.sort();
    found.histories.dedup_by_key(|history| history.timeline);
    found.chains = collector.finish();
    Ok(found)
}

/// The stream of a log that is archived into: `first`, or the newest of those that began when the log had parted from the one before
/// (`wal`, `walb`, `walc`, …). One in the middle may be gone: it is swept when no backup needs it.
pub fn newest_stream(repository: &Repository, first: &str) -> Result<String> {
    let mut newest = first.to_string();
    for letter in 'b'..='z' {
        let next = format!("{first}{letter}");
        if list(repository, &next)?.objects > 0 {
            newest = next;
        }
    }
    Ok(newest)
}

/// The name after this one in the row of [`newest_stream`]; an error after `z`.
pub fn next_stream(first: &str, now: &str) -> Result<String> {
    let last = now.strip_prefix(first).and_then(|rest| rest.bytes().next()).unwrap_or(b'a');
    match last {
        b'a'..=b'y' => Ok(format!("{first}{}", char::from(last + 1))),
        _ => Err(farshore_types::Error::invalid(format!("the log has parted from its journal {now} too often"))
            .hint("attach the server as a new service")),
    }
}

/// Whether `later` comes after `stream` in one row of [`newest_stream`].
pub fn is_later_stream(later: &str, stream: &str) -> bool {
    let Some((last, first)) = later.as_bytes().split_last() else { return false };
    let row = ('b'..='z').contains(&char::from(*last));
    match stream.as_bytes().split_last() {
        _ if row && stream.as_bytes() == first => true,
        Some((letter, before)) => row && before == first && (b'b'..*last).contains(letter),
        None => false,
    }
}

impl Chains {
    /// The stretch that holds this position of a timeline, its end included.
    pub fn covering(&self, timeline: Timeline, position: Position) -> Option<&Chain> {
        self.chains
            .iter()
            .rev()
            .find(|chain| chain.timeline == timeline && chain.from <= position && position <= chain.to)
    }
}

/// The journal objects that hold a range of one timeline, with sizes, in order; `None` if it is not whole.
pub fn objects(
    repository: &Repository,
    stream: &str,
    timeline: Timeline,
    (from, to): (Position, Position),
) -> Result<Option<Vec<(RangeName, u64)>>> {
    let mut found = Vec::new();
    let mut block = Position(from.0 / crate::names::BLOCK_BYTES * crate::names::BLOCK_BYTES);
    while block < to {
        repository.store().list(&crate::names::block_folder(stream, timeline, block), &mut |info| {
            match JournalName::parse(&info.name) {
                Ok(JournalName::Range(range)) if range.from < to && range.to > from => found.push((range, info.size)),
                _ => {}
            }
            Ok(())
        })?;
        block = Position(block.0 + crate::names::BLOCK_BYTES);
    }
    found.sort();
    let mut reached = from;
    for (range, _) in &found {
        if range.from > reached {
            return Ok(None);
        }
        reached = reached.max(range.to);
    }
    Ok((reached >= to).then_some(found))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::primitives::Hash;
    use farshore_types::{Generation, SessionId};
    use proptest::prelude::*;

    fn range(timeline: u32, from: u64, to: u64, moment: i64) -> RangeName {
        let (generation, session) = (Generation(1), SessionId([0; 16]));
        let (timeline, moment) = (Timeline(timeline), Timestamp::from_micros(moment));
        let (from, to) = (Position(from), Position(to));
        RangeName { stream: "wal".into(), timeline, from, to, moment, generation, session, hash: Hash::of(b"") }
    }

    fn chains(ranges: &[RangeName]) -> Vec<(u32, u64, u64, i64)> {
        let mut collector = Collector::default();
        ranges.iter().for_each(|range| collector.add(range));
        let chains = collector.finish();
        chains.iter().map(|chain| (chain.timeline.0, chain.from.0, chain.to.0, chain.moment.micros())).collect()
    }

    #[test]
    fn stretches_break_at_holes_and_between_timelines() {
        let ranges =
            [range(1, 0, 5, 10), range(1, 5, 9, 20), range(1, 12, 13, 30), range(2, 9, 10, 40), range(1, 9, 9, 25)];
        assert_eq!(chains(&ranges), [(1, 0, 9, 25), (1, 12, 13, 30), (2, 9, 10, 40)]);
    }

    #[test]
    fn a_mark_counts_only_at_the_end_of_a_stretch() {
        let ranges = [range(1, 0, 5, 10), range(1, 5, 9, 20), range(1, 5, 5, 15), range(1, 30, 30, 50)];
        assert_eq!(chains(&ranges), [(1, 0, 9, 20)]);
    }

    #[test]
    fn streams_are_named_in_a_row() {
        assert_eq!(next_stream("wal", "wal").unwrap(), "walb");
        assert_eq!(next_stream("wal", "walb").unwrap(), "walc");
        assert!(next_stream("wal", "walz").is_err());
    }

    #[test]
    fn a_later_stream_is_one_of_the_same_row() {
        let row = ["wal", "walb", "walc", "walz"];
        for (at, stream) in row.iter().enumerate() {
            for (other_at, other) in row.iter().enumerate() {
                assert_eq!(is_later_stream(other, stream), other_at > at, "{other} after {stream}");
            }
        }
        for (later, stream) in [("wala", "wal"), ("walbb", "wal"), ("binlogb", "wal"), ("b", "wal"), ("wal", "")] {
            assert!(!is_later_stream(later, stream), "{later} after {stream}");
        }
    }

    proptest! {
        #[test]
        fn the_order_of_the_listing_does_not_matter(order in Just((0u64..20).collect::<Vec<_>>()).prop_shuffle(), hole in 0u64..20) {
            let ranges: Vec<_> =
                order.iter().filter(|&&at| at != hole).map(|&at| range(1, at * 10, at * 10 + 10, at as i64)).collect();
            let mut expected = Vec::new();
            if hole > 0 { expected.push((1, 0, hole * 10, hole as i64 - 1)); }
            if hole < 19 { expected.push((1, hole * 10 + 10, 200, 19)); }
            prop_assert_eq!(chains(&ranges), expected);
        }
    }
}
