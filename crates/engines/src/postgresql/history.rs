//! Timelines and their history files (PostgreSQL documentation, "Continuous Archiving", heading "Timelines").
//!
//! A [`History`] answers one question: is a position of some timeline part of the past of the current one? Pure, except
//! for [`History::load`], which reads one small file.

use std::path::Path;

use farshore_types::{Error, Position, Result, Timeline};

/// Largest history file read; each promotion adds some 50 bytes.
const FILE_BYTES_MAX: usize = 1 << 20;

/// Where a timeline was left for the next one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Switch {
    /// The timeline that was left.
    pub timeline: Timeline,
    /// Its first byte that is not part of the successor's past.
    pub at: Position,
}

/// The past of a timeline.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct History {
    timeline: Timeline,
    switches: Vec<Switch>,
}

impl History {
    /// A timeline without a past, as initdb makes it.
    pub fn first() -> History {
        History { timeline: Timeline(1), switches: Vec::new() }
    }

    /// Parses the content of the history file of `timeline`: per line the timeline left, the position, a reason.
    pub fn parse(timeline: Timeline, content: &[u8]) -> Result<History> {
        let wrong = |line: &str| Error::corrupt(format!("history file {} has the line {line:?}", file_name(timeline)));
        let text = String::from_utf8_lossy(content);
        let mut switches: Vec<Switch> = Vec::new();
        for line in text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#')) {
            let mut fields = line.split_whitespace();
            let left = fields.next().and_then(|field| field.parse().ok()).map(Timeline);
            let at = fields.next().and_then(|field| field.parse().ok());
            let (left, at) = left.zip(at).ok_or_else(|| wrong(line))?;
            if switches.last().is_some_and(|last| last.timeline >= left) || left >= timeline {
                return Err(wrong(line));
            }
            // A recovery along a timeline that ended before that timeline began gives it as the one left, with an earlier position
            // than where it began: then none of it is in the past, and of those before it only what lies before that position.
            switches.iter_mut().for_each(|earlier| earlier.at = earlier.at.min(at));
            switches.push(Switch { timeline: left, at });
        }
        Ok(History { timeline, switches })
    }

    /// The history of a timeline from `pg_wal` of a data directory. Timeline 1 has no file; where another one has none
    /// either (`pg_resetwal` leaves it so), nothing before it counts as its past.
    pub fn load(data_directory: &Path, timeline: Timeline) -> Result<History> {
        if timeline == Timeline(1) {
            return Ok(History::first());
        }
        let path = data_directory.join("pg_wal").join(file_name(timeline));
        let content = match std::fs::read(&path) {
            Ok(content) => content,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Vec::new(),
            Err(error) => return Err(Error::io(error, "read", path.display())),
        };
        if content.len() > FILE_BYTES_MAX {
            return Err(Error::corrupt(format!("{} has {} bytes", path.display(), content.len())));
        }
        History::parse(timeline, &content)
    }

    /// The timeline whose past this is.
    pub fn timeline(&self) -> Timeline {
        self.timeline
    }

    /// The switches, oldest first.
    pub fn switches(&self) -> &[Switch] {
        &self.switches
    }

    /// The timeline from which this one went off, and where: the last one of which anything is in the past.
    pub fn parent(&self) -> Option<Switch> {
        let last = self.switches.last()?;
        self.switches.iter().find(|switch| switch.at == last.at).copied()
    }

    /// Where a timeline of the past was left; `None` for the current one and for strangers.
    pub fn end_of(&self, timeline: Timeline) -> Option<Position> {
        self.switches.iter().find(|switch| switch.timeline == timeline).map(|switch| switch.at)
    }

    /// The timeline that the log at a position belongs to.
    pub fn timeline_at(&self, position: Position) -> Timeline {
        let later = self.switches.iter().find(|switch| position < switch.at);
        later.map_or(self.timeline, |switch| switch.timeline)
    }

    /// Whether a position of a timeline is part of this past: on the current timeline, or before it was left and not
    /// before it began.
    pub fn contains(&self, timeline: Timeline, position: Position) -> bool {
        let began = self.switches.iter().rev().find(|switch| switch.timeline < timeline).map(|switch| switch.at);
        let known = timeline == self.timeline || self.end_of(timeline).is_some();
        let before_end = self.end_of(timeline).is_none_or(|end| position < end);
        known && before_end && began.is_none_or(|began| position >= began)
    }
}

/// `00000002.history`.
pub fn file_name(timeline: Timeline) -> String {
    format!("{:08X}.history", timeline.0)
}

/// The name of the file of the log that holds a position: `000000010000000000000001`. `segment_size` is a power of two.
pub fn segment_name(timeline: Timeline, position: Position, segment_size: u64) -> String {
    let number = position.0 / segment_size.max(1);
    let per_high_word = (1_u64 << 32) / segment_size.max(1);
    format!("{:08X}{:08X}{:08X}", timeline.0, number / per_high_word, number % per_high_word)
}

/// The inverse of [`segment_name`]: timeline and first position. `None` for any other name, partial segments included.
pub fn parse_segment_name(name: &str, segment_size: u64) -> Option<(Timeline, Position)> {
    let hexadecimal = |c: u8| c.is_ascii_digit() || (b'A'..=b'F').contains(&c);
    if name.len() != 24 || !name.bytes().all(hexadecimal) || segment_size == 0 {
        return None;
    }
    let field = |at: usize| u64::from_str_radix(name.get(at..at + 8)?, 16).ok();
    let (timeline, high, low) = (field(0)?, field(8)?, field(16)?);
    let start = (high << 32).checked_add(low.checked_mul(segment_size).filter(|start| *start < 1 << 32)?)?;
    Some((Timeline(u32::try_from(timeline).ok()?), Position(start)))
}

/// The timeline of a history file's name.
pub fn parse_file_name(name: &str) -> Option<Timeline> {
    let digits = name.strip_suffix(".history").filter(|digits| digits.len() == 8)?;
    let timeline = u32::from_str_radix(digits, 16).ok().map(Timeline)?;
    (file_name(timeline) == name).then_some(timeline)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn history() -> History {
        let content = b"1\t0/5000000\tno recovery target specified\n\n2\t0/7000000\tbefore 2026-11-21 10:00:00+00\n# x\n4\t0/7000000\tagain\n";
        History::parse(Timeline(5), content).unwrap()
    }

    #[test]
    fn a_position_belongs_to_the_past_only_between_a_timelines_switches() {
        let table = [
            (1, 0x100_0000, true),
            (1, 0x4FF_FFFF, true),
            (1, 0x500_0000, false),
            (2, 0x4FF_FFFF, false),
            (2, 0x500_0000, true),
            (2, 0x6FF_FFFF, true),
            (2, 0x700_0000, false),
            (3, 0x600_0000, false),
            (4, 0x700_0000, false),
            (5, 0x6FF_FFFF, false),
            (5, 0x700_0000, true),
            (5, u64::MAX, true),
            (6, 0x800_0000, false),
        ];
        for (timeline, position, expected) in table {
            assert_eq!(history().contains(Timeline(timeline), Position(position)), expected, "{timeline} {position:x}");
        }
        assert_eq!(history().timeline_at(Position(0x4FF_FFFF)), Timeline(1));
        assert_eq!(history().timeline_at(Position(0x700_0000)), Timeline(5));
        assert!(
            History::first().contains(Timeline(1), Position(0)) && !History::first().contains(Timeline(2), Position(9))
        );
    }

    #[test]
    fn a_timeline_without_a_history_file_has_no_past() {
        let directory = tempfile::tempdir().unwrap();
        let history = History::load(directory.path(), Timeline(3)).unwrap();
        assert!(history.contains(Timeline(3), Position(5)) && !history.contains(Timeline(2), Position(5)));
        std::fs::create_dir(directory.path().join("pg_wal")).unwrap();
        std::fs::write(directory.path().join("pg_wal/00000003.history"), "2\t0/9\tx\n").unwrap();
        assert!(History::load(directory.path(), Timeline(3)).unwrap().contains(Timeline(2), Position(5)));
    }

    #[test]
    fn a_recovery_that_ended_before_its_timeline_began_has_nothing_of_it_in_its_past() {
        let history = History::parse(Timeline(3), b"1\t0/6000000\tx\n2\t0/5000000\tbefore 2026\n").unwrap();
        let table = [(1, 0x4FF_FFFF, true), (1, 0x500_0000, false), (2, 0x4FF_FFFF, false), (2, 0x600_0000, false)];
        for (timeline, position, expected) in table {
            assert_eq!(history.contains(Timeline(timeline), Position(position)), expected, "{timeline} {position:x}");
        }
        let left = |timeline, at| Some(Switch { timeline: Timeline(timeline), at: Position(at) });
        assert_eq!(history.parent(), left(1, 0x500_0000));
        assert_eq!(self::history().parent(), left(2, 0x700_0000));
        assert_eq!(History::first().parent(), None);
    }

    #[test]
    fn a_damaged_history_is_refused() {
        for content in ["x\t0/1\n", "1\n", "1 5\n", "2 0/5\n1 0/6\n", "5 0/1\n", "1 0/1\n1 0/2\n"] {
            assert!(History::parse(Timeline(5), content.as_bytes()).is_err(), "{content:?}");
        }
    }

    #[test]
    fn names_of_segments_and_histories_are_made_and_read() {
        let megabytes = 1 << 20;
        let table = [
            (1, 0x100_0000, 16, "000000010000000000000001"),
            (2, 0x1_0000_0000, 16, "000000020000000100000000"),
            (10, 0x1_FF00_0000, 16, "0000000A00000001000000FF"),
            (1, 0x1_4000_0000, 1024, "000000010000000100000001"),
        ];
        for (timeline, position, size, name) in table {
            assert_eq!(segment_name(Timeline(timeline), Position(position + 5), size * megabytes), name);
            assert_eq!(parse_segment_name(name, size * megabytes), Some((Timeline(timeline), Position(position))));
        }
        for name in [
            "",
            "000000010000000000000100",
            "00000001000000000000000g",
            "000000010000000000000001.partial",
            "0000000a00000001000000FF",
        ] {
            assert_eq!(parse_segment_name(name, 16 * megabytes), None, "{name}");
        }
        assert_eq!(file_name(Timeline(26)), "0000001A.history");
        assert_eq!(parse_file_name("0000001A.history"), Some(Timeline(26)));
        for name in ["1A.history", "0000001a.history", "0000001A.histor", "+000001A.history"] {
            assert_eq!(parse_file_name(name), None, "{name}");
        }
    }
}
