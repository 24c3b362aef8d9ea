//! A workload whose every row set is known: each transaction remembers what it changed, and the server's own log (read by
//! `pg_waldump`, not by our code) says in which order they were committed.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use farshore_engines::postgresql::provision::Installation;
use farshore_engines::postgresql::wire::{Connection, Settings};
use farshore_types::{Position, Target, TargetKind, Timeline, Timestamp};
use farshore_vault::testing::SeededEntropy;

use super::cluster::Cluster;
use super::{clock, let_pass};

/// Rows by id.
pub type Rows = BTreeMap<i64, i64>;
/// What a transaction leaves behind: a new value, or none.
type Changes = Vec<(i64, Option<i64>)>;

const WORKERS: u64 = 2;
/// Ids of one worker begin at a multiple of this.
const ID_STEP: i64 = 1_000_000;
/// Between two transactions of one worker.
const PAUSE: Duration = Duration::from_millis(8);

/// A running workload.
pub struct Load {
    stop: Arc<AtomicBool>,
    transactions: Arc<Mutex<BTreeMap<u64, Changes>>>,
    acknowledged: Arc<Mutex<Vec<(u64, Timestamp, Duration)>>>,
    workers: Vec<JoinHandle<()>>,
}

/// Makes the table.
pub fn prepare(cluster: &Cluster) {
    cluster.sql("CREATE TABLE load (id bigint PRIMARY KEY, v bigint)");
}

impl Load {
    /// Starts. Transactions that fail because the server is away are not acknowledged, and tried anew.
    pub fn start(server: &Settings, seed: u64) -> Load {
        let (stop, transactions) = (Arc::new(AtomicBool::new(false)), Arc::new(Mutex::default()));
        let acknowledged: Arc<Mutex<Vec<_>>> = Arc::default();
        let worker = |number| {
            let mut worker = Worker {
                server: server.clone(),
                random: SeededEntropy::new(seed ^ number),
                next_id: ID_STEP * i64::try_from(number + 1 + seed % 1000 * WORKERS).unwrap(),
                mine: Vec::new(),
            };
            let (stop, transactions, acknowledged) = (stop.clone(), Arc::clone(&transactions), acknowledged.clone());
            std::thread::spawn(move || worker.run(&stop, &transactions, &acknowledged))
        };
        let workers = (0..WORKERS).map(worker).collect();
        Load { stop, transactions, acknowledged, workers }
    }

    /// How many transactions were acknowledged.
    pub fn count(&self) -> usize {
        self.acknowledged.lock().unwrap().len()
    }

    /// The longest that a client has waited for a transaction so far.
    pub fn longest_wait(&self) -> Duration {
        self.acknowledged.lock().unwrap().iter().map(|(_, _, took)| *took).max().unwrap_or_default()
    }

    /// Waits until some more transactions were acknowledged.
    pub fn advance(&self, more: usize) {
        let wanted = self.count() + more;
        super::wait_until("the workload goes on", || self.count() >= wanted);
    }

    /// What is known so far.
    pub fn known(&self) -> Known {
        let acknowledged = self.acknowledged.lock().unwrap().iter().map(|(xid, at, _)| (*xid, *at)).collect();
        Known { transactions: self.transactions.lock().unwrap().clone(), acknowledged }
    }

    /// Stops, and gives everything that is known.
    pub fn stop(mut self) -> Known {
        self.stop.store(true, Ordering::Relaxed);
        for worker in self.workers.drain(..) {
            worker.join().unwrap();
        }
        self.known()
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
    }
}

struct Worker {
    server: Settings,
    random: SeededEntropy,
    next_id: i64,
    mine: Vec<i64>,
}

impl Worker {
    fn run(
        &mut self,
        stop: &AtomicBool,
        transactions: &Mutex<BTreeMap<u64, Changes>>,
        acknowledged: &Mutex<Vec<(u64, Timestamp, Duration)>>,
    ) {
        let clock = clock();
        let mut session: Option<Connection> = None;
        while !stop.load(Ordering::Relaxed) {
            let_pass(PAUSE);
            let Some(connection) = session.as_mut() else {
                session = Connection::connect(&self.server, clock.clone()).ok();
                continue;
            };
            let (sql, changes) = self.transaction();
            let began = clock.monotonic();
            let Ok(Some(xid)) = connection.one_value(&format!("BEGIN; {sql}; SELECT pg_current_xact_id()::text"))
            else {
                session = None;
                continue;
            };
            // Remembered before the commit: its answer may get lost.
            let xid: u64 = xid.parse().unwrap();
            transactions.lock().unwrap().insert(xid, changes.clone());
            match connection.query("COMMIT") {
                Ok(_) => {
                    acknowledged.lock().unwrap().push((xid, clock.now(), clock.monotonic() - began));
                    self.remember(&changes);
                }
                Err(_) => session = None,
            }
        }
    }

    /// One to four rows are made, changed or removed; of rows whose fate is not known none is touched again.
    fn transaction(&mut self) -> (String, Changes) {
        let (mut statements, mut changes) = (Vec::new(), Vec::new());
        let mut free = self.mine.clone();
        for _ in 0..=self.random.next() % 4 {
            let value = i64::try_from(self.random.next() >> 16).unwrap();
            match (self.random.next() % 4, free.is_empty()) {
                (0 | 1, _) | (_, true) => {
                    let id = self.next_id;
                    self.next_id += 1;
                    statements.push(format!("INSERT INTO load VALUES ({id}, {value})"));
                    changes.push((id, Some(value)));
                }
                (what, false) => {
                    let id = free.swap_remove(usize::try_from(self.random.next()).unwrap() % free.len());
                    let update = what == 2;
                    changes.push((id, update.then_some(value)));
                    statements.push(match update {
                        true => format!("UPDATE load SET v = {value} WHERE id = {id}"),
                        false => format!("DELETE FROM load WHERE id = {id}"),
                    });
                }
            }
        }
        self.mine.retain(|id| changes.iter().all(|(changed, _)| changed != id));
        (statements.join("; "), changes)
    }

    fn remember(&mut self, changes: &Changes) {
        self.mine.extend(changes.iter().filter(|(_, value)| value.is_some()).map(|(id, _)| *id));
    }
}

/// All transactions of a workload.
pub struct Known {
    transactions: BTreeMap<u64, Changes>,
    /// Transaction, and the client's clock when it was told.
    pub acknowledged: Vec<(u64, Timestamp)>,
}

impl Known {
    /// The rows that these committed transactions leave.
    pub fn rows(&self, committed: &[u64]) -> Rows {
        let mut rows = Rows::new();
        for (id, value) in committed.iter().filter_map(|xid| self.transactions.get(xid)).flatten() {
            match value {
                Some(value) => drop(rows.insert(*id, *value)),
                None => drop(rows.remove(id)),
            }
        }
        rows
    }

    /// Transactions that were acknowledged before a moment.
    pub fn acknowledged_before(&self, moment: Timestamp) -> BTreeSet<u64> {
        self.acknowledged.iter().filter(|(_, at)| *at < moment).map(|(xid, _)| *xid).collect()
    }
}

/// The rows that a server holds.
pub fn rows_of(server: &Settings) -> Rows {
    let mut connection = Connection::connect(server, clock()).unwrap();
    let answer = connection.query("SELECT id::text, v::text FROM load").unwrap();
    let number = |value: &Option<String>| value.as_ref().unwrap().parse().unwrap();
    answer.rows.iter().map(|row| (number(&row[0]), number(&row[1]))).collect()
}

/// A record of the log that a recovery may stop at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Record {
    Commit { xid: u64, time: Timestamp },
    Point(String),
    Other,
}

/// A server's log in order, by its own reader.
pub struct Order {
    pub records: Vec<(Position, Record)>,
}

impl Order {
    /// Reads a timeline's log from a position on, as far as it is written.
    pub fn read(installation: &Installation, data: &Path, timeline: Timeline, from: Position) -> Order {
        let mut waldump = Command::new(installation.program("pg_waldump").unwrap());
        waldump.env("LC_ALL", "C").env("TZ", "UTC").arg("-p").arg(data.join("pg_wal"));
        waldump.args(["-t", &timeline.0.to_string(), "-s", &from.to_string()]);
        // It always ends with the complaint that the log does not go on.
        let output = waldump.output().unwrap();
        let records: Vec<_> = String::from_utf8_lossy(&output.stdout).lines().filter_map(record).collect();
        let complaint = String::from_utf8_lossy(&output.stderr);
        assert!(!records.is_empty(), "pg_waldump shows nothing from {from} on: {complaint}");
        Order { records }
    }

    /// Commits in order, with positions.
    pub fn commits(&self) -> impl Iterator<Item = (Position, u64, Timestamp)> {
        self.records.iter().filter_map(|(at, record)| match record {
            Record::Commit { xid, time } => Some((*at, *xid, *time)),
            _ => None,
        })
    }

    /// Which transactions a recovery to a target must hold: the rules of PostgreSQL's documentation, "Recovery Target",
    /// over the whole log.
    pub fn committed(&self, target: &Target) -> Vec<u64> {
        let mut found = Vec::new();
        for (at, record) in &self.records {
            let stop_before = match (&target.kind, record) {
                (TargetKind::Time(moment), Record::Commit { time, .. }) => match target.inclusive {
                    true => time > moment,
                    false => time >= moment,
                },
                (TargetKind::Position(position), _) => !target.inclusive && at >= position,
                (TargetKind::Transaction(wanted), Record::Commit { xid, .. }) => !target.inclusive && wanted == xid,
                _ => false,
            };
            if stop_before {
                return found;
            }
            if let Record::Commit { xid, .. } = record {
                found.push(*xid);
            }
            let stop_after = match (&target.kind, record) {
                (TargetKind::Position(position), _) => at >= position,
                (TargetKind::Transaction(wanted), Record::Commit { xid, .. }) => wanted == xid,
                (TargetKind::Name(wanted), Record::Point(name)) => wanted == name,
                _ => false,
            };
            if stop_after {
                return found;
            }
        }
        found
    }
}

fn record(line: &str) -> Option<(Position, Record)> {
    let after = |mark: &str| line.split_once(mark).map(|(_, rest)| rest);
    let at = after("lsn: ")?.split(',').next()?.parse().ok()?;
    let described = after("desc: ")?;
    let mut words = described.split_whitespace();
    let record = match words.next()? {
        "COMMIT" if !described.starts_with("COMMIT_PREPARED") => {
            let xid = after("tx:")?.trim_start().split(',').next()?.parse().ok()?;
            let time = format!("{}T{}Z", words.next()?, words.next()?).parse().unwrap();
            Record::Commit { xid, time }
        }
        "RESTORE_POINT" => Record::Point(words.next()?.to_string()),
        _ => Record::Other,
    };
    Some((at, record))
}
