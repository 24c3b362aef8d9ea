//! How far a copy is: written by the threads that copy, read by whoever shows it. Nobody waits.

use std::sync::{Condvar, Mutex, PoisonError};
use std::time::Duration;

use farshore_types::Timestamp;

/// What is in the first region and not yet in the copy.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Waiting {
    /// Backups.
    pub backups: u64,
    /// Objects of those backups, their manifests included.
    pub objects: u64,
    /// Bytes of these objects.
    pub bytes: u64,
    /// When the oldest of these backups was consistent.
    pub oldest: Option<Timestamp>,
}

/// One look at a copy.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Copied {
    /// Nothing that was acknowledged before this moment is missing in the copy's log; `None` until that is known.
    pub complete: Option<Timestamp>,
    /// Whether the log was followed to its end at least once, so that what is in the target is known.
    pub followed: bool,
    /// Whether backups were compared at least once.
    pub compared: bool,
    /// What is missing.
    pub waiting: Waiting,
    /// Objects and bytes of the log that are missing, as far as was looked: of a long backlog its beginning.
    pub log_waiting: (u64, u64),
    /// Why copying rests; `None` while it does not.
    pub paused: Option<String>,
    /// Objects and bytes that were put since this copy was begun here.
    pub put: (u64, u64),
}

/// What both threads of a copy write.
#[derive(Debug, Default)]
pub struct Shown {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    copied: Copied,
    /// Why each thread rests: the log's, the backups'.
    resting: [Option<String>; 2],
    calls: u64,
}

/// Which thread.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// Follows the log.
    Log,
    /// Copies backups.
    Backups,
}

impl Shown {
    /// Changes what is shown.
    pub fn change(&self, change: impl FnOnce(&mut Copied)) {
        change(&mut self.lock().copied);
    }

    /// Says why a thread rests, or that it does not.
    pub fn rest(&self, part: Part, why: Option<String>) {
        self.lock().resting[part as usize] = why;
    }

    /// As it stands.
    pub fn now(&self) -> Copied {
        let state = self.lock();
        let paused = state.resting.iter().flatten().next().cloned();
        Copied { paused, ..state.copied.clone() }
    }

    /// Ends every wait.
    pub fn wake(&self) {
        let mut state = self.lock();
        state.calls += 1;
        drop(state);
        self.changed.notify_all();
    }

    /// How often [`Shown::wake`] was called.
    pub fn calls(&self) -> u64 {
        self.lock().calls
    }

    /// Waits for a call after those that were seen, at most for a time.
    pub fn wait(&self, seen: u64, length: Duration) {
        let state = self.lock();
        let waited = self.changed.wait_timeout_while(state, length, |state| state.calls == seen);
        drop(waited.unwrap_or_else(PoisonError::into_inner));
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
