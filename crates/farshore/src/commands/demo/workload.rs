//! The load on the source: writers that each run one transaction after the other and log every one that is acknowledged.
//!
//! A transaction is that of pgbench (an account, a teller, a branch, the history) and a row of the ledger. What a row holds
//! follows from writer and number alone, so each row of a fork can be compared bit by bit. Most accounts that change are among a
//! few busy ones, as in a bank.

use std::collections::HashMap;
use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use farshore_types::error::ErrorContext;
use farshore_types::{Clock, Error, Result, Timestamp};
use farshore_vault::Hash;

use super::acknowledged::Commit;
use super::session::Login;

/// Writers.
pub const WRITERS: u32 = 4;
/// pgbench makes this many accounts, tellers and branches for each step of its scale.
const ACCOUNTS_PER_SCALE: u64 = 100_000;
const TELLERS_PER_SCALE: u64 = 10;
/// Nine of ten changes go to one of this many parts of the accounts.
const BUSY_PART: u64 = 50;
/// The ledger.
pub const LEDGER: &str = "CREATE TABLE ledger (writer int, number bigint, account bigint, delta int, sent bigint, \
    payload text, PRIMARY KEY (writer, number))";

/// One row of the ledger.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// Which writer.
    pub writer: u32,
    /// From 1 on.
    pub number: u64,
    /// The account that changes.
    pub account: u64,
    /// By how much.
    pub delta: i64,
    /// When it was sent, microseconds since 1970.
    pub sent: i64,
    /// Text of varying length.
    pub payload: String,
}

impl Row {
    /// The row that a writer writes.
    pub fn of(writer: u32, number: u64, sent: Timestamp, scale: u32) -> Row {
        let hash = Hash::of(format!("{writer}/{number}").as_bytes());
        let drawn = |at: usize| hash.0.iter().skip(at).take(6).fold(0u64, |sum, byte| sum << 8 | u64::from(*byte));
        let accounts = u64::from(scale) * ACCOUNTS_PER_SCALE;
        let among = if drawn(12) % 10 == 0 { accounts } else { accounts / BUSY_PART };
        let delta = i64::try_from(drawn(6) % 10_001).unwrap_or(0) - 5_000;
        let times = usize::try_from(drawn(18) % 6).unwrap_or(0) + 1;
        let payload = hash.to_string().repeat(times);
        Row { writer, number, account: drawn(0) % among + 1, delta, sent: sent.micros(), payload }
    }

    /// SHA-256 of everything in it.
    pub fn checksum(&self) -> String {
        let Row { writer, number, account, delta, sent, payload } = self;
        Hash::of(format!("{writer}|{number}|{account}|{delta}|{sent}|{payload}").as_bytes()).to_string()
    }

    /// The transaction, in one message, for `\;` in psql sends nothing yet: it commits as a whole at its end.
    fn transaction(&self, scale: u32) -> String {
        let Row { writer, number, account, delta, sent, payload } = self;
        let teller = account % (u64::from(scale) * TELLERS_PER_SCALE) + 1;
        let branch = account % u64::from(scale) + 1;
        format!(
            "UPDATE pgbench_accounts SET abalance = abalance + {delta} WHERE aid = {account} \\; \
             UPDATE pgbench_tellers SET tbalance = tbalance + {delta} WHERE tid = {teller} \\; \
             UPDATE pgbench_branches SET bbalance = bbalance + {delta} WHERE bid = {branch} \\; \
             INSERT INTO pgbench_history (tid, bid, aid, delta, mtime) \
             VALUES ({teller}, {branch}, {account}, {delta}, CURRENT_TIMESTAMP) \\; \
             INSERT INTO ledger VALUES ({writer}, {number}, {account}, {delta}, {sent}, '{payload}')"
        )
    }
}

struct Shared {
    login: Login,
    scale: u32,
    log: Mutex<File>,
    stop: AtomicBool,
    /// From now on the server may vanish: that ends a writer without being a fault.
    doomed: AtomicBool,
    clock: Arc<dyn Clock>,
}

/// The writers, running.
pub struct Workload {
    shared: Arc<Shared>,
    threads: Vec<JoinHandle<Result<Option<Row>>>>,
}

impl Workload {
    /// Starts all writers.
    pub fn start(login: Login, scale: u32, log: &Path, clock: Arc<dyn Clock>) -> Result<Workload> {
        let file = OpenOptions::new().append(true).create_new(true).open(log).doing("make", log.display())?;
        let (stop, doomed) = (AtomicBool::new(false), AtomicBool::new(false));
        let shared = Arc::new(Shared { login, scale, log: Mutex::new(file), stop, doomed, clock });
        let thread = |writer| {
            let shared = shared.clone();
            std::thread::spawn(move || shared.write(writer))
        };
        let threads = (1..=WRITERS).map(thread).collect();
        Ok(Workload { shared, threads })
    }

    /// Fails if a writer has ended before it should.
    pub fn check(&self) -> Result<()> {
        match self.threads.iter().any(JoinHandle::is_finished) && !self.shared.doomed.load(Ordering::Relaxed) {
            true => Err(Error::transient("a writer of the workload has ended: the server refused a transaction")),
            false => Ok(()),
        }
    }

    /// The server is about to vanish.
    pub fn expect_loss(&self) {
        self.shared.doomed.store(true, Ordering::SeqCst);
    }

    /// Ends the writers; gives the checksum of each row that was sent and never answered.
    pub fn end(mut self) -> Result<HashMap<(u32, u64), String>> {
        self.shared.stop.store(true, Ordering::SeqCst);
        let mut unanswered = HashMap::new();
        for thread in self.threads.drain(..) {
            let ended = thread.join().map_err(|_| Error::bug("a writer of the workload panicked"))?;
            if let Some(row) = ended? {
                unanswered.insert((row.writer, row.number), row.checksum());
            }
        }
        Ok(unanswered)
    }
}

impl Drop for Workload {
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::SeqCst);
    }
}

impl Shared {
    fn write(&self, writer: u32) -> Result<Option<Row>> {
        let mut session = self.login.open()?;
        let mut number = 0;
        while !self.stop.load(Ordering::Relaxed) {
            number += 1;
            let sent = self.clock.now();
            let row = Row::of(writer, number, sent, self.scale);
            match session.run(&row.transaction(self.scale)) {
                Ok(_) => {}
                Err(_) if self.doomed.load(Ordering::SeqCst) => return Ok(Some(row)),
                Err(error) => return Err(error.context("write", "the ledger")),
            }
            let acknowledged = self.clock.now();
            let commit = Commit { writer, number, checksum: row.checksum(), sent, acknowledged };
            let mut log = self.log.lock().unwrap_or_else(PoisonError::into_inner);
            log.write_all(commit.line().as_bytes()).doing("write", "the log of acknowledged commits")?;
        }
        Ok(None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_follows_from_writer_and_number_and_every_field_counts() {
        let at = Timestamp::from_micros(7);
        let row = Row::of(1, 2, at, 3);
        assert_eq!(row, Row::of(1, 2, at, 3));
        let changed: [fn(&mut Row); 6] = [
            |row| row.writer += 1,
            |row| row.number += 1,
            |row| row.account += 1,
            |row| row.delta += 1,
            |row| row.sent += 1,
            |row| row.payload.push('x'),
        ];
        for change in changed {
            let mut other = row.clone();
            change(&mut other);
            assert_ne!(other.checksum(), row.checksum());
        }
        for number in 1..1000 {
            let row = Row::of(4, number, at, 2);
            assert!((1..=200_000).contains(&row.account) && row.delta.abs() <= 5000 && !row.payload.is_empty());
        }
    }
}
