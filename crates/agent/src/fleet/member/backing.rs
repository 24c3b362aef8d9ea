//! Backups of one node: one at a time, and one for each request.
//!
//! A worker of the platform that was paused for longer than its lease goes on with its backup when another has taken its run over
//! and asks for the same. The second waits for the first and takes what that one brought; only where it failed does it take one
//! itself. Known for the last request of this process: an agent that died has forgotten it, and one backup more is taken.

use std::sync::{Condvar, Mutex, PoisonError};
use std::time::Duration;

use farshore_engines::postgresql::snapshot::Checkpoint;
use farshore_types::error::ErrorContext;
use farshore_types::{Error, Generation, Progress, Result};
use farshore_vault::backup;
use farshore_vault::journal::WAL;

use super::{Member, lock};
use crate::fleet::report::{Taken, Wish};
use crate::tasks::take_backup::TakeBackup;

/// How often somebody who waits for its turn looks whether it is to stop.
const TURN_LOOK: Duration = Duration::from_secs(1);

/// Whose turn it is.
#[derive(Debug, Default)]
pub(super) struct Turn {
    state: Mutex<Taking>,
    ended: Condvar,
}

#[derive(Debug, Default)]
struct Taking {
    under_way: bool,
    last: Option<(Wish, Taken)>,
}

impl Turn {
    /// Has `take` carried out when nobody else is at it; a wish that was fulfilled last is not fulfilled again.
    fn fulfil(&self, wish: &Wish, progress: &Progress, take: impl FnOnce() -> Result<Taken>) -> Result<Taken> {
        let mut state = lock(&self.state);
        while state.under_way {
            progress.go_on()?;
            state = self.ended.wait_timeout(state, TURN_LOOK).unwrap_or_else(PoisonError::into_inner).0;
        }
        if let Some((_, taken)) = state.last.as_ref().filter(|(last, _)| last == wish) {
            return Ok(taken.clone());
        }
        state.under_way = true;
        drop(state);
        let _over = Over(self);
        let taken = take()?;
        lock(&self.state).last = Some((wish.clone(), taken.clone()));
        Ok(taken)
    }
}

/// Gives the turn to the next, however this one ends.
struct Over<'a>(&'a Turn);

impl Drop for Over<'_> {
    fn drop(&mut self) {
        lock(&self.0.state).under_way = false;
        self.0.ended.notify_all();
    }
}

impl Member {
    /// See [`crate::fleet::Fleet::take_backup`]. Other verbs may work meanwhile: a server that is stopped ends the backup.
    pub fn take_backup(&self, generation: Generation, wish: &Wish, progress: &Progress) -> Result<Taken> {
        self.backing.fulfil(wish, progress, || self.back_up(generation, wish.full, progress))
    }

    fn back_up(&self, generation: Generation, full: bool, progress: &Progress) -> Result<Taken> {
        let task = {
            let state = self.take(generation)?;
            let node = state.node.as_ref().ok_or_else(|| self.absent())?;
            let archiving = state.archiving.as_ref().ok_or_else(|| {
                Error::busy(format!("the log of service {} is not archived yet", self.service)).hint("try again soon")
            })?;
            TakeBackup {
                server: node.settings()?,
                data_directory: Some(node.layout().data()),
                vault: self.vault(&state)?,
                stream: WAL.to_string(),
                horizon: Some(archiving.horizon().clone()),
                full,
                checkpoint: Checkpoint::Fast,
                settings: backup::Settings { workers: self.ground.workers, ..backup::Settings::default() },
                clock: state.host.clock.clone(),
                entropy: state.host.entropy.clone(),
            }
        };
        let outcome = task.run(progress).doing("back up service", &self.service)?;
        let sizes = &outcome.taken.custody.sizes;
        self.tell(format!("backup {} was taken: {} bytes, {} put", outcome.taken.name.id, sizes.raw, sizes.new));
        Ok(Taken {
            name: outcome.taken.name.id.to_string(),
            raw_bytes: sizes.raw,
            new_bytes: sizes.new,
            full_because: outcome.full_because,
            bad_pages: outcome.taken.bad_pages.len() as u64,
        })
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Barrier;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    fn wish(request: &str) -> Wish {
        Wish { request: request.to_string(), full: false }
    }

    fn taken(name: &str) -> Taken {
        Taken { name: name.to_string(), raw_bytes: 1, new_bytes: 1, full_because: None, bad_pages: 0 }
    }

    #[test]
    fn who_asks_for_what_is_being_taken_waits_for_it_and_gets_the_same_backup() {
        let (turn, begun, go, takes) = (Turn::default(), Barrier::new(2), Barrier::new(2), AtomicUsize::new(0));
        let names = std::thread::scope(|scope| {
            let first = scope.spawn(|| {
                turn.fulfil(&wish("run-1"), &Progress::default(), || {
                    takes.fetch_add(1, Ordering::SeqCst);
                    begun.wait();
                    go.wait();
                    Ok(taken("one"))
                })
            });
            begun.wait();
            let second = scope.spawn(|| {
                turn.fulfil(&wish("run-1"), &Progress::default(), || {
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
        turn.fulfil(&wish("run-1"), &progress, || Err(Error::busy("not now"))).unwrap_err();
        let table = [("run-1", "one", "one"), ("run-1", "two", "one"), ("run-2", "three", "three")];
        for (request, brings, expect) in table {
            assert_eq!(turn.fulfil(&wish(request), &progress, || Ok(taken(brings))).unwrap().name, expect);
        }
        let full = Wish { full: true, ..wish("run-2") };
        assert_eq!(turn.fulfil(&full, &progress, || Ok(taken("four"))).unwrap().name, "four");
    }

    #[test]
    fn who_waits_for_its_turn_can_be_stopped() {
        let (turn, progress) = (Turn::default(), Progress::default());
        lock(&turn.state).under_way = true;
        progress.stop();
        let stopped = turn.fulfil(&wish("run-1"), &progress, || Ok(taken("one"))).unwrap_err();
        assert_eq!(stopped.kind(), farshore_types::ErrorKind::Busy);
    }
}
