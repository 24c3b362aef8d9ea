//! A transaction, as the nouns see it.
//!
//! A statement that fails ends its transaction on both databases alike: nothing further is carried out, and the transaction
//! cannot be committed. PostgreSQL does so by itself; SQLite would go on, and programs would differ.

use farshore_types::{Error, ErrorKind, Result, Timestamp};

use crate::connection::{Access, Connection};
use crate::row::Row;
use crate::value::Value;

type Afterwards = Box<dyn FnOnce() + Send>;

/// Bytes of one text or byte string that can be stored; larger ones belong into an object store.
const VALUE_BYTES_MAX: usize = 16 << 20;

/// A transaction in progress. Only this crate puts statements into it; others hand it to the functions of the nouns.
pub struct Tx<'a> {
    connection: &'a mut dyn Connection,
    access: Access,
    now: Timestamp,
    failed: bool,
    afterwards: Vec<Afterwards>,
}

impl<'a> Tx<'a> {
    pub(crate) fn new(connection: &'a mut dyn Connection, access: Access, now: Timestamp) -> Self {
        Tx { connection, access, now, failed: false, afterwards: Vec::new() }
    }

    /// When the transaction began, by the store's clock; the same moment throughout.
    pub fn now(&self) -> Timestamp {
        self.now
    }

    /// Calls `work` once the transaction is durable, on the committing thread; never if it is not. Lost if the process dies
    /// in between: for signals that a timer backs up, not for work.
    pub fn on_commit(&mut self, work: impl FnOnce() + Send + 'static) {
        self.afterwards.push(Box::new(work));
    }

    /// How many rows the statement changed.
    pub(crate) fn execute(&mut self, sql: &'static str, values: &[Value]) -> Result<u64> {
        self.may_go_on(values)?;
        if self.access == Access::Read {
            return Err(Error::bug("a statement that changes rows stands in a reading transaction"));
        }
        let result = self.connection.execute(sql, values);
        self.failed |= result.is_err();
        result
    }

    /// The rows that the statement returns.
    pub(crate) fn query(&mut self, sql: &'static str, values: &[Value]) -> Result<Vec<Row>> {
        self.may_go_on(values)?;
        let result = self.connection.query(sql, values);
        self.failed |= result.is_err();
        result
    }

    /// The first row that the statement returns.
    pub(crate) fn first(&mut self, sql: &'static str, values: &[Value]) -> Result<Option<Row>> {
        Ok(self.query(sql, values)?.into_iter().next())
    }

    /// The statements of one migration.
    pub(crate) fn migrate(&mut self, sql: &str) -> Result<()> {
        let result = self.connection.migrate(sql);
        self.failed |= result.is_err();
        result
    }

    fn may_go_on(&self, values: &[Value]) -> Result<()> {
        if self.failed {
            return Err(Error::bug("a statement failed before, and the transaction went on"));
        }
        values.iter().try_for_each(storable)
    }

    /// Ends the transaction: its result and what is to be called after the commit.
    pub(crate) fn finish<T>(self, result: Result<T>) -> (Result<T>, Vec<Afterwards>) {
        match result {
            Ok(_) if self.failed => {
                (Err(Error::bug("a statement failed, and the transaction was to be committed")), Vec::new())
            }
            Ok(value) => (Ok(value), self.afterwards),
            Err(error) => (Err(error), Vec::new()),
        }
    }
}

/// Both databases refuse the same values, with the same words.
fn storable(value: &Value) -> Result<()> {
    let size = match value {
        Value::Text(text) if text.contains('\0') => return Err(Error::invalid("text with the character 0")),
        Value::Text(text) => text.len(),
        Value::Bytes(bytes) => bytes.len(),
        Value::Int(_) | Value::Null => 0,
    };
    match size > VALUE_BYTES_MAX {
        true => {
            Err(Error::invalid(format!("a value of {size} bytes, more than the {VALUE_BYTES_MAX} that are stored")))
        }
        false => Ok(()),
    }
}

/// Whether an error says that a unique index holds such a row already. Unique indexes are named after their table and
/// columns: `users_email`.
pub fn taken(error: &Error, index: &str) -> bool {
    error.kind() == ErrorKind::Conflict && error.what().strip_suffix(TAKEN) == Some(index)
}

/// The error behind [`taken`].
pub(crate) fn taken_error(index: &str) -> Error {
    Error::conflict(format!("{index}{TAKEN}"))
}

const TAKEN: &str = " exists already";
