//! SQLite: one file, for one machine.
//!
//! Write-ahead log with `synchronous=FULL`: a commit is on disk when it returns (SQLite, "PRAGMA synchronous"). A writing
//! transaction begins IMMEDIATE: one that read first and wrote later would fail at once when another writer came between
//! (SQLite, "Transaction", 2.2). After a crash the next connection rolls back what was not committed.

use std::fs::{self, OpenOptions, Permissions};
use std::io;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use farshore_types::error::ErrorContext;
use farshore_types::{Error, ErrorKind, Result};
use rusqlite::types::{ToSqlOutput, ValueRef};
use rusqlite::{OpenFlags, Statement, ToSql};

use crate::connection::{Access, Connection, ROWS_MAX};
use crate::row::Row;
use crate::tx::taken_error;
use crate::value::Value;

/// How long a writer waits for one of another process.
const WRITER_WAIT_MAX: Duration = Duration::from_secs(30);
/// Everything that the store holds is for its owner alone.
const FILE_MODE: u32 = 0o600;
/// How the write-ahead log is kept small: it begins anew after so many pages.
const SETTINGS: &str = "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON; \
    PRAGMA wal_autocheckpoint = 1000; PRAGMA trusted_schema = OFF;";

/// The pause between two tries to open a store that is being opened by others, too.
const OPEN_PAUSE: Duration = Duration::from_millis(25);

/// Makes the file if it is absent, and closes it to everybody else. SQLite gives its log the same rights.
pub fn create(path: &Path) -> Result<()> {
    let made = OpenOptions::new().write(true).create_new(true).mode(FILE_MODE).open(path);
    match made {
        Ok(_) => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            fs::set_permissions(path, Permissions::from_mode(FILE_MODE)).doing("close to others", path.display())
        }
        Err(error) => Err(Error::io(error, "make the store", path.display())),
    }
}

/// A connection to a file.
pub struct Sqlite {
    connection: rusqlite::Connection,
}

impl Sqlite {
    /// For [`Access::Write`]. Of two that turn an empty file to its write-ahead log at once SQLite refuses one without waiting, lest
    /// both wait for each other: that one tries again, for as long as a writer waits.
    #[allow(
        clippy::disallowed_methods,
        reason = "nothing wakes who was refused, and a store that is being opened has no clock yet"
    )]
    pub fn open_writer(path: &Path) -> Result<Self> {
        let sqlite = Sqlite::open(path)?;
        let begun = Instant::now();
        loop {
            match sqlite.run(SETTINGS) {
                Err(error) if error.kind() == ErrorKind::Transient && begun.elapsed() < WRITER_WAIT_MAX => {
                    std::thread::sleep(OPEN_PAUSE);
                }
                ended => return ended.doing("open the store", path.display()).map(|()| sqlite),
            }
        }
    }

    /// For [`Access::Read`].
    pub fn open_reader(path: &Path) -> Result<Self> {
        let sqlite = Sqlite::open(path)?;
        sqlite
            .connection
            .execute_batch("PRAGMA query_only = ON; PRAGMA trusted_schema = OFF;")
            .map_err(sorted)
            .doing("open the store", path.display())?;
        Ok(sqlite)
    }

    fn open(path: &Path) -> Result<Self> {
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = rusqlite::Connection::open_with_flags(path, flags)
            .and_then(|connection| connection.busy_timeout(WRITER_WAIT_MAX).map(|()| connection))
            .map_err(sorted)
            .doing("open the store", path.display())?;
        Ok(Sqlite { connection })
    }

    fn run(&self, sql: &str) -> Result<()> {
        self.connection.execute_batch(sql).map_err(sorted)
    }
}

impl Connection for Sqlite {
    fn begin(&mut self, access: Access) -> Result<()> {
        match access {
            Access::Read => self.run("BEGIN DEFERRED"),
            Access::Write => self.run("BEGIN IMMEDIATE"),
        }
    }

    fn execute(&mut self, sql: &'static str, values: &[Value]) -> Result<u64> {
        let changed = prepare(&self.connection, sql, values)?.raw_execute().map_err(sorted)?;
        Ok(u64::try_from(changed).unwrap_or(u64::MAX))
    }

    fn query(&mut self, sql: &'static str, values: &[Value]) -> Result<Vec<Row>> {
        let mut statement = prepare(&self.connection, sql, values)?;
        let columns: Arc<[String]> = statement.column_names().map(str::to_string).collect();
        let mut rows = statement.raw_query();
        let mut result = Vec::new();
        while let Some(row) = rows.next().map_err(sorted)? {
            if result.len() == ROWS_MAX {
                return Err(Error::bug(format!("a statement returns more than {ROWS_MAX} rows")));
            }
            let values = (0..columns.len()).map(|at| row.get_ref(at).map_err(sorted).and_then(value));
            result.push(Row::new(columns.clone(), values.collect::<Result<_>>()?));
        }
        Ok(result)
    }

    fn migrate(&mut self, sql: &str) -> Result<()> {
        self.run(&sql.replace(" BYTES", " BLOB"))
    }

    fn commit(&mut self) -> Result<()> {
        self.run("COMMIT")
    }

    fn rollback(&mut self) -> Result<()> {
        // SQLite has rolled back by itself after some errors, a full disk for one.
        if self.connection.is_autocommit() { Ok(()) } else { self.run("ROLLBACK") }
    }

    fn is_lost(&self) -> bool {
        false
    }
}

/// Binds by name: SQLite would number `$2`, `$1` in the order in which they stand.
fn prepare<'a>(connection: &'a rusqlite::Connection, sql: &str, values: &[Value]) -> Result<Statement<'a>> {
    let mut statement = connection.prepare(sql).map_err(sorted)?;
    for (number, value) in (1..).zip(values) {
        let name = format!("${number}");
        let Some(index) = statement.parameter_index(&name).map_err(sorted)? else {
            return Err(Error::bug(format!("the statement has no placeholder {name}")));
        };
        statement.raw_bind_parameter(index, value).map_err(sorted)?;
    }
    match statement.parameter_count() == values.len() {
        true => Ok(statement),
        false => Err(Error::bug(format!("{} values for {} placeholders", values.len(), statement.parameter_count()))),
    }
}

impl ToSql for Value {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(match self {
            Value::Int(number) => ValueRef::Integer(*number),
            Value::Text(text) => ValueRef::Text(text.as_bytes()),
            Value::Bytes(bytes) => ValueRef::Blob(bytes),
            Value::Null => ValueRef::Null,
        }))
    }
}

fn value(value: ValueRef<'_>) -> Result<Value> {
    match value {
        ValueRef::Null => Ok(Value::Null),
        ValueRef::Integer(number) => Ok(Value::Int(number)),
        ValueRef::Text(text) => match std::str::from_utf8(text) {
            Ok(text) => Ok(Value::Text(text.to_string())),
            Err(_) => Err(Error::corrupt("the store holds text that is not UTF-8")),
        },
        ValueRef::Blob(bytes) => Ok(Value::Bytes(bytes.to_vec())),
        ValueRef::Real(_) => Err(Error::corrupt("the store holds a fraction, which nothing writes")),
    }
}

/// Sorts SQLite's errors into the kinds. Its messages name tables and columns, never values.
fn sorted(error: rusqlite::Error) -> Error {
    use rusqlite::ErrorCode as Code;
    let rusqlite::Error::SqliteFailure(failure, message) = &error else {
        return Error::bug(format!("sqlite: {error}")).caused_by(error);
    };
    let text = message.clone().unwrap_or_else(|| failure.to_string());
    if failure.code == Code::ConstraintViolation {
        return violated(failure.extended_code, &text).caused_by(error);
    }
    let kind = match failure.code {
        Code::DatabaseBusy | Code::DatabaseLocked | Code::SystemIoFailure | Code::OperationInterrupted => {
            ErrorKind::Transient
        }
        Code::DiskFull | Code::OutOfMemory | Code::CannotOpen | Code::FileLockingProtocolFailed => ErrorKind::Transient,
        Code::DatabaseCorrupt | Code::NotADatabase => ErrorKind::Corrupt,
        Code::PermissionDenied | Code::ReadOnly => ErrorKind::Denied,
        _ => ErrorKind::Bug,
    };
    let sorted = Error::new(kind, format!("sqlite: {text}"));
    let sorted =
        if failure.code == Code::DiskFull { sorted.hint("free space on the store's file system") } else { sorted };
    sorted.caused_by(error)
}

/// `UNIQUE constraint failed: users.email` becomes the index `users_email`.
fn violated(extended_code: i32, text: &str) -> Error {
    use rusqlite::ffi;
    match extended_code {
        ffi::SQLITE_CONSTRAINT_UNIQUE | ffi::SQLITE_CONSTRAINT_PRIMARYKEY => {
            let columns = text.rsplit(": ").next().unwrap_or_default();
            let mut name = String::new();
            for (number, column) in columns.split(", ").enumerate() {
                let (table, column) = column.split_once('.').unwrap_or(("", column));
                name.push_str(if number == 0 { table } else { "" });
                name.push('_');
                name.push_str(column);
            }
            taken_error(&name)
        }
        ffi::SQLITE_CONSTRAINT_FOREIGNKEY => Error::conflict("a row is needed by another one, or needs one"),
        _ => Error::bug(format!("sqlite: {text}")),
    }
}
