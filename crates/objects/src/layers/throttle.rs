//! At most so many bytes a second, both directions together, over all stores that share one [`Budget`].
//!
//! A call takes its bytes at once and, where that makes a debt, waits until it is paid: a put before it starts, a get after
//! it has its bytes (only then is their number known). The urgent kind takes its bytes too but never waits, so that the log
//! goes first and the rest pays for it. The rate can be changed or lifted while calls run and wait.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use farshore_types::{Clock, Result};

use crate::layers::budget::Budget;
use crate::pieces::PieceOf;
use crate::store::{ObjectInfo, ObjectStore};

/// Longest single wait. After it the budget is asked again, so that a rate set far too low can still be corrected.
const THROTTLE_PAUSE_MAX: Duration = Duration::from_secs(1);

/// A store with a bound on bytes a second.
pub struct Throttle {
    inner: Arc<dyn ObjectStore>,
    clock: Arc<dyn Clock>,
    budget: Arc<Budget>,
    kind: Kind,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Kind {
    /// Waits until its bytes are paid for.
    Bulk,
    /// Passes at once and leaves the debt to the others.
    Urgent,
}

impl Throttle {
    /// With a budget of its own. `bytes_per_second` of `None` or zero lets everything pass.
    pub fn new(inner: Arc<dyn ObjectStore>, clock: Arc<dyn Clock>, bytes_per_second: Option<u64>) -> Throttle {
        let budget = Arc::new(Budget::new(clock.clone(), bytes_per_second));
        Throttle::sharing(inner, clock, budget)
    }

    /// Waits, on `clock`, for its part of `budget`.
    pub fn sharing(inner: Arc<dyn ObjectStore>, clock: Arc<dyn Clock>, budget: Arc<Budget>) -> Throttle {
        Throttle { inner, clock, budget, kind: Kind::Bulk }
    }

    /// Takes what it needs from `budget` and never waits.
    pub fn urgent(inner: Arc<dyn ObjectStore>, clock: Arc<dyn Clock>, budget: Arc<Budget>) -> Throttle {
        Throttle { inner, clock, budget, kind: Kind::Urgent }
    }

    /// Changes the bound of the budget, for all that share it.
    pub fn set_rate(&self, bytes_per_second: Option<u64>) {
        self.budget.set_rate(bytes_per_second);
    }

    fn take(&self, bytes: usize) {
        if self.kind == Kind::Urgent {
            return self.budget.take_urgently(bytes);
        }
        let turn = self.budget.take(bytes);
        loop {
            let wait = self.budget.wait_for(turn);
            if wait.is_zero() {
                return;
            }
            self.clock.pause(wait.min(THROTTLE_PAUSE_MAX));
        }
    }
}

impl fmt::Debug for Throttle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Throttle").field("inner", &self.inner).field("kind", &self.kind).finish_non_exhaustive()
    }
}

impl ObjectStore for Throttle {
    fn put_new(&self, name: &str, body: Bytes) -> Result<()> {
        self.take(body.len());
        self.inner.put_new(name, body)
    }

    fn get(&self, name: &str) -> Result<Bytes> {
        let body = self.inner.get(name)?;
        self.take(body.len());
        Ok(body)
    }

    fn get_range(&self, name: &str, range: Range<u64>) -> Result<Bytes> {
        let body = self.inner.get_range(name, range)?;
        self.take(body.len());
        Ok(body)
    }

    fn head(&self, name: &str) -> Result<ObjectInfo> {
        self.inner.head(name)
    }

    fn list(&self, prefix: &str, each: &mut dyn FnMut(ObjectInfo) -> Result<()>) -> Result<()> {
        self.inner.list(prefix, each)
    }

    fn delete(&self, name: &str) -> Result<()> {
        self.inner.delete(name)
    }

    fn put_pieces(&self, name: &str, size: u64, piece: &mut PieceOf<'_>) -> Result<()> {
        self.inner.put_pieces(name, size, &mut |at| {
            let piece = piece(at)?;
            self.take(piece.len());
            Ok(piece)
        })
    }
}
