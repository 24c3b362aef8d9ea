//! PostgreSQL: for several control planes on several hosts.
//!
//! A writing transaction first takes one advisory lock that it holds to its end (PostgreSQL, "Explicit Locking", "Advisory
//! Locks"), so that writers come one after the other as with SQLite; each of its statements then sees what the writers before
//! have committed. A reading transaction is REPEATABLE READ: one committed state. A writer that is stopped with the lock in
//! its hands is thrown out by the server after [`IDLE_MAX`]; one that died is rolled back at once.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::BytesMut;
use farshore_types::{Error, ErrorKind, Result};
use postgres::config::{Host, SslMode};
use postgres::error::SqlState;
use postgres::types::{IsNull, ToSql, Type, to_sql_checked};
use postgres::{Client, Config, NoTls, Statement};

use crate::connection::{Access, Connection, ROWS_MAX};
use crate::row::Row;
use crate::tx::taken_error;
use crate::value::Value;

/// The lock of all writers: the bytes of `farshore`.
const WRITERS_LOCK: i64 = 0x6661_7273_686f_7265;
/// How long a connection may take to be made.
const CONNECT_MAX: Duration = Duration::from_secs(10);
/// How long a writer waits for the one before.
const WRITER_WAIT_MAX: Duration = Duration::from_secs(30);
/// How long one statement may take.
const STATEMENT_MAX: Duration = Duration::from_secs(60);
/// How long a transaction may stand still before the server ends it, and the lock is free again.
const IDLE_MAX: Duration = Duration::from_secs(30);

/// Where a server is, and as whom to go there. Leads to this machine only.
#[derive(Clone)]
pub struct Address(Config);

impl Address {
    /// Reads `postgres://...`. Refuses other machines, because nothing here encrypts.
    pub fn parse(location: &str) -> Result<Self> {
        // The parser's own words may repeat a piece of the location, and with it of a password.
        let config: Config =
            location.parse().map_err(|_| Error::invalid("the store's location is not a PostgreSQL address"))?;
        let local = |host: &Host| match host {
            Host::Unix(_) => true,
            Host::Tcp(name) => name == "localhost" || name.parse().is_ok_and(|ip: IpAddr| ip.is_loopback()),
        };
        let far = config.get_hosts().iter().find(|host| !local(host));
        if let Some(Host::Tcp(name)) = far {
            return Err(refused(name));
        }
        if let Some(ip) = config.get_hostaddrs().iter().find(|ip| !ip.is_loopback()) {
            return Err(refused(&ip.to_string()));
        }
        let mut config = config;
        config
            .ssl_mode(SslMode::Disable)
            .connect_timeout(CONNECT_MAX)
            .application_name("farshore")
            .notice_callback(|_| ());
        Ok(Address(config))
    }
}

fn refused(host: &str) -> Error {
    Error::invalid(format!("the store's PostgreSQL {host} is not on this machine, and the connection is not encrypted"))
        .hint("name a socket folder or localhost; a tunnel may lead further")
}

/// A connection to a server.
pub struct Postgres {
    client: Client,
    statements: HashMap<&'static str, Statement>,
    lost: bool,
}

impl Postgres {
    /// Connects, and bounds how long the server lets us wait.
    pub fn connect(address: &Address) -> Result<Self> {
        let connected = address.0.connect(NoTls);
        let client = connected.map_err(|error| sorted(&error).context("connect to", "the store's PostgreSQL"))?;
        let mut postgres = Postgres { client, statements: HashMap::new(), lost: false };
        postgres.run(&format!(
            "SET synchronous_commit = on; SET lock_timeout = {}; SET statement_timeout = {}; \
             SET idle_in_transaction_session_timeout = {}; SET client_min_messages = warning",
            WRITER_WAIT_MAX.as_millis(),
            STATEMENT_MAX.as_millis(),
            IDLE_MAX.as_millis(),
        ))?;
        Ok(postgres)
    }

    fn run(&mut self, sql: &str) -> Result<()> {
        self.client.batch_execute(sql).map_err(|error| sorted(&error))
    }

    /// The statements of this crate are few and live for ever, and so do their prepared forms.
    fn prepare(&mut self, sql: &'static str) -> Result<Statement> {
        if let Some(statement) = self.statements.get(sql) {
            return Ok(statement.clone());
        }
        let statement = self.client.prepare(sql).map_err(|error| sorted(&error))?;
        self.statements.insert(sql, statement.clone());
        Ok(statement)
    }
}

impl Connection for Postgres {
    fn begin(&mut self, access: Access) -> Result<()> {
        let lock = format!("BEGIN ISOLATION LEVEL READ COMMITTED; SELECT pg_advisory_xact_lock({WRITERS_LOCK})");
        let sql = match access {
            Access::Read => "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY",
            Access::Write => &lock,
        };
        self.client.batch_execute(sql).map_err(|error| {
            // "57P.. Operator Intervention": the server's farewell, read before the end of the connection is.
            let farewell = error.code().is_some_and(|code| code.code().starts_with("57P"));
            self.lost = farewell || error.as_db_error().is_none();
            sorted(&error).context("begin a transaction in", "the store")
        })
    }

    fn execute(&mut self, sql: &'static str, values: &[Value]) -> Result<u64> {
        let statement = self.prepare(sql)?;
        self.client.execute(&statement, &bound(values)).map_err(|error| sorted(&error))
    }

    fn query(&mut self, sql: &'static str, values: &[Value]) -> Result<Vec<Row>> {
        let statement = self.prepare(sql)?;
        let rows = self.client.query(&statement, &bound(values)).map_err(|error| sorted(&error))?;
        if rows.len() > ROWS_MAX {
            return Err(Error::bug(format!("a statement returns more than {ROWS_MAX} rows")));
        }
        let columns: Arc<[String]> = statement.columns().iter().map(|column| column.name().to_string()).collect();
        rows.iter()
            .map(|row| {
                let values = (0..columns.len()).map(|at| value(row, at));
                Ok(Row::new(columns.clone(), values.collect::<Result<_>>()?))
            })
            .collect()
    }

    fn migrate(&mut self, sql: &str) -> Result<()> {
        self.run(&sql.replace(" BYTES", " BYTEA"))
    }

    fn commit(&mut self) -> Result<()> {
        self.run("COMMIT").map_err(|error| error.context("commit to", "the store"))
    }

    fn rollback(&mut self) -> Result<()> {
        self.run("ROLLBACK")
    }

    fn is_lost(&self) -> bool {
        self.lost || self.client.is_closed()
    }
}

fn bound(values: &[Value]) -> Vec<&(dyn ToSql + Sync)> {
    values.iter().map(bound_value).collect()
}

fn bound_value(value: &Value) -> &(dyn ToSql + Sync) {
    match value {
        Value::Int(number) => number,
        Value::Text(text) => text,
        Value::Bytes(bytes) => bytes,
        Value::Null => &Nothing,
    }
}

/// NULL of whatever type the statement expects.
#[derive(Debug)]
struct Nothing;

impl ToSql for Nothing {
    fn to_sql(&self, _: &Type, _: &mut BytesMut) -> Result<IsNull, Box<dyn std::error::Error + Sync + Send>> {
        Ok(IsNull::Yes)
    }

    fn accepts(_: &Type) -> bool {
        true
    }

    to_sql_checked!();
}

fn value(row: &postgres::Row, at: usize) -> Result<Value> {
    let Some(column) = row.columns().get(at) else { return Err(Error::bug("a row without the columns of its result")) };
    let read = match *column.type_() {
        Type::INT8 => row.try_get::<_, Option<i64>>(at).map(|value| value.map(Value::Int)),
        Type::TEXT | Type::VARCHAR => row.try_get::<_, Option<String>>(at).map(|value| value.map(Value::Text)),
        Type::BYTEA => row.try_get::<_, Option<Vec<u8>>>(at).map(|value| value.map(Value::Bytes)),
        ref other => return Err(Error::bug(format!("column {} has the type {other}", column.name()))),
    };
    match read {
        Ok(value) => Ok(value.unwrap_or(Value::Null)),
        Err(_) => Err(Error::corrupt(format!("column {} cannot be read", column.name()))),
    }
}

/// Sorts the server's errors into the kinds. Only its short message is kept: details repeat values.
fn sorted(error: &postgres::Error) -> Error {
    let Some(db) = error.as_db_error() else {
        // Without an answer of the server it is the connection, except where a value does not fit its placeholder.
        let ours =
            error.to_string().starts_with("error serializing") || error.to_string().starts_with("error deserial");
        let kind = if ours { ErrorKind::Bug } else { ErrorKind::Transient };
        return Error::new(kind, format!("postgresql: {error}"));
    };
    let code = db.code();
    if *code == SqlState::UNIQUE_VIOLATION {
        return taken_error(db.constraint().unwrap_or("a unique index"));
    }
    if *code == SqlState::FOREIGN_KEY_VIOLATION {
        return Error::conflict("a row is needed by another one, or needs one");
    }
    let kind = match code.code().get(..2).unwrap_or_default() {
        // Connections, rollbacks by the server, resources, its operator, the file system.
        "08" | "40" | "53" | "57" | "58" => ErrorKind::Transient,
        "25" if *code == SqlState::IDLE_IN_TRANSACTION_SESSION_TIMEOUT => ErrorKind::Transient,
        "55" => ErrorKind::Transient,
        "28" => ErrorKind::Denied,
        "3D" => ErrorKind::Missing,
        "XX" => ErrorKind::Corrupt,
        _ if *code == SqlState::INSUFFICIENT_PRIVILEGE => ErrorKind::Denied,
        _ => ErrorKind::Bug,
    };
    Error::new(kind, format!("postgresql: {} ({})", db.message(), code.code()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_on_another_machine_is_refused_because_nothing_encrypts() {
        let check = |location: &str, good: bool| {
            let parsed = Address::parse(location);
            assert_eq!(parsed.is_ok(), good, "{location}");
            if let Err(error) = parsed {
                assert_eq!(error.kind(), ErrorKind::Invalid, "{location}");
                assert!(!error.to_string().contains("secret"), "{error}");
            }
        };
        check("postgres://u:secret@localhost/farshore", true);
        check("postgres://u@127.0.0.1:5433/farshore", true);
        check("postgres://u@[::1]/farshore", true);
        check("postgres://u@/farshore?host=/run/postgresql", true);
        check("postgres://u:secret@db.example.org/farshore", false);
        check("postgres://u:secret@10.0.0.1/farshore", false);
        check("postgres://u:secret@localhost,db.example.org/farshore", false);
        check("postgres://u:secret@localhost/farshore?hostaddr=10.0.0.1", false);
        check("postgres://u:secret@localhost:secret/farshore", false);
    }
}
