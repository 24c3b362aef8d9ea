//! The seam between the statements and the two databases that carry them out.
//!
//! One connection carries one transaction at a time. A connection that is dropped in the middle of one leaves nothing: both
//! databases roll back what was not committed.

use farshore_types::Result;

use crate::row::Row;
use crate::value::Value;

/// What a transaction may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Sees one committed state, changes nothing, waits for nobody.
    Read,
    /// The only writer of the whole store until it ends.
    Write,
}

/// A connection to one of the two databases. Errors are sorted already: `Conflict` names the index that was violated,
/// `Transient` is everything that a new connection or a later time may heal.
pub trait Connection: Send {
    /// Begins a transaction; for [`Access::Write`] this waits for the writer before, for a bounded time.
    fn begin(&mut self, access: Access) -> Result<()>;
    /// Carries out a statement without a result; how many rows it changed.
    fn execute(&mut self, sql: &'static str, values: &[Value]) -> Result<u64>;
    /// Carries out a statement with a result. Never more than [`ROWS_MAX`] rows.
    fn query(&mut self, sql: &'static str, values: &[Value]) -> Result<Vec<Row>>;
    /// Carries out the statements of one migration, in which `BYTES` stands for the type of byte strings.
    fn migrate(&mut self, sql: &str) -> Result<()>;
    /// Makes the transaction durable. After an error it is unknown whether it is; nothing in between is possible.
    fn commit(&mut self) -> Result<()>;
    /// Forgets the transaction.
    fn rollback(&mut self) -> Result<()>;
    /// Whether the other side is gone, so that only a new connection can go on.
    fn is_lost(&self) -> bool;
}

/// Rows that one statement may return. Every listing takes a limit far below; this one only bounds memory.
pub const ROWS_MAX: usize = 20_000;
