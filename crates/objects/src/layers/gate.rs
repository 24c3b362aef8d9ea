//! A store that can be shut while it is in use: a region is lost for a drill, and comes back, without touching its data.
//!
//! All stores of one region hold the same [`Shutter`]. A call that meets it shut fails, or hangs until it moves and fails
//! then: it is never carried out late. A call that is inside the store already ends as it would; a listing meets the shutter
//! again at each entry, and a put in pieces at each piece. Open is all that a new process knows: a drill ends with it.

use std::ops::Range;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use farshore_types::error::ErrorContext;
use farshore_types::{Error, RegionName, Result};

use crate::layers::verb::{Verb, about};
use crate::pieces::PieceOf;
use crate::store::{ObjectInfo, ObjectStore};

/// What meets a call.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum ShutterState {
    /// The store, as if there were no gate.
    #[default]
    Open,
    /// An error, at once.
    Errors,
    /// Nothing: it hangs, as with a network that swallows everything.
    Hangs,
    /// One call fails, the next one hangs, and so on.
    ErrorsAndHangs,
}

/// The switch of one region, shared by its stores.
#[derive(Debug)]
pub struct Shutter {
    region: RegionName,
    /// Whether the state is another than open; the only thing that a call looks at while it is.
    shut: AtomicBool,
    position: Mutex<Position>,
    released: Condvar,
}

#[derive(Debug, Default)]
struct Position {
    state: ShutterState,
    /// Whether the last of the alternating calls hung.
    hung: bool,
    /// How often hanging calls were let go: also who opens and shuts at once frees all that hung before.
    releases: u64,
    hanging: usize,
}

/// What one call is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Answer {
    Pass,
    Fail,
    Hang,
}

impl Shutter {
    /// Open.
    pub fn new(region: RegionName) -> Shutter {
        let position = Mutex::new(Position::default());
        Shutter { region, shut: AtomicBool::new(false), position, released: Condvar::new() }
    }

    /// Moves the shutter. Opening it, or turning to errors, ends all hanging calls with an error.
    pub fn set(&self, state: ShutterState) {
        let mut position = self.position();
        position.turn(state);
        self.shut.store(state != ShutterState::Open, Ordering::Release);
        self.released.notify_all();
    }

    /// Where it stands.
    pub fn state(&self) -> ShutterState {
        self.position().state
    }

    /// Calls that hang now. Bounded by those who call: each holds its thread.
    pub fn hanging(&self) -> usize {
        self.position().hanging
    }

    fn position(&self) -> MutexGuard<'_, Position> {
        self.position.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn pass(&self) -> Result<()> {
        match self.shut.load(Ordering::Acquire) {
            false => Ok(()),
            true => self.meet(),
        }
    }

    fn meet(&self) -> Result<()> {
        let mut position = self.position();
        match position.answer() {
            Answer::Pass => return Ok(()),
            Answer::Fail => {}
            Answer::Hang => {
                let before = position.releases;
                position.hanging += 1;
                let hangs = |position: &mut Position| position.releases == before;
                let waited = self.released.wait_while(position, hangs);
                waited.unwrap_or_else(PoisonError::into_inner).hanging -= 1;
            }
        }
        let error = Error::transient(format!("region {} is down (a drill)", self.region));
        Err(error.hint("wait for the end of the drill, or end it"))
    }
}

impl Position {
    fn turn(&mut self, state: ShutterState) {
        self.state = state;
        self.hung = true;
        match state {
            ShutterState::Open | ShutterState::Errors => self.releases += 1,
            ShutterState::Hangs | ShutterState::ErrorsAndHangs => {}
        }
    }

    fn answer(&mut self) -> Answer {
        match self.state {
            ShutterState::Open => Answer::Pass,
            ShutterState::Errors => Answer::Fail,
            ShutterState::Hangs => Answer::Hang,
            ShutterState::ErrorsAndHangs => {
                self.hung = !self.hung;
                if self.hung { Answer::Hang } else { Answer::Fail }
            }
        }
    }
}

/// A store behind a shutter.
#[derive(Debug)]
pub struct Gate {
    inner: Arc<dyn ObjectStore>,
    shutter: Arc<Shutter>,
}

impl Gate {
    /// Reached while `shutter` is open.
    pub fn new(inner: Arc<dyn ObjectStore>, shutter: Arc<Shutter>) -> Gate {
        Gate { inner, shutter }
    }

    fn pass(&self, verb: Verb, name: &str) -> Result<()> {
        self.shutter.pass().doing(verb.doing(), about(name))
    }
}

impl ObjectStore for Gate {
    fn put_new(&self, name: &str, body: Bytes) -> Result<()> {
        self.pass(Verb::PutNew, name)?;
        self.inner.put_new(name, body)
    }

    fn get(&self, name: &str) -> Result<Bytes> {
        self.pass(Verb::Get, name)?;
        self.inner.get(name)
    }

    fn get_range(&self, name: &str, range: Range<u64>) -> Result<Bytes> {
        self.pass(Verb::GetRange, name)?;
        self.inner.get_range(name, range)
    }

    fn head(&self, name: &str) -> Result<ObjectInfo> {
        self.pass(Verb::Head, name)?;
        self.inner.head(name)
    }

    fn list(&self, prefix: &str, each: &mut dyn FnMut(ObjectInfo) -> Result<()>) -> Result<()> {
        self.pass(Verb::List, prefix)?;
        self.inner.list(prefix, &mut |object| {
            self.pass(Verb::List, prefix)?;
            each(object)
        })
    }

    fn delete(&self, name: &str) -> Result<()> {
        self.pass(Verb::Delete, name)?;
        self.inner.delete(name)
    }

    fn put_pieces(&self, name: &str, size: u64, piece: &mut PieceOf<'_>) -> Result<()> {
        self.pass(Verb::PutPieces, name)?;
        self.inner.put_pieces(name, size, &mut |at| {
            let piece = piece(at)?;
            self.pass(Verb::PutPieces, name)?;
            Ok(piece)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_state_gives_its_answers() {
        use Answer::{Fail, Hang, Pass};
        let table = [
            (ShutterState::Open, [Pass, Pass, Pass]),
            (ShutterState::Errors, [Fail, Fail, Fail]),
            (ShutterState::Hangs, [Hang, Hang, Hang]),
            (ShutterState::ErrorsAndHangs, [Fail, Hang, Fail]),
        ];
        for (state, expect) in table {
            let mut position = Position::default();
            position.turn(state);
            assert_eq!([(); 3].map(|()| position.answer()), expect, "{state:?}");
        }
    }
}
