//! Whose turn it is to back a node up: one at a time, and one backup for each request.
//!
//! A worker of the platform that was paused for longer than its lease goes on with its backup when another has taken its run over
//! and asks for the same. The second waits for the first and takes what that one brought; only where it failed does it take one
//! itself. Known for the last request of this process: an agent that died has forgotten it, and one backup more is taken.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use farshore_types::{Progress, Result};

use super::report::Taken;

/// How often somebody who waits for its turn looks whether it is to stop.
const TURN_LOOK: Duration = Duration::from_secs(1);

/// Whose turn it is.
#[derive(Debug, Default)]
pub struct Turn {
    state: Mutex<Taking>,
    ended: Condvar,
}

#[derive(Debug, Default)]
struct Taking {
    under_way: bool,
    last: Option<(String, Taken)>,
}

impl Turn {
    /// Has `take` carried out when nobody else is at it; the request that was fulfilled last is not carried out again.
    pub fn fulfil(&self, request: &str, progress: &Progress, take: impl FnOnce() -> Result<Taken>) -> Result<Taken> {
        let mut state = self.taking();
        while state.under_way {
            progress.go_on()?;
            state = self.ended.wait_timeout(state, TURN_LOOK).unwrap_or_else(PoisonError::into_inner).0;
        }
        if let Some((_, taken)) = state.last.as_ref().filter(|(last, _)| last == request) {
            return Ok(taken.clone());
        }
        state.under_way = true;
        drop(state);
        let _over = Over(self);
        let taken = take()?;
        self.taking().last = Some((request.to_string(), taken.clone()));
        Ok(taken)
    }

    fn taking(&self) -> MutexGuard<'_, Taking> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Gives the turn to the next, however this one ends.
struct Over<'a>(&'a Turn);

impl Drop for Over<'_> {
    fn drop(&mut self) {
        self.0.taking().under_way = false;
        self.0.ended.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Barrier;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use farshore_types::Error;

    use super::*;

    fn taken(name: &str) -> Taken {
        Taken { name: name.to_string(), raw_bytes: 1, new_bytes: 1, full_because: None, bad_pages: 0 }
    }

    #[test]
    fn who_asks_for_what_is_being_taken_waits_for_it_and_gets_the_same_backup() {
        let (turn, begun, go, takes) = (Turn::default(), Barrier::new(2), Barrier::new(2), AtomicUsize::new(0));
        let names = std::thread::scope(|scope| {
            let first = scope.spawn(|| {
                turn.fulfil("run-1", &Progress::default(), || {
                    takes.fetch_add(1, Ordering::SeqCst);
                    begun.wait();
                    go.wait();
                    Ok(taken("one"))
                })
            });
            begun.wait();
            let second = scope.spawn(|| {
                turn.fulfil("run-1", &Progress::default(), || {
                    takes.fetch_add(1, Ordering::SeqCst);
                    Ok(taken("two"))
                })
            });
            go.wait();
            [first, second].map(|thread| thread.join().unwrap().unwrap().name)
        });
        assert_eq!((names, takes.into_inner()), (["one", "one"].map(String::from), 1));
    }

    #[test]
    fn a_request_that_failed_and_one_that_is_new_are_carried_out() {
        let (turn, progress) = (Turn::default(), Progress::default());
        turn.fulfil("run-1", &progress, || Err(Error::busy("not now"))).unwrap_err();
        let table = [("run-1", "one", "one"), ("run-1", "two", "one"), ("run-2", "three", "three")];
        for (request, brings, expect) in table {
            assert_eq!(turn.fulfil(request, &progress, || Ok(taken(brings))).unwrap().name, expect);
        }
    }

    #[test]
    fn who_waits_for_its_turn_can_be_stopped() {
        let (turn, progress) = (Turn::default(), Progress::default());
        turn.taking().under_way = true;
        progress.stop();
        let stopped = turn.fulfil("run-1", &progress, || Ok(taken("one"))).unwrap_err();
        assert_eq!(stopped.kind(), farshore_types::ErrorKind::Busy);
    }
}
