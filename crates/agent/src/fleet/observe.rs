//! What a node is doing, as it is shown outside: from its server, its archiver and its files.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use farshore_types::{Clock, Generation, Result, Timestamp};

use super::order::Order;
use crate::postgres::{Node, Status};
use crate::tasks::archiving::Archiving;

/// Entries of a data directory that are counted; a larger one is shown too small.
const ENTRIES_MAX: usize = 2_000_000;

/// What a server is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Server {
    /// There is no node on this host.
    Absent,
    /// The node is there, its data is gone.
    Lost,
    /// Stopped as ordered.
    Stopped,
    /// It should run and does not.
    Crashed,
    /// Starting, recovering or stopping.
    Busy,
    /// It answers queries.
    Ready,
}

/// One look at a node.
#[derive(Debug, Clone)]
pub struct Observed {
    /// Of which order.
    pub generation: Generation,
    /// What its server does.
    pub server: Server,
    /// TCP port on this host.
    pub port: Option<u16>,
    /// Everything up to this moment is in the store.
    pub archived_to: Option<Timestamp>,
    /// Seconds of data that would be lost with the node now; `None` as long as nobody knows.
    pub at_risk_s: Option<f64>,
    /// How often the journal was broken since the agent's start.
    pub breaks: u64,
    /// Bytes of its volume, as they were counted last.
    pub disk_bytes: Option<u64>,
    /// Figures by name, as they were read last: `cpu_percent`, `memory_bytes`, `disk_bytes`, `connections`, `commits_per_s`,
    /// `at_risk_s`.
    pub figures: BTreeMap<String, f64>,
    /// Whether it is closed for writing because its disk is full.
    pub full: bool,
    /// Whether its server crashes again and again; `None` as long as nobody can say.
    pub crash_loop: Option<bool>,
    /// What is wrong, if anything.
    pub trouble: Option<String>,
    /// Whether a verb works on it now.
    pub busy: bool,
}

impl Observed {
    /// Before the first look.
    pub fn of_order(order: &Order) -> Observed {
        Observed {
            generation: order.generation,
            server: Server::Absent,
            port: order.port,
            archived_to: None,
            at_risk_s: None,
            breaks: 0,
            disk_bytes: None,
            figures: BTreeMap::new(),
            full: false,
            crash_loop: None,
            trouble: None,
            busy: false,
        }
    }
}

/// Looks. Connects only when the server says that it accepts connections.
pub fn look(
    order: &Order,
    node: Option<&mut Node>,
    archiving: Option<&Archiving>,
    clock: &dyn Clock,
) -> Result<Observed> {
    let mut observed = Observed::of_order(order);
    if let Some(node) = node {
        observed.port = Some(node.port());
        observed.server = match node.layout().has_data() {
            false => Server::Lost,
            true => match node.status()? {
                Status::Stopped => Server::Stopped,
                Status::Crashed => Server::Crashed,
                Status::Busy | Status::Ready { in_recovery: true } => Server::Busy,
                Status::Ready { in_recovery: false } => Server::Ready,
            },
        };
    }
    if let Some(archiving) = archiving {
        let durable = archiving.durable();
        observed.archived_to = (durable.moment != Timestamp::default()).then_some(durable.moment);
        observed.at_risk_s = durable.at_risk_s(clock.now());
        observed.breaks = archiving.breaks();
        observed.trouble = durable.trouble;
    }
    Ok(observed)
}

/// Bytes that the files of a directory occupy; what goes away meanwhile is not counted.
pub fn disk_bytes(root: &Path) -> u64 {
    use std::os::unix::fs::MetadataExt;
    let (mut directories, mut bytes, mut entries) = (vec![root.to_path_buf()], 0, 0);
    while let Some(directory) = directories.pop() {
        for entry in fs::read_dir(&directory).into_iter().flatten().flatten() {
            entries += 1;
            if entries > ENTRIES_MAX {
                return bytes;
            }
            match entry.metadata() {
                Ok(status) if status.is_dir() => directories.push(entry.path()),
                Ok(status) => bytes += status.blocks() * 512,
                Err(_) => {}
            }
        }
    }
    bytes
}
