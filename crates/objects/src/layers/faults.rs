//! For tests: a store that fails, blocks or dies where the test says.
//!
//! Three ways, asked in this order at every call: a switch for all calls ([`Faults::fail_all`], [`Faults::block_all`],
//! [`Faults::heal`]); the n-th call of a verb ([`Faults::fail_nth`]); a hook that sees verb and name and chooses an
//! [`Action`]. `FailAfter` is the answer that got lost: the object is there, the caller is told `Err`. `Stop*` is death: from
//! then on every call fails with `Bug`, which nobody tries again, so that the caller unwinds without touching the store
//! any more. Calls of other threads that were already inside the inner store end as they would on a real crash.

use std::fmt;
use std::ops::Range;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use farshore_types::{Error, ErrorKind, Result};

use crate::layers::verb::Verb;
use crate::pieces::PieceOf;
use crate::store::{ObjectInfo, ObjectStore};

/// Calls remembered by [`Faults::calls`]; later ones are only counted.
const CALLS_KEPT_MAX: usize = 100_000;

/// What happens to one call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// As if this layer were not here.
    Go,
    /// Not performed; fails with this kind.
    FailBefore(ErrorKind),
    /// Performed, then fails with this kind.
    FailAfter(ErrorKind),
    /// Not performed; the caller is dead from here on.
    StopBefore,
    /// Performed; the caller is dead from here on.
    StopAfter,
}

/// Chooses what happens to a call. For a listing the name is the prefix.
pub type Hook = dyn Fn(Verb, &str) -> Action + Send + Sync;

/// A store with programmable faults.
pub struct Faults {
    inner: Arc<dyn ObjectStore>,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    switch: Switch,
    rules: Vec<Rule>,
    hook: Option<Arc<Hook>>,
    calls: Vec<(Verb, String)>,
    blocked: usize,
}

#[derive(Clone, Copy, Default, PartialEq)]
enum Switch {
    #[default]
    Well,
    Failing(ErrorKind),
    Blocking,
}

struct Rule {
    verb: Verb,
    /// Calls of the verb to let pass before this rule applies.
    skip: u64,
    action: Action,
}

impl Faults {
    /// Without faults until told otherwise.
    pub fn new(inner: Arc<dyn ObjectStore>) -> Faults {
        Faults { inner, state: Mutex::new(State::default()), changed: Condvar::new() }
    }

    /// The `nth` call of `verb` from now on (1 is the next) gets `action`, once.
    pub fn fail_nth(&self, verb: Verb, nth: u64, action: Action) {
        self.state().rules.push(Rule { verb, skip: nth.saturating_sub(1), action });
    }

    /// Every call that no rule has decided asks `hook`. It may not be called again before it has returned by the same call,
    /// but may use the inner store.
    pub fn set_hook(&self, hook: Arc<Hook>) {
        self.state().hook = Some(hook);
    }

    /// Every call fails with `kind` until [`Faults::heal`]. Calls that are blocked fail too.
    pub fn fail_all(&self, kind: ErrorKind) {
        self.turn(Switch::Failing(kind));
    }

    /// Every call waits until [`Faults::heal`] or [`Faults::fail_all`].
    pub fn block_all(&self) {
        self.turn(Switch::Blocking);
    }

    /// The store is well again, also after a stop. Rules and hook stay.
    pub fn heal(&self) {
        self.turn(Switch::Well);
    }

    /// Forgets rules and hook.
    pub fn clear(&self) {
        let mut state = self.state();
        state.rules.clear();
        state.hook = None;
    }

    /// Waits until at least `callers` are blocked by [`Faults::block_all`].
    pub fn await_blocked(&self, callers: usize) {
        let state = self.state();
        let waited = self.changed.wait_while(state, |state| state.blocked < callers);
        drop(waited.unwrap_or_else(PoisonError::into_inner));
    }

    /// The calls asked for so far, in order, failed ones included.
    pub fn calls(&self) -> Vec<(Verb, String)> {
        self.state().calls.clone()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn turn(&self, switch: Switch) {
        self.state().switch = switch;
        self.changed.notify_all();
    }

    fn decide(&self, verb: Verb, name: &str) -> Result<Action> {
        let mut state = self.state();
        if state.calls.len() < CALLS_KEPT_MAX {
            state.calls.push((verb, name.to_string()));
        }
        if state.switch == Switch::Blocking {
            state.blocked += 1;
            self.changed.notify_all();
            let blocking = |state: &mut State| state.switch == Switch::Blocking;
            state = self.changed.wait_while(state, blocking).unwrap_or_else(PoisonError::into_inner);
            state.blocked -= 1;
        }
        if let Switch::Failing(kind) = state.switch {
            return Err(injected(kind, verb, name));
        }
        if let Some(action) = state.ruled(verb) {
            return Ok(action);
        }
        let hook = state.hook.clone();
        drop(state);
        Ok(hook.map_or(Action::Go, |hook| hook(verb, name)))
    }

    fn call<T>(&self, verb: Verb, name: &str, run: impl FnOnce() -> Result<T>) -> Result<T> {
        let (performed, kind) = match self.decide(verb, name)? {
            Action::Go => return run(),
            Action::FailBefore(kind) => (false, kind),
            Action::FailAfter(kind) => (true, kind),
            Action::StopBefore => {
                self.fail_all(ErrorKind::Bug);
                (false, ErrorKind::Bug)
            }
            Action::StopAfter => {
                let ended = run();
                self.fail_all(ErrorKind::Bug);
                return ended.and(Err(injected(ErrorKind::Bug, verb, name)));
            }
        };
        if performed {
            run()?;
        }
        Err(injected(kind, verb, name))
    }
}

impl State {
    /// Counts the call against every rule of its verb and takes out the one that is due.
    fn ruled(&mut self, verb: Verb) -> Option<Action> {
        let due = self.rules.iter().position(|rule| rule.verb == verb && rule.skip == 0);
        let action = due.map(|at| self.rules.remove(at).action);
        for rule in self.rules.iter_mut().filter(|rule| rule.verb == verb) {
            rule.skip = rule.skip.saturating_sub(1);
        }
        action
    }
}

fn injected(kind: ErrorKind, verb: Verb, name: &str) -> Error {
    Error::new(kind, "a fault was injected by a test").context(verb.word(), name)
}

impl fmt::Debug for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Faults").field("inner", &self.inner).finish_non_exhaustive()
    }
}

impl ObjectStore for Faults {
    fn put_new(&self, name: &str, body: Bytes) -> Result<()> {
        self.call(Verb::PutNew, name, || self.inner.put_new(name, body))
    }

    fn get(&self, name: &str) -> Result<Bytes> {
        self.call(Verb::Get, name, || self.inner.get(name))
    }

    fn get_range(&self, name: &str, range: Range<u64>) -> Result<Bytes> {
        self.call(Verb::GetRange, name, || self.inner.get_range(name, range))
    }

    fn head(&self, name: &str) -> Result<ObjectInfo> {
        self.call(Verb::Head, name, || self.inner.head(name))
    }

    fn list(&self, prefix: &str, each: &mut dyn FnMut(ObjectInfo) -> Result<()>) -> Result<()> {
        self.call(Verb::List, prefix, || self.inner.list(prefix, each))
    }

    fn delete(&self, name: &str) -> Result<()> {
        self.call(Verb::Delete, name, || self.inner.delete(name))
    }

    fn put_pieces(&self, name: &str, size: u64, piece: &mut PieceOf<'_>) -> Result<()> {
        self.call(Verb::PutPieces, name, || self.inner.put_pieces(name, size, piece))
    }
}
