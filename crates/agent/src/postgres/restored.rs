//! A node that was restored, once its recovery is over: what only the recovery needed goes.
//!
//! The limits of the source stand in `postgresql.auto.conf`, which wins over what the node is configured with. A node that was given
//! nothing of its own goes on with them as its own settings: its clients, and transactions that are prepared, may need them. The record
//! comes first: if we die between it and the file, the next call only takes the lines out.

use farshore_engines::postgresql::recovery::{RECOVERY_SIGNAL, settled};
use farshore_types::Result;
use farshore_types::snapshot::ClosingFile;

use super::node::Node;
use crate::durable;

/// Where a recovery's settings stand.
const FILE: &str = "postgresql.auto.conf";
const FILE_BYTES_MAX: u64 = 1 << 20;
const FILE_MODE: u32 = 0o600;
/// Their servers are in recovery, or will be.
const SIGNALS: [&str; 2] = [RECOVERY_SIGNAL, "standby.signal"];

impl Node {
    /// Takes out what a recovery has left in `postgresql.auto.conf`, unless it is not over. May be repeated, and is done at every start:
    /// earlier versions left it there.
    pub fn leave_recovery(&mut self) -> Result<()> {
        let data = self.layout().data();
        if SIGNALS.iter().any(|signal| data.join(signal).exists()) {
            return Ok(());
        }
        let Some(bytes) = durable::read(&data.join(FILE), FILE_BYTES_MAX)? else { return Ok(()) };
        // What is not UTF-8 is not ours.
        let Ok(text) = String::from_utf8(bytes) else { return Ok(()) };
        let settled = settled(&text);
        if settled.text == text {
            return Ok(());
        }
        if self.record.door.is_none() && self.record.extra.is_empty() {
            self.record.extra = settled.limits;
            self.keep_record()?;
        }
        let content = settled.text.into_bytes();
        self.put_files(&[ClosingFile { path: FILE.to_string(), mode: FILE_MODE, content }])
    }
}
