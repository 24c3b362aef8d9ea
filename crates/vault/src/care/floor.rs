//! From where on a journal is worth keeping: the start of the log that the oldest backup needs.

use std::collections::BTreeMap;

use farshore_types::{Position, Timeline};

use crate::format::manifest::Needs;
use crate::journal::chains;
use crate::names::RangeName;

/// The lowest start per stream. A stream without one is kept whole, unless a backup is of a later one in its row: then nobody archives
/// into it any more, and nobody replays it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Floor {
    starts: BTreeMap<String, (Timeline, Position)>,
}

impl Floor {
    /// Of all backups. One that does not say what it needs keeps everything.
    pub fn of<'a>(needs: impl IntoIterator<Item = Option<&'a Needs>>) -> Floor {
        let mut starts = BTreeMap::new();
        for needs in needs {
            let Some(needs) = needs else { return Floor::default() };
            let lowest = starts.entry(needs.stream.clone()).or_insert((needs.timeline, needs.from));
            *lowest = (*lowest).min((needs.timeline, needs.from));
        }
        Floor { starts }
    }

    /// Whether no backup replays this range. Later timelines may branch off the oldest backup's, so all of them count as needed.
    pub fn is_below(&self, range: &RangeName) -> bool {
        let Some((timeline, from)) = self.starts.get(&range.stream) else {
            return self.starts.keys().any(|later| chains::is_later_stream(later, &range.stream));
        };
        let before = range.to <= *from && range.from < *from;
        range.timeline < *timeline || (range.timeline == *timeline && before)
    }
}

#[cfg(test)]
mod tests {
    use farshore_types::{Generation, SessionId, Timestamp};

    use super::*;
    use crate::primitives::Hash;

    fn needs(timeline: u32, from: u64) -> Needs {
        Needs { stream: "wal".into(), timeline: Timeline(timeline), from: Position(from), to: Position(from + 9) }
    }

    #[test]
    fn a_stream_that_nobody_needs_goes_once_a_backup_is_of_a_later_one() {
        let range = |stream: &str| RangeName {
            stream: stream.into(),
            timeline: Timeline(1),
            from: Position(500),
            to: Position(600),
            moment: Timestamp::from_micros(0),
            generation: Generation(1),
            session: SessionId([0; 16]),
            hash: Hash([0; 32]),
        };
        let of = |streams: &[&str]| {
            let needs: Vec<_> =
                streams.iter().map(|stream| Needs { stream: stream.to_string(), ..needs(1, 50) }).collect();
            let floor = Floor::of(needs.iter().map(Some));
            ["wal", "walb", "walc", "other"].map(|stream| floor.is_below(&range(stream)))
        };
        assert_eq!(of(&["wal"]), [false, false, false, false]);
        assert_eq!(of(&["wal", "walb"]), [false, false, false, false]);
        assert_eq!(of(&["walb"]), [true, false, false, false]);
        assert_eq!(of(&["walc"]), [true, true, false, false]);
        assert_eq!(of(&["wal", "walc"]), [false, true, false, false]);
    }

    #[test]
    fn a_range_is_below_if_no_backup_and_no_later_timeline_can_replay_it() {
        let backups = [needs(3, 50), needs(2, 200), needs(2, 100)];
        let floor = Floor::of(backups.iter().map(Some));
        for (timeline, from, to, below) in [
            (1, 500, 600, true),
            (2, 0, 100, true),
            (2, 0, 101, false),
            (2, 100, 100, false),
            (2, 99, 99, true),
            (2, 150, 160, false),
            (3, 0, 10, false),
        ] {
            let range = |stream: &str| RangeName {
                stream: stream.into(),
                timeline: Timeline(timeline),
                from: Position(from),
                to: Position(to),
                moment: Timestamp::from_micros(0),
                generation: Generation(1),
                session: SessionId([0; 16]),
                hash: Hash([0; 32]),
            };
            assert_eq!(floor.is_below(&range("wal")), below, "{timeline} {from} {to}");
            assert!(!floor.is_below(&range("other")));
            let unknown = Floor::of([Some(&backups[0]), None]);
            assert!(!unknown.is_below(&range("wal")));
        }
    }
}
