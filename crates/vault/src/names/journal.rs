//! The names of journal objects: ranges of a log and history files of its timelines.

use std::fmt;

use farshore_types::{Error, Generation, Position, Result, SessionId, Timeline, Timestamp};

use super::{JOURNAL, fields, hash, misnamed, number32, number64, session};
use crate::primitives::Hash;

/// `journal/<stream>/<timeline>/<block>/<from>-<to>-<moment>-<generation>-<session>-<sha256>`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct RangeName {
    /// Which log, for example `wal`.
    pub stream: String,
    /// Which history of it.
    pub timeline: Timeline,
    /// First position.
    pub from: Position,
    /// Position after the last byte.
    pub to: Position,
    /// The server's clock when everything before `to` was known to be in the store.
    pub moment: Timestamp,
    /// The writer's generation.
    pub generation: Generation,
    /// The writer's session.
    pub session: SessionId,
    /// Of its stored bytes.
    pub hash: Hash,
}

impl fmt::Display for RangeName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (from, to, moment) = (self.from.0, self.to.0, self.moment.micros().max(0));
        f.write_str(&block_folder(&self.stream, self.timeline, self.from))?;
        write!(f, "{from:016x}-{to:016x}-{moment:016x}-{}-{}-{}", self.generation, self.session, self.hash)
    }
}

/// Log positions are grouped in folders of this many bytes; no range crosses a multiple of it.
pub const BLOCK_BYTES: u64 = 16 << 20;

/// The folder of the ranges that start in the block of `position`.
pub fn block_folder(stream: &str, timeline: Timeline, position: Position) -> String {
    format!("{JOURNAL}{stream}/{timeline}/{:010x}/", position.0 / BLOCK_BYTES)
}

/// `journal/<stream>/<timeline>/history-<generation>-<session>-<sha256>`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct HistoryName {
    /// Which log.
    pub stream: String,
    /// Which timeline's history.
    pub timeline: Timeline,
    /// The writer's generation.
    pub generation: Generation,
    /// The writer's session.
    pub session: SessionId,
    /// Of its stored bytes.
    pub hash: Hash,
}

impl fmt::Display for HistoryName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{JOURNAL}{}/{}/history-", self.stream, self.timeline)?;
        write!(f, "{}-{}-{}", self.generation, self.session, self.hash)
    }
}

/// Any object of a journal.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum JournalName {
    /// A range of the log.
    Range(RangeName),
    /// A history file.
    History(HistoryName),
}

impl JournalName {
    /// Parses a listed name.
    pub fn parse(name: &str) -> Result<JournalName> {
        let rest = name.strip_prefix(JOURNAL).ok_or_else(|| misnamed(name))?;
        let parts: Vec<&str> = rest.split('/').collect();
        let (stream, timeline, block, last) = match parts.as_slice() {
            [stream, timeline, last] => (*stream, *timeline, None, *last),
            [stream, timeline, block, last] => (*stream, *timeline, Some(*block), *last),
            _ => return Err(misnamed(name)),
        };
        check_stream(stream).map_err(|_| misnamed(name))?;
        let (stream, timeline) = (stream.to_string(), Timeline(number32(timeline, name)?));
        match (block, last.strip_prefix("history-")) {
            (None, Some(rest)) => parse_history(name, stream, timeline, rest),
            (Some(_), None) => parse_range(name, stream, timeline, last),
            _ => Err(misnamed(name)),
        }
    }

    /// Of its stored bytes.
    pub fn hash(&self) -> Hash {
        match self {
            JournalName::Range(range) => range.hash,
            JournalName::History(history) => history.hash,
        }
    }
}

fn parse_history(name: &str, stream: String, timeline: Timeline, rest: &str) -> Result<JournalName> {
    let [generation, writer, sum] = fields(rest, "").map_err(|_| misnamed(name))?;
    let generation = Generation(number64(generation, name)?);
    let (session, hash) = (session(writer, name)?, hash(sum, name)?);
    Ok(JournalName::History(HistoryName { stream, timeline, generation, session, hash }))
}

fn parse_range(name: &str, stream: String, timeline: Timeline, rest: &str) -> Result<JournalName> {
    let [from, to, moment, generation, writer, sum] = fields(rest, "").map_err(|_| misnamed(name))?;
    let moment = i64::try_from(number64(moment, name)?).map_err(|_| misnamed(name))?;
    let range = RangeName {
        stream,
        timeline,
        from: Position(number64(from, name)?),
        to: Position(number64(to, name)?),
        moment: Timestamp::from_micros(moment),
        generation: Generation(number64(generation, name)?),
        session: session(writer, name)?,
        hash: hash(sum, name)?,
    };
    let one_block = range.from == range.to || range.from.0 / BLOCK_BYTES == (range.to.0 - 1) / BLOCK_BYTES;
    match range.from <= range.to && one_block && range.to_string() == name {
        true => Ok(JournalName::Range(range)),
        false => Err(misnamed(name)),
    }
}

impl fmt::Display for JournalName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            JournalName::Range(range) => range.fmt(f),
            JournalName::History(history) => history.fmt(f),
        }
    }
}

/// Refuses stream names outside 1 to 16 of `a-z`.
pub fn check_stream(stream: &str) -> Result<()> {
    match (1..=16).contains(&stream.len()) && stream.bytes().all(|c| c.is_ascii_lowercase()) {
        true => Ok(()),
        false => Err(Error::invalid(format!("stream {stream:?} is not a stream name")).hint("use 1 to 16 of a-z")),
    }
}
