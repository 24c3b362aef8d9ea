//! The index of a pack: what a writer that continues after a crash finds in it (docs/format.md, section 6).
//!
//! Readers do not need it. It is read and written as a whole; the packer bounds its size.

use farshore_types::{Error, Result, SessionId};
use serde::{Deserialize, Serialize};

use super::catalog::{Entry, Sessions, WireEntry, from_wire, json, to_wire};

/// What a pack completed: file entries with only those segments, and their numbers.
pub type Completed = (Entry, Vec<u32>);

/// What stands in every index of a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Origin<'a> {
    /// The log position at which the backup started.
    pub start: u64,
    /// What the engine said of the source then; null where it says nothing.
    pub facts: &'a serde_json::Value,
}

/// A pack's index.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Index {
    /// The log position at which the backup started.
    pub start: u64,
    /// What the engine said of the source then.
    pub facts: serde_json::Value,
    /// What the pack completed.
    pub completed: Vec<Completed>,
}

#[derive(Serialize, Deserialize)]
struct WireIndex {
    start: u64,
    #[serde(default, skip_serializing_if = "serde_json::Value::is_null")]
    facts: serde_json::Value,
    sessions: Vec<(String, SessionId)>,
    entries: Vec<WireEntry>,
}

/// The raw bytes of an index frame.
pub fn encode(origin: &Origin, completed: &[Completed]) -> Result<Vec<u8>> {
    let mut sessions = Sessions::default();
    let entries = completed.iter().map(|(entry, at)| to_wire(entry, at, &mut sessions)).collect();
    let (start, facts) = (origin.start, origin.facts.clone());
    json(&WireIndex { start, facts, sessions: sessions.to_wire(), entries })
}

/// Parses the raw bytes of an index frame.
pub fn decode(bytes: &[u8]) -> Result<Index> {
    let wire: WireIndex = serde_json::from_slice(bytes).map_err(|_| Error::corrupt("an index does not parse"))?;
    let sessions = Sessions::from_wire(&wire.sessions)?;
    let completed = wire.entries.into_iter().map(|entry| from_wire(entry, &sessions)).collect::<Result<_>>()?;
    Ok(Index { start: wire.start, facts: wire.facts, completed })
}

#[cfg(test)]
mod tests {
    use super::super::catalog::tests::sample;
    use super::*;

    #[test]
    fn an_index_reads_back_as_it_was_written() {
        for facts in [serde_json::Value::Null, serde_json::json!({"timeline": 3})] {
            let completed = vec![(sample(), vec![0, 4])];
            let index = encode(&Origin { start: 9, facts: &facts }, &completed).unwrap();
            assert_eq!(decode(&index).unwrap(), Index { start: 9, facts, completed });
        }
    }
}
