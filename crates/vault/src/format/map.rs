//! Maps: where the bytes of one segment are (docs/format.md, section 5).
//!
//! A map is read and written as a whole; one segment has at most 16,384 pages of 8 KiB, so a map stays below a few hundred
//! kilobytes whatever the size of the database.

use std::collections::HashMap;

use farshore_types::{Error, Generation, Result, SessionId};

use crate::names::PackId;

/// Most runs of one map: one per 512-byte page of a segment.
const RUNS_MAX: u64 = 1 << 18;

/// Where one frame lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FrameRef {
    /// In which pack.
    pub pack: PackId,
    /// Offset of its header within the pack object.
    pub offset: u32,
    /// Frame header and sealed bytes.
    pub stored: u32,
    /// Raw bytes.
    pub raw: u32,
    /// Its number within the pack.
    pub number: u32,
}

/// Where the bytes of a run come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// Zero bytes.
    Zeros,
    /// A frame's raw bytes, from a unit on.
    Frame {
        /// Where the frame is.
        frame: FrameRef,
        /// First unit within the frame.
        first: u32,
    },
}

/// Some units in a row with one source.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Run {
    /// How many units.
    pub units: u32,
    /// Where they come from.
    pub source: Source,
}

/// The runs of a segment, in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Map {
    /// Bytes per unit: 1, or the page size.
    pub unit: u32,
    /// The runs; together they cover the segment.
    pub runs: Vec<Run>,
}

impl Map {
    /// A map without runs.
    pub fn new(unit: u32) -> Map {
        Map { unit, runs: Vec::new() }
    }

    /// Adds units at the end, joining them to the last run where they continue it.
    pub fn push(&mut self, units: u32, source: Source) {
        if let Some(last) = self.runs.last_mut() {
            let continues = match (last.source, source) {
                (Source::Zeros, Source::Zeros) => true,
                (Source::Frame { frame, first }, Source::Frame { frame: next, first: at }) => {
                    frame == next && first + last.units == at
                }
                _ => false,
            };
            if continues {
                last.units += units;
                return;
            }
        }
        self.runs.push(Run { units, source });
    }

    /// Units covered.
    pub fn units(&self) -> u64 {
        self.runs.iter().map(|run| u64::from(run.units)).sum()
    }

    /// The packs that hold the segment's bytes.
    pub fn packs(&self) -> impl Iterator<Item = PackId> + '_ {
        self.runs.iter().filter_map(|run| match run.source {
            Source::Zeros => None,
            Source::Frame { frame, .. } => Some(frame.pack),
        })
    }

    /// The raw bytes of a map frame.
    pub fn encode(&self) -> Vec<u8> {
        let mut sessions = Table::default();
        let mut frames = Table::default();
        for run in &self.runs {
            if let Source::Frame { frame, .. } = run.source {
                sessions.index((frame.pack.generation, frame.pack.session));
                frames.index(frame);
            }
        }
        let mut out = Vec::with_capacity(64 + frames.items.len() * 16 + self.runs.len() * 6);
        put(&mut out, u64::from(self.unit));
        put(&mut out, sessions.items.len() as u64);
        for (generation, session) in &sessions.items {
            out.extend_from_slice(&generation.0.to_be_bytes());
            out.extend_from_slice(&session.0);
        }
        put(&mut out, frames.items.len() as u64);
        for frame in frames.items.clone() {
            put(&mut out, sessions.index((frame.pack.generation, frame.pack.session)));
            for value in [frame.pack.number, frame.offset, frame.stored, frame.raw, frame.number] {
                put(&mut out, u64::from(value));
            }
        }
        put(&mut out, self.runs.len() as u64);
        for run in &self.runs {
            put(&mut out, u64::from(run.units));
            match run.source {
                Source::Zeros => put(&mut out, 0),
                Source::Frame { frame, first } => {
                    put(&mut out, frames.index(frame) + 1);
                    put(&mut out, u64::from(first));
                }
            }
        }
        out
    }

    /// Parses the raw bytes of a map frame; the map must cover exactly `length` bytes.
    pub fn decode(bytes: &[u8], length: u64) -> Result<Map> {
        let map = decode(bytes).ok_or_else(|| Error::corrupt("a map does not parse"))?;
        match map.units().checked_mul(u64::from(map.unit)) == Some(length) {
            true => Ok(map),
            false => Err(Error::corrupt(format!("a map covers {} units, not {length} bytes", map.units()))),
        }
    }
}

struct Table<T> {
    items: Vec<T>,
    places: HashMap<T, u64>,
}

impl<T> Default for Table<T> {
    fn default() -> Self {
        Table { items: Vec::new(), places: HashMap::new() }
    }
}

impl<T: Copy + Eq + std::hash::Hash> Table<T> {
    fn index(&mut self, item: T) -> u64 {
        let next = self.items.len() as u64;
        let place = *self.places.entry(item).or_insert(next);
        if place == next {
            self.items.push(item);
        }
        place
    }
}

fn put(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

struct Reader<'a>(&'a [u8]);

impl Reader<'_> {
    fn bytes<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (head, rest) = self.0.split_first_chunk::<N>()?;
        self.0 = rest;
        Some(*head)
    }

    fn number(&mut self) -> Option<u64> {
        let mut value = 0u64;
        for shift in (0..64).step_by(7) {
            let [byte] = self.bytes()?;
            value |= u64::from(byte & 0x7f).checked_shl(shift)?;
            if byte < 0x80 {
                return Some(value);
            }
        }
        None
    }

    fn small(&mut self) -> Option<u32> {
        self.number()?.try_into().ok()
    }

    fn count(&mut self) -> Option<u64> {
        self.number().filter(|&count| count <= RUNS_MAX)
    }
}

fn decode(bytes: &[u8]) -> Option<Map> {
    let mut reader = Reader(bytes);
    let unit = reader.small().filter(|&unit| unit > 0)?;
    let mut sessions = Vec::new();
    for _ in 0..reader.count()? {
        sessions.push((Generation(u64::from_be_bytes(reader.bytes()?)), SessionId(reader.bytes()?)));
    }
    let mut frames = Vec::new();
    for _ in 0..reader.count()? {
        let (generation, session) = *sessions.get(usize::try_from(reader.number()?).ok()?)?;
        let pack = PackId { generation, session, number: reader.small()? };
        let (offset, stored, raw, number) = (reader.small()?, reader.small()?, reader.small()?, reader.small()?);
        frames.push(FrameRef { pack, offset, stored, raw, number });
    }
    let mut map = Map::new(unit);
    for _ in 0..reader.count()? {
        let units = reader.small().filter(|&units| units > 0)?;
        let source = match reader.number()? {
            0 => Source::Zeros,
            place => {
                let frame = *frames.get(usize::try_from(place - 1).ok()?)?;
                let first = reader.small()?;
                let end = (u64::from(first) + u64::from(units)).checked_mul(u64::from(unit))?;
                if end > u64::from(frame.raw) {
                    return None;
                }
                Source::Frame { frame, first }
            }
        };
        map.runs.push(Run { units, source });
    }
    reader.0.is_empty().then_some(map)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn frame(session: u8, number: u32) -> FrameRef {
        let pack = PackId { generation: Generation(1), session: SessionId([session; 16]), number };
        FrameRef { pack, offset: 132 + number, stored: 500, raw: 1 << 18, number }
    }

    fn runs() -> impl Strategy<Value = Vec<Run>> {
        let source = prop_oneof![
            Just(Source::Zeros),
            (0u8..3, 0u32..5, 0u32..16).prop_map(|(s, n, first)| Source::Frame { frame: frame(s, n), first }),
        ];
        proptest::collection::vec((1u32..16, source).prop_map(|(units, source)| Run { units, source }), 0..60)
    }

    proptest! {
        #[test]
        fn any_map_reads_back_as_it_was_written(runs in runs()) {
            let map = Map { unit: 8192, runs };
            prop_assert_eq!(Map::decode(&map.encode(), map.units() * 8192).unwrap(), map);
        }

        #[test]
        fn any_bytes_either_parse_or_are_refused(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = Map::decode(&bytes, 8192);
        }
    }

    /// Multiplied in 64 bits, both wrap around to what would be right.
    #[test]
    fn a_map_of_more_bytes_than_there_are_is_refused() {
        let zeros = [u32::MAX, u32::MAX, 3].map(|units| Run { units, source: Source::Zeros });
        let map = Map { unit: 1 << 31, runs: zeros.to_vec() };
        assert!(Map::decode(&map.encode(), 1 << 31).is_err());
        let (unit, units, first) = (3 << 30, 1_431_655_767, u32::MAX);
        let frame = FrameRef { raw: 1 << 31, ..frame(1, 1) };
        let map = Map { unit, runs: vec![Run { units, source: Source::Frame { frame, first } }] };
        assert!(Map::decode(&map.encode(), u64::from(unit) * u64::from(units)).is_err());
    }

    #[test]
    fn runs_that_continue_each_other_are_joined() {
        let mut map = Map::new(8192);
        map.push(2, Source::Frame { frame: frame(1, 1), first: 0 });
        map.push(3, Source::Frame { frame: frame(1, 1), first: 2 });
        map.push(1, Source::Frame { frame: frame(1, 1), first: 6 });
        map.push(1, Source::Zeros);
        map.push(1, Source::Zeros);
        assert_eq!(map.runs.iter().map(|run| run.units).collect::<Vec<_>>(), [5, 1, 2]);
    }
}
