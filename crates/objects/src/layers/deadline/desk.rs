//! The threads that carry calls out, and the place where callers wait for them, never longer than their patience.
//!
//! Threads are started when no idle one is there and end after [`DEADLINE_IDLE_MAX`] without work; there are never more than
//! calls under way at once. One that is stuck inside the store is left alone and ends, or works on, when its call returns.
//! A process that dies takes them with it: what a call had reached then is as for any writer that was killed.

use std::any::Any;
use std::collections::VecDeque;
use std::panic::{self, AssertUnwindSafe};
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use farshore_types::error::ErrorContext;
use farshore_types::{Clock, Error, ErrorKind, Result, Timestamp};

use crate::layers::deadline::books::{Answer, Books, DEADLINE_CALLS_MAX, DEADLINE_LISTINGS_MAX, Evidence, Left, Sort};

/// How long a thread waits for the next call before it ends.
const DEADLINE_IDLE_MAX: Duration = Duration::from_secs(30);

const HINT: &str = "check that the store can be reached";

type Job = Box<dyn FnOnce() + Send>;

/// Where calls are handed over to threads.
pub(super) struct Desk {
    pub(super) clock: Arc<dyn Clock>,
    pub(super) patience: Duration,
    state: Mutex<State>,
    /// Something changed for callers who wait for a place.
    room: Condvar,
    /// Something changed for idle threads.
    work: Condvar,
}

#[derive(Default)]
struct State {
    books: Books,
    /// Callers who wait for a place, the first one first; each is a thread of its own.
    waiting: VecDeque<u64>,
    next_waiting: u64,
    /// Handed over and not begun. Short: each has an idle thread, or one that is being started.
    jobs: VecDeque<Job>,
    idle: usize,
    closed: bool,
}

/// A call under way.
pub(super) struct Ticket<T> {
    pub(super) id: u64,
    answers: Receiver<Result<Result<T>>>,
}

impl Desk {
    pub(super) fn new(clock: Arc<dyn Clock>, patience: Duration) -> Desk {
        Desk { clock, patience, state: Mutex::default(), room: Condvar::new(), work: Condvar::new() }
    }

    /// Has a thread carry out `run`. Where all places are taken it waits for one, as long as for an answer.
    pub(super) fn hand_over<T: Send + 'static>(
        self: &Arc<Self>,
        sort: Sort,
        run: impl FnOnce() -> Result<T> + Send + 'static,
    ) -> Result<Ticket<T>> {
        let (answer, answers) = sync_channel(1);
        let mut state = self.place(sort)?;
        let id = state.books.begin(sort, self.clock.now());
        let desk = self.clone();
        state.jobs.push_back(Box::new(move || {
            let ended = panic::catch_unwind(AssertUnwindSafe(run)).map_err(|panic| panicked(&*panic));
            // The thread counts as idle before its caller knows, so that the caller's next call finds it.
            desk.end(id, evidence(&ended));
            // One answer in a channel for one: never waits. Nobody is there any more where the call was left behind.
            let _ = answer.send(ended);
        }));
        match self.find_thread(&mut state) {
            Ok(()) => Ok(Ticket { id, answers }),
            Err(error) => {
                state.jobs.pop_back();
                state.books.end(id, Evidence::Nothing);
                self.room.notify_all();
                Err(error)
            }
        }
    }

    /// Waits for the answer of the store. The outer error is ours, the inner one the store's.
    pub(super) fn wait_for<T>(&self, ticket: &Ticket<T>) -> Result<Result<T>> {
        match ticket.answers.recv_timeout(self.patience) {
            Ok(ended) => ended,
            Err(RecvTimeoutError::Timeout) if self.leave(ticket.id) == Left::Behind => Err(self.too_late()),
            Err(_) => ticket.answers.recv().unwrap_or_else(|_| Err(Error::bug("a call was lost by its thread"))),
        }
    }

    /// The caller of a call goes away.
    pub(super) fn leave(&self, id: u64) -> Left {
        let left = self.state().books.leave(id);
        // Who waits for a place is refused from now on.
        self.room.notify_all();
        left
    }

    /// A call that goes on has shown that the store answers.
    pub(super) fn answered(&self, id: u64) {
        self.state().books.answered(id);
        self.room.notify_all();
    }

    /// What a caller is told whose patience is over.
    pub(super) fn too_late(&self) -> Error {
        Error::transient(format!("the store has not answered for {} s", self.patience.as_secs_f64())).hint(HINT)
    }

    /// Idle threads end, the others after their call.
    pub(super) fn close(&self) {
        self.state().closed = true;
        self.work.notify_all();
    }

    pub(super) fn stuck(&self) -> usize {
        self.state().books.stuck()
    }

    pub(super) fn silent_since(&self) -> Option<Timestamp> {
        self.state().books.silent_since()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until the caller may go; who came first goes first.
    fn place(&self, sort: Sort) -> Result<MutexGuard<'_, State>> {
        let mut state = self.state();
        if state.must_wait(sort, None) {
            let me = state.next_waiting;
            state.next_waiting += 1;
            state.waiting.push_back(me);
            let must_wait = |state: &mut State| state.must_wait(sort, Some(me));
            let waited = self.room.wait_timeout_while(state, self.patience, must_wait);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
            state.waiting.retain(|waiting| *waiting != me);
            // The next one may go too, where two places became free.
            self.room.notify_all();
        }
        match state.books.judge(sort) {
            Answer::Go => Ok(state),
            refused => Err(self.refused(refused)),
        }
    }

    fn refused(&self, answer: Answer) -> Error {
        let patience = self.patience.as_secs_f64();
        match answer {
            Answer::Silent(since) => Error::transient(format!("the store has not answered since {since}")).hint(HINT),
            Answer::Full(since) => {
                let what = format!("the store has not answered since {since}, and too many calls have not returned");
                Error::transient(what).hint(format!("{HINT}; if it can be, start this program anew"))
            }
            Answer::Crowded => Error::transient(format!("{DEADLINE_LISTINGS_MAX} listings are under way already")),
            Answer::Go | Answer::Wait => Error::transient(format!(
                "none of {DEADLINE_CALLS_MAX} calls under way has made room for another for {patience} s"
            )),
        }
    }

    fn end(&self, id: u64, evidence: Evidence) {
        let mut state = self.state();
        state.books.end(id, evidence);
        state.idle += 1;
        drop(state);
        self.room.notify_all();
    }

    /// Wakes a thread for the job that was put last, or starts one.
    fn find_thread(self: &Arc<Self>, state: &mut State) -> Result<()> {
        if state.jobs.len() > state.idle {
            let desk = self.clone();
            let started = thread::Builder::new().name("store-call".to_string()).spawn(move || desk.work());
            started.doing("start a thread for", "a call of the store")?;
            state.idle += 1;
        } else {
            self.work.notify_one();
        }
        Ok(())
    }

    fn work(&self) {
        while let Some(job) = self.next_job() {
            job();
        }
    }

    /// The next job, or `None` where there has been none for long, or never will be.
    fn next_job(&self) -> Option<Job> {
        let none = |state: &mut State| state.jobs.is_empty() && !state.closed;
        let waited = self.work.wait_timeout_while(self.state(), DEADLINE_IDLE_MAX, none);
        let mut state = waited.unwrap_or_else(PoisonError::into_inner).0;
        state.idle -= 1;
        state.jobs.pop_front()
    }
}

impl State {
    /// Whether a caller has to wait: one who comes (`None`) also behind those who wait already.
    fn must_wait(&self, sort: Sort, me: Option<u64>) -> bool {
        let first = self.waiting.front().copied();
        let others_first = first.is_some() && first != me;
        match (sort, self.books.judge(sort)) {
            (_, Answer::Wait) => true,
            (Sort::Call, Answer::Go) => others_first,
            _ => false,
        }
    }
}

/// An answer is what only the store can know. Passing faults are none, nor is what needs no store to be said.
fn evidence<T>(ended: &Result<Result<T>>) -> Evidence {
    match ended {
        Ok(Err(error)) => match error.kind() {
            ErrorKind::Transient | ErrorKind::Invalid | ErrorKind::Bug => Evidence::Nothing,
            _ => Evidence::Answered,
        },
        Ok(Ok(_)) => Evidence::Answered,
        Err(_) => Evidence::Nothing,
    }
}

fn panicked(panic: &(dyn Any + Send)) -> Error {
    let text = panic.downcast_ref::<&str>().copied().or(panic.downcast_ref::<String>().map(String::as_str));
    Error::bug(format!("the store panicked: {}", text.unwrap_or("without a text")))
}
