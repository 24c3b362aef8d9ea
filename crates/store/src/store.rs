//! The store: opened once, shared by all threads, handing out transactions.
//!
//! If we die inside `write`, nothing of it is there; once it returned `Ok`, everything is. A `Transient` error of a commit
//! leaves it unknown which of the two: whoever must know looks.

use std::path::PathBuf;
use std::sync::Arc;

use farshore_types::error::ErrorContext;
use farshore_types::{Clock, Error, Result};

use crate::connection::Access;
use crate::migrations;
use crate::pool::{Lent, Pool};
use crate::postgresql::{self, Address};
use crate::sqlite;
use crate::tx::Tx;

/// Connections that read at the same time.
const READERS_MAX: usize = 4;
/// Writers come one after the other anyway.
const WRITERS_MAX: usize = 1;
/// What may stand before a location.
const HINT: &str = "write sqlite:PATH or postgres://USER@/DATABASE?host=SOCKETFOLDER";

/// A database with Farshore's tables.
pub struct Store {
    readers: Pool,
    writers: Pool,
    clock: Arc<dyn Clock>,
}

impl Store {
    /// Opens `sqlite:PATH` (made if absent, readable for its owner alone) or `postgres://...`, and brings its tables up to
    /// date under the writers' lock.
    ///
    /// `Invalid`: the location cannot be read, or leads to another machine. `Conflict`: a newer program has made the tables.
    /// `Corrupt`: a migration that was applied is not the one that this program has.
    pub fn open(location: &str, clock: Arc<dyn Clock>) -> Result<Store> {
        let (readers, writers) = pools(location)?;
        let store = Store { readers, writers, clock };
        store.write(migrations::apply).doing("open", "the store")?;
        Ok(store)
    }

    /// One committed state, seen by all statements of `work`.
    pub fn read<T>(&self, work: impl FnOnce(&mut Tx<'_>) -> Result<T>) -> Result<T> {
        self.transaction(&self.readers, Access::Read, work)
    }

    /// Carries out `work` as the only writer; durable when it returns `Ok`, nothing of it is there when `work` fails. Waits
    /// for the writer before for at most half a minute, then fails with `Busy` or `Transient`. Never retries.
    pub fn write<T>(&self, work: impl FnOnce(&mut Tx<'_>) -> Result<T>) -> Result<T> {
        self.transaction(&self.writers, Access::Write, work)
    }

    fn transaction<T>(&self, pool: &Pool, access: Access, work: impl FnOnce(&mut Tx<'_>) -> Result<T>) -> Result<T> {
        let mut lent = begin(pool, access)?;
        let mut tx = Tx::new(lent.connection()?, access, self.clock.now());
        let result = work(&mut tx);
        let (result, afterwards) = tx.finish(result);
        let ended = match &result {
            Ok(_) => lent.connection()?.commit(),
            Err(_) => lent.connection()?.rollback(),
        };
        // A connection that could not end its transaction is dropped here, and the transaction with it.
        match ended {
            Ok(()) => lent.give_back(),
            // What was read was one committed state, however its transaction ended.
            Err(error) if result.is_ok() && access == Access::Write => return Err(error),
            Err(_) => {}
        }
        afterwards.into_iter().for_each(|work| work());
        result
    }
}

/// A connection with a transaction begun. A server that was started anew has ended the connections that lay idle: those are
/// passed over, since nothing was sent yet that would be repeated.
fn begin(pool: &Pool, access: Access) -> Result<Lent<'_>> {
    loop {
        let mut lent = pool.take()?;
        match lent.connection()?.begin(access) {
            Ok(()) => return Ok(lent),
            Err(error) if !(lent.was_idle() && lent.connection()?.is_lost()) => return Err(error),
            Err(_) => {}
        }
    }
}

fn pools(location: &str) -> Result<(Pool, Pool)> {
    if let Some(path) = location.strip_prefix("sqlite:").filter(|path| !path.is_empty()) {
        let path = PathBuf::from(path);
        sqlite::create(&path)?;
        let other = path.clone();
        let readers = Pool::new(READERS_MAX, Box::new(move || Ok(Box::new(sqlite::Sqlite::open_reader(&other)?))));
        let writers = Pool::new(WRITERS_MAX, Box::new(move || Ok(Box::new(sqlite::Sqlite::open_writer(&path)?))));
        return Ok((readers, writers));
    }
    if location.starts_with("postgres://") || location.starts_with("postgresql://") {
        let address = Address::parse(location)?;
        let other = address.clone();
        let readers = Pool::new(READERS_MAX, Box::new(move || Ok(Box::new(postgresql::Postgres::connect(&other)?))));
        let writers = Pool::new(WRITERS_MAX, Box::new(move || Ok(Box::new(postgresql::Postgres::connect(&address)?))));
        return Ok((readers, writers));
    }
    // The location itself may hold a password.
    Err(Error::invalid("the store's location begins with neither sqlite: nor postgres://").hint(HINT))
}
