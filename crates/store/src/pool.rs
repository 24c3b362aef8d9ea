//! Some connections, shared by many threads.
//!
//! A connection goes back only when its transaction has ended well; one that failed, or whose user panicked, is dropped and
//! replaced by a new one when it is needed. Nothing of an unfinished transaction survives that.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use farshore_types::{Error, Result};

use crate::connection::Connection;

/// How long one waits for a connection while all are in use. A write inside a write of the same thread ends here, too.
const WAIT_MAX: Duration = Duration::from_secs(30);

type Open = Box<dyn Fn() -> Result<Box<dyn Connection>> + Send + Sync>;

/// At most `max` connections.
pub struct Pool {
    open: Open,
    max: usize,
    slots: Mutex<Slots>,
    returned: Condvar,
}

#[derive(Default)]
struct Slots {
    idle: Vec<Box<dyn Connection>>,
    used: usize,
}

impl Pool {
    /// Opens nothing yet.
    pub fn new(max: usize, open: Open) -> Self {
        Pool { open, max, slots: Mutex::default(), returned: Condvar::new() }
    }

    /// A connection; `Busy` if none becomes free in time, or why none can be opened.
    pub fn take(&self) -> Result<Lent<'_>> {
        let slots = self.slots();
        let (mut slots, timeout) = self
            .returned
            .wait_timeout_while(slots, WAIT_MAX, |slots| slots.used >= self.max)
            .unwrap_or_else(PoisonError::into_inner);
        if timeout.timed_out() {
            return Err(Error::busy(format!("all {} connections of the store are in use", self.max)));
        }
        slots.used += 1;
        let idle = slots.idle.pop();
        drop(slots);
        let mut lent = Lent { pool: self, connection: None, was_idle: idle.is_some() };
        lent.connection = Some(idle.map_or_else(|| (self.open)(), Ok)?);
        Ok(lent)
    }

    fn slots(&self) -> MutexGuard<'_, Slots> {
        self.slots.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A connection on loan; dropped unless it is given back.
pub struct Lent<'a> {
    pool: &'a Pool,
    connection: Option<Box<dyn Connection>>,
    was_idle: bool,
}

impl Lent<'_> {
    /// The connection.
    pub fn connection(&mut self) -> Result<&mut dyn Connection> {
        match &mut self.connection {
            Some(connection) => Ok(connection.as_mut()),
            None => Err(Error::bug("the connection was given back")),
        }
    }

    /// Whether somebody has used it before.
    pub fn was_idle(&self) -> bool {
        self.was_idle
    }

    /// Gives it back: its transaction has ended.
    pub fn give_back(mut self) {
        if let Some(connection) = self.connection.take() {
            self.pool.slots().idle.push(connection);
        }
    }
}

impl Drop for Lent<'_> {
    fn drop(&mut self) {
        self.pool.slots().used -= 1;
        self.pool.returned.notify_one();
    }
}
