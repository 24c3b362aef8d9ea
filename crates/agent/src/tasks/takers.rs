//! Who takes backups of this server into this repository right now: each taker holds a shared advisory lock of the server for as long as it
//! lives, on a connection of its own, and counts who else does.
//!
//! Whoever counts only itself knows that every other announced backup is dead: the server lets go of the lock when the connection ends.
//! Two that begin at the same time see each other, because each locks before it counts. A taker whose connection was cut lives on
//! unseen; then its backup is fenced and fails, and nothing else happens.

use std::sync::Arc;

use farshore_engines::postgresql::wire::{Connection, Settings as Server};
use farshore_types::error::ErrorContext;
use farshore_types::{Clock, Error, RepositoryId, Result};

/// A server that closes idle sessions must not close this one. The setting is not there before PostgreSQL 14.
const STAY: &str =
    "SELECT count(set_config(name, '0', false))::text FROM pg_settings WHERE name = 'idle_session_timeout'";

/// This taker, announced to the others.
pub struct Taker {
    /// Held: the lock goes with it.
    _connection: Connection,
    others: bool,
}

impl Taker {
    /// Locks, then counts. Needs no right but to connect.
    pub fn announce(server: &Server, repository: RepositoryId, clock: &Arc<dyn Clock>) -> Result<Taker> {
        let mut connection = Connection::connect(server, clock.clone())?;
        let [a, b, c, d, e, f, g, h, ..] = repository.0;
        let (class, object) = (u32::from_be_bytes([a, b, c, d]), u32::from_be_bytes([e, f, g, h]));
        let lock = format!("SELECT pg_advisory_lock_shared({}, {})", class.cast_signed(), object.cast_signed());
        // Advisory locks are of one database, their list is of all.
        let count = format!(
            "SELECT count(*)::text FROM pg_locks WHERE locktype = 'advisory' AND objsubid = 2 \
             AND classid = '{class}'::oid AND objid = '{object}'::oid"
        );
        connection.one_value(STAY)?;
        connection.one_value(&lock).doing("announce", "a backup to the server")?;
        let takers = connection.one_value(&count)?;
        let takers: u64 = takers
            .and_then(|text| text.parse().ok())
            .ok_or_else(|| Error::invalid("the server does not say how many backups are being taken"))?;
        Ok(Taker { _connection: connection, others: takers > 1 })
    }

    /// Whether nobody else was taking a backup when this one was announced.
    pub fn is_alone(&self) -> bool {
        !self.others
    }
}
