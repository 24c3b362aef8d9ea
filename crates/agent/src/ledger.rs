//! What this agent runs: `agent.json` in its data directory, one entry for each node.
//!
//! The file is whole or as it was before, whenever we die. An entry is recorded before its node's directory is made and
//! forgotten after that directory is gone: an entry without a node means unfinished work, a node without an entry does not
//! exist. What a node needs to be found again (port, process) stands in its own directory, not here.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use farshore_types::error::ErrorContext;
use farshore_types::{Error, Result};
use serde::{Deserialize, Serialize};

use crate::durable::{self, Lock, Rights};

/// The file's name in the data directory.
pub const FILE: &str = "agent.json";
const LOCK: &str = "agent.lock";
/// Written into the file; a higher one is refused.
const VERSION: u32 = 1;
/// Nodes of one agent.
pub const NODES_MAX: usize = 1000;
const FILE_BYTES_MAX: u64 = 16 << 20;
const NAME_BYTES_MAX: usize = 100;

/// One node.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// Its service: all nodes made from each other's backups by the same owner share it.
    pub service: String,
    /// `postgresql`.
    pub engine: String,
    /// Its directory.
    pub volume: PathBuf,
    /// Whatever the caller must find again after a restart; strings, nothing secret.
    #[serde(default)]
    pub notes: BTreeMap<String, String>,
}

#[derive(Debug, Serialize, Deserialize)]
struct State {
    version: u32,
    nodes: BTreeMap<String, Entry>,
}

/// The open file. Only one process at a time has it.
#[derive(Debug)]
pub struct Ledger {
    path: PathBuf,
    state: State,
    _lock: Lock,
}

impl Ledger {
    /// Opens the ledger of a data directory, which must exist; `Busy` while another agent has it.
    pub fn open(data_directory: &Path) -> Result<Ledger> {
        let lock = Lock::take(&data_directory.join(LOCK))?;
        let path = data_directory.join(FILE);
        let state = match durable::read(&path, FILE_BYTES_MAX)? {
            Some(bytes) => parse(&bytes).doing("read", path.display())?,
            None => State { version: VERSION, nodes: BTreeMap::new() },
        };
        Ok(Ledger { path, state, _lock: lock })
    }

    /// All nodes by name.
    pub fn nodes(&self) -> &BTreeMap<String, Entry> {
        &self.state.nodes
    }

    /// One node; `Missing` names those that exist.
    pub fn node(&self, name: &str) -> Result<&Entry> {
        self.state.nodes.get(name).ok_or_else(|| {
            let known: Vec<&str> = self.state.nodes.keys().map(String::as_str).collect();
            Error::missing(format!("there is no node {name:?} here")).hint(format!("known are: {}", known.join(", ")))
        })
    }

    /// Adds or replaces a node, durably. Names are 1 to 100 letters, digits, `-`, `_` and `.`.
    pub fn record(&mut self, name: &str, entry: Entry) -> Result<()> {
        check_name(name)?;
        if !self.state.nodes.contains_key(name) && self.state.nodes.len() >= NODES_MAX {
            return Err(Error::busy(format!("this agent has {NODES_MAX} nodes")).hint("remove one first"));
        }
        let before = self.state.nodes.insert(name.to_string(), entry);
        self.keep_or_undo(name, before)
    }

    /// Removes a node, durably; nothing happens if there is none.
    pub fn forget(&mut self, name: &str) -> Result<()> {
        match self.state.nodes.remove(name) {
            None => Ok(()),
            before => self.keep_or_undo(name, before),
        }
    }

    /// Writes the file; on failure memory says again what the disk says.
    fn keep_or_undo(&mut self, name: &str, before: Option<Entry>) -> Result<()> {
        let written = serde_json::to_vec_pretty(&self.state)
            .map_err(|error| Error::bug(format!("the ledger cannot be written as JSON: {error}")))
            .and_then(|bytes| durable::write(&self.path, &bytes, Rights::PRIVATE));
        if written.is_err() {
            match before {
                Some(entry) => self.state.nodes.insert(name.to_string(), entry),
                None => self.state.nodes.remove(name),
            };
        }
        written
    }
}

fn parse(bytes: &[u8]) -> Result<State> {
    /// Read first: a later version may look different otherwise.
    #[derive(Deserialize)]
    struct Head {
        version: u32,
    }
    let wrong = |error: serde_json::Error| Error::corrupt(format!("the ledger cannot be understood: {error}"));
    let head: Head = serde_json::from_slice(bytes).map_err(wrong)?;
    if head.version != VERSION {
        let what = format!("the ledger has version {}, this program knows {VERSION}", head.version);
        return Err(Error::invalid(what).hint("use the newer program"));
    }
    serde_json::from_slice(bytes).map_err(wrong)
}

fn check_name(name: &str) -> Result<()> {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    if name.is_empty() || name.len() > NAME_BYTES_MAX || name.starts_with('.') || !name.bytes().all(allowed) {
        let what = format!("{name:?} cannot be the name of a node");
        return Err(Error::invalid(what).hint("use letters, digits, '-', '_' and '.'"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use farshore_types::ErrorKind;

    use super::*;

    fn entry(volume: &str) -> Entry {
        let (service, engine) = ("shop".to_string(), "postgresql".to_string());
        Entry { service, engine, volume: PathBuf::from(volume), notes: BTreeMap::new() }
    }

    #[test]
    fn what_was_recorded_is_there_after_a_restart_and_what_was_forgotten_is_not() {
        let directory = tempfile::tempdir().unwrap();
        let mut ledger = Ledger::open(directory.path()).unwrap();
        ledger.record("a", entry("/a")).unwrap();
        ledger.record("b", entry("/b")).unwrap();
        ledger.record("a", entry("/c")).unwrap();
        ledger.forget("b").unwrap();
        ledger.forget("never").unwrap();
        drop(ledger);
        let ledger = Ledger::open(directory.path()).unwrap();
        assert_eq!(ledger.nodes().iter().collect::<Vec<_>>(), [(&"a".to_string(), &entry("/c"))]);
        assert!(ledger.node("b").unwrap_err().to_string().contains("known are: a"));
    }

    #[test]
    fn two_agents_cannot_have_one_ledger() {
        let directory = tempfile::tempdir().unwrap();
        let _first = Ledger::open(directory.path()).unwrap();
        assert_eq!(Ledger::open(directory.path()).unwrap_err().kind(), ErrorKind::Busy);
    }

    #[test]
    fn a_failed_write_leaves_memory_and_disk_alike() {
        let directory = tempfile::tempdir().unwrap();
        let mut ledger = Ledger::open(directory.path()).unwrap();
        ledger.record("a", entry("/a")).unwrap();
        // A directory in the way of the temporary name.
        std::fs::create_dir(directory.path().join("agent.json.tmp")).unwrap();
        assert!(ledger.record("b", entry("/b")).is_err() && ledger.forget("a").is_err());
        assert_eq!(ledger.nodes().keys().collect::<Vec<_>>(), ["a"]);
    }

    #[test]
    fn later_versions_damage_and_bad_names_are_refused() {
        let directory = tempfile::tempdir().unwrap();
        for (content, kind) in
            [(r#"{"version":2,"pods":[]}"#, ErrorKind::Invalid), ("{", ErrorKind::Corrupt), ("", ErrorKind::Corrupt)]
        {
            std::fs::write(directory.path().join(FILE), content).unwrap();
            assert_eq!(Ledger::open(directory.path()).unwrap_err().kind(), kind, "{content}");
        }
        for name in ["", "a/b", "..", ".a", "a b", &"x".repeat(101)] {
            assert!(check_name(name).is_err(), "{name}");
        }
    }
}
