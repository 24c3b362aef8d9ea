//! A store that stops answering: its callers do not wait longer than their patience, and are refused until it answers again.
//!
//! Patience runs on machine time, so the tests that end it wait for it once; none of them says how fast anything has to be.
#![allow(clippy::unwrap_used, reason = "the helpers of a test file are test code")]

mod common;

use std::ops::Range;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Barrier, Condvar, Mutex};
use std::thread;
use std::time::Duration;

use bytes::Bytes;
use common::{ManualClock, until};
use farshore_objects::layers::{Action, DEADLINE_CALLS_MAX};
use farshore_objects::{Bucket, Deadline, Faults, Gate, ObjectInfo, ObjectStore, Retry, Shutter, ShutterState, Verb};
use farshore_types::{Clock, Error, ErrorKind, SystemClock, Timestamp};

/// Over before long, and long enough for what has to happen within it.
const SHORT: Duration = Duration::from_secs(1);
/// Over at once, where nothing has to happen within it.
const NONE: Duration = Duration::from_millis(20);
/// Never over while a test runs.
const LONG: Duration = Duration::from_secs(60);

fn memory() -> Arc<dyn ObjectStore> {
    Arc::new(Bucket::memory())
}

fn faulty() -> Arc<Faults> {
    Arc::new(Faults::new(memory()))
}

fn deadline(inner: Arc<dyn ObjectStore>, patience: Duration) -> Deadline {
    Deadline::new(inner, Arc::new(ManualClock::default()), patience)
}

fn kind<T>(result: Result<T, Error>) -> Option<ErrorKind> {
    result.err().map(|error| error.kind())
}

/// A door in front of some objects, shut until it is opened.
#[derive(Default)]
struct Door {
    open: Mutex<bool>,
    opened: Condvar,
    behind: AtomicUsize,
}

impl Door {
    fn pass(&self) {
        self.behind.fetch_add(1, Ordering::SeqCst);
        drop(self.opened.wait_while(self.open.lock().unwrap(), |open| !*open).unwrap());
    }

    fn open(&self) {
        *self.open.lock().unwrap() = true;
        self.opened.notify_all();
    }
}

/// Calls for `name` wait at the door; all others go.
fn with_doors<const N: usize>(names: [&'static str; N]) -> (Arc<Faults>, [Arc<Door>; N]) {
    let (faults, doors) = (faulty(), names.map(|_| Arc::new(Door::default())));
    let behind = doors.clone();
    faults.set_hook(Arc::new(move |_, name| {
        if let Some(at) = names.iter().position(|known| *known == name) {
            behind[at].pass();
        }
        Action::Go
    }));
    (faults, doors)
}

/// One verb of the first store; pieces come from the second.
type CallOf = fn(&dyn ObjectStore, &dyn ObjectStore) -> Result<(), Error>;

#[test]
fn every_verb_of_a_silent_store_ends_in_time_and_says_what_was_done() {
    let other = memory();
    other.put_new("a", "x".into()).unwrap();
    let calls: [(&str, CallOf); 7] = [
        ("put b", |store, _| store.put_new("b", "x".into())),
        ("get a", |store, _| store.get("a").map(drop)),
        ("get a part of a", |store, _| store.get_range("a", 0..1).map(drop)),
        ("look at a", |store, _| store.head("a").map(drop)),
        ("list everything", |store, _| store.list("", &mut |_| Ok(()))),
        ("delete a", |store, _| store.delete("a")),
        ("put c", |store, other| store.put_pieces("c", 1, &mut |at| other.get_range("a", at..1))),
    ];
    let faults = faulty();
    faults.block_all();
    for (doing, call) in calls {
        let store = deadline(faults.clone(), NONE);
        let error = call(&store, &*other).unwrap_err();
        let expect =
            format!("transient: {doing}: the store has not answered for 0.02 s (check that the store can be reached)");
        assert_eq!(format!("{error:?}"), expect);
        assert_eq!(store.stuck(), 1, "{doing}");
        drop(store);
    }
    // What was left behind is carried out in the end, by threads that outlive the layer.
    faults.heal();
    until(|| faults.head("b").is_ok());
}

#[test]
fn while_a_call_is_stuck_one_at_a_time_tries_and_all_others_fail_at_once() {
    let (faults, [stuck, slow]) = with_doors(["stuck", "slow"]);
    let clock = Arc::new(ManualClock::default());
    clock.pause(Duration::from_secs(5));
    let store = Deadline::new(faults.clone(), clock, SHORT);
    store.put_new("a", "x".into()).unwrap();
    assert_eq!(kind(store.get("stuck")), Some(ErrorKind::Transient));
    assert_eq!((store.stuck(), store.silent_since()), (1, Some(Timestamp::from_micros(5_000_000))));
    thread::scope(|scope| {
        let trial = scope.spawn(|| store.put_new("slow", "x".into()));
        until(|| slow.behind.load(Ordering::SeqCst) == 1);
        let before = faults.calls().len();
        for ended in [store.get("a").map(drop), store.list("", &mut |_| Ok(())), store.delete("a")] {
            let error = ended.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Transient);
            assert!(error.to_string().contains("has not answered since 1970-01-01T00:00:05"), "{error}");
        }
        assert_eq!(faults.calls().len(), before, "nothing of it has reached the store");
        slow.open();
        trial.join().unwrap().unwrap();
    });
    assert_eq!(store.silent_since(), None);
    store.get("a").unwrap();
    assert_eq!(store.stuck(), 1, "all flows although one is still stuck");
    stuck.open();
    until(|| store.stuck() == 0);
}

#[test]
fn what_the_store_need_not_be_asked_for_is_no_answer_of_it() {
    let faults = faulty();
    faults.block_all();
    let store = deadline(faults.clone(), NONE);
    store.get("a").unwrap_err();
    let silent = || store.silent_since().is_some();
    assert_eq!(kind(store.get("no such/../name")), Some(ErrorKind::Invalid));
    assert!(silent());
    faults.fail_all(ErrorKind::Transient);
    until(|| store.stuck() == 0);
    assert!(!silent(), "all have returned, however");

    for (kind_of_answer, expect) in [(ErrorKind::Transient, true), (ErrorKind::Bug, true), (ErrorKind::Missing, false)]
    {
        let (faults, [door]) = with_doors(["stuck"]);
        let store = deadline(faults.clone(), SHORT);
        store.get("stuck").unwrap_err();
        faults.fail_nth(Verb::Get, 1, Action::FailBefore(kind_of_answer));
        assert_eq!(kind(store.get("a")), Some(kind_of_answer));
        assert_eq!(store.silent_since().is_some(), expect, "{kind_of_answer:?}");
        door.open();
    }
}

#[test]
fn calls_left_behind_are_bounded_and_the_store_is_used_again_when_one_returns() {
    let faults = faulty();
    faults.block_all();
    let store = deadline(faults.clone(), NONE);
    for _ in 0..DEADLINE_CALLS_MAX {
        assert_eq!(kind(store.put_new("a", "x".into())), Some(ErrorKind::Transient));
    }
    assert_eq!(store.stuck(), DEADLINE_CALLS_MAX);
    let refused = store.put_new("a", "x".into()).unwrap_err();
    assert!(refused.to_string().contains("too many calls have not returned"), "{refused}");
    assert_eq!(faults.calls().len(), DEADLINE_CALLS_MAX);
    faults.heal();
    until(|| store.put_new("a", "x".into()).is_ok());
}

#[test]
fn so_many_calls_go_at_once_and_further_ones_wait_their_turn() {
    let faults = faulty();
    let (inside, most, meeting) =
        (AtomicUsize::new(0), Arc::new(AtomicUsize::new(0)), Barrier::new(DEADLINE_CALLS_MAX));
    let hook_most = most.clone();
    faults.set_hook(Arc::new(move |_, _| {
        hook_most.fetch_max(inside.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
        meeting.wait();
        inside.fetch_sub(1, Ordering::SeqCst);
        Action::Go
    }));
    let store = deadline(faults, LONG);
    thread::scope(|scope| {
        for writer in 0..DEADLINE_CALLS_MAX * 3 {
            let store = &store;
            scope.spawn(move || store.put_new(&format!("a/{writer}"), "x".into()).unwrap());
        }
    });
    assert_eq!(most.load(Ordering::SeqCst), DEADLINE_CALLS_MAX);
}

#[test]
fn a_store_that_panics_is_a_bug_and_the_next_call_goes_on() {
    let faults = faulty();
    let store = deadline(faults.clone(), LONG);
    faults.set_hook(Arc::new(|_, _| panic!("out of its mind")));
    for ended in [store.get("a").map(drop), store.list("", &mut |_| Ok(()))] {
        let error = ended.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Bug);
        assert!(error.to_string().contains(": the store panicked: out of its mind"), "{error}");
    }
    faults.clear();
    store.put_new("a", "x".into()).unwrap();
}

#[test]
fn a_put_that_came_too_late_is_taken_for_its_own_by_the_next_try() {
    let (faults, [door]) = with_doors(["a"]);
    let store = Arc::new(deadline(faults, SHORT));
    assert_eq!(kind(store.put_new("a", "x".into())), Some(ErrorKind::Transient));
    door.open();
    until(|| store.stuck() == 0);
    Retry::new(store.clone(), Arc::new(ManualClock::default())).put_new("a", "x".into()).unwrap();
    assert_eq!(kind(store.put_new("a", "y".into())), Some(ErrorKind::Conflict));
}

#[test]
fn a_region_that_hangs_in_a_drill_is_left_and_found_again() {
    let shutter = Arc::new(Shutter::new("north".parse().unwrap()));
    let store = deadline(Arc::new(Gate::new(memory(), shutter.clone())), SHORT);
    store.put_new("a", "x".into()).unwrap();
    shutter.set(ShutterState::ErrorsAndHangs);
    for _ in 0..4 {
        assert_eq!(kind(store.get("a")), Some(ErrorKind::Transient));
    }
    assert_eq!((store.stuck(), shutter.hanging()), (2, 2));
    assert_eq!(kind(store.delete("a")), Some(ErrorKind::Transient));
    assert_eq!(kind(store.delete("a")), Some(ErrorKind::Transient));
    shutter.set(ShutterState::Open);
    until(|| store.stuck() == 0);
    assert_eq!(store.get("a").unwrap(), "x", "no delete was carried out late");
}

/// A store that lists what comes through a channel, and says when a listing has ended.
#[derive(Debug)]
struct Scripted {
    entries: Mutex<Receiver<u64>>,
    ended: Mutex<Sender<bool>>,
}

fn scripted() -> (Arc<Scripted>, Sender<u64>, Receiver<bool>) {
    let ((give, entries), (ended, ends)) = (channel(), channel());
    (Arc::new(Scripted { entries: Mutex::new(entries), ended: Mutex::new(ended) }), give, ends)
}

impl ObjectStore for Scripted {
    fn list(&self, _: &str, each: &mut dyn FnMut(ObjectInfo) -> Result<(), Error>) -> Result<(), Error> {
        let modified = Timestamp::from_micros(0);
        let listed = self.entries.lock().unwrap().iter().try_for_each(|size| {
            let name = size.to_string();
            each(ObjectInfo { name, size, modified })
        });
        self.ended.lock().unwrap().send(listed.is_ok()).unwrap();
        listed
    }

    fn put_new(&self, _: &str, _: Bytes) -> Result<(), Error> {
        unreachable!()
    }

    fn get(&self, _: &str) -> Result<Bytes, Error> {
        unreachable!()
    }

    fn get_range(&self, _: &str, _: Range<u64>) -> Result<Bytes, Error> {
        unreachable!()
    }

    fn head(&self, _: &str) -> Result<ObjectInfo, Error> {
        unreachable!()
    }

    fn delete(&self, _: &str) -> Result<(), Error> {
        unreachable!()
    }
}

#[test]
fn a_listing_gives_all_entries_in_order_whatever_their_number() {
    for count in [0, 1, 255, 256, 257, 512, 5000] {
        let (store, give, ends) = scripted();
        (0..count).for_each(|at| give.send(at).unwrap());
        drop(give);
        let mut seen = Vec::new();
        let each = &mut |object: ObjectInfo| {
            seen.push(object.size);
            Ok(())
        };
        deadline(store, LONG).list("", each).unwrap();
        assert!(seen.iter().copied().eq(0..count), "{count}: {}", seen.len());
        assert!(ends.recv().unwrap());
    }
}

#[test]
fn a_listing_whose_caller_has_had_enough_ends_soon_in_the_store_too() {
    let (store, give, ends) = scripted();
    (0..1000).for_each(|at| give.send(at).unwrap());
    let store = deadline(store, LONG);
    let ended = store.list("", &mut |_| Err(Error::denied("enough")));
    assert_eq!(ended.unwrap_err().to_string(), "enough");
    assert!(!ends.recv().unwrap(), "it has ended although its store had more to come");
    assert_eq!(store.stuck(), 0);
}

#[test]
fn the_patience_of_a_listing_is_for_a_batch_and_not_for_its_whole() {
    let (store, give, ends) = scripted();
    let clock = SystemClock::new();
    let store = Deadline::new(store, Arc::new(clock), SHORT);
    thread::scope(|scope| {
        scope.spawn(|| {
            // One entry at a time, for twice the patience, and then nothing more.
            for at in 0..20 {
                give.send(at).unwrap();
                clock.pause(SHORT / 10);
            }
        });
        let (mut seen, begun) = (0, clock.monotonic());
        let each = &mut |_| {
            seen += 1;
            Ok(())
        };
        let error = store.list("", each).unwrap_err();
        assert_eq!(error.message(), "list everything: the store has not answered for 1 s");
        assert!(clock.monotonic() - begun >= SHORT * 2, "{seen} entries came");
        assert!(seen >= 10, "{seen}");
    });
    assert_eq!(store.stuck(), 1);
    drop(give);
    assert!(ends.recv().is_ok());
    until(|| store.stuck() == 0);
}

#[test]
fn a_listings_caller_may_take_longer_than_the_stores_patience() {
    let (store, give, _ends) = scripted();
    (0..1000).for_each(|at| give.send(at).unwrap());
    drop(give);
    let store = deadline(store, SHORT);
    let mut seen = 0;
    let each = &mut |_| {
        if seen == 300 {
            SystemClock::new().pause(SHORT * 2);
        }
        seen += 1;
        Ok(())
    };
    store.list("", each).unwrap();
    assert_eq!((seen, store.silent_since()), (1000, None));
}

#[test]
fn a_put_in_pieces_waits_for_its_caller_as_long_as_it_takes_and_for_the_store_in_bounds() {
    let faults = faulty();
    let store = deadline(faults, NONE);
    let slowly = &mut |at: u64| {
        // Longer than the patience with the store.
        SystemClock::new().pause(NONE * 3);
        Ok(Bytes::from_static(b"0123456789").slice(at as usize..at as usize + 2))
    };
    store.put_pieces("a", 10, slowly).unwrap();
    assert_eq!((store.get("a").unwrap(), store.stuck()), ("0123456789".into(), 0));

    let (stuck, [door]) = with_doors(["b"]);
    let store = deadline(stuck, NONE);
    let put = store.put_pieces("b", 1, &mut |_| Ok("x".into()));
    assert_eq!((kind(put), store.stuck()), (Some(ErrorKind::Transient), 1));
    door.open();
    until(|| store.stuck() == 0);
    assert_eq!(kind(store.get("b")), Some(ErrorKind::Missing), "it was not carried out late");
}

#[test]
fn a_caller_without_a_piece_is_no_sign_that_a_silent_store_answers() {
    let (faults, [door]) = with_doors(["stuck"]);
    let store = deadline(faults, NONE);
    assert_eq!(kind(store.get("stuck")), Some(ErrorKind::Transient));
    let silent = store.silent_since();
    for own in [ErrorKind::Missing, ErrorKind::Corrupt, ErrorKind::Transient] {
        let put = store.put_pieces("a", 1, &mut |_| Err(Error::new(own, "the source is not well")));
        assert_eq!((kind(put), store.silent_since()), (Some(own), silent));
    }
    store.put_pieces("a", 1, &mut |_| Ok("x".into())).unwrap();
    assert_eq!(store.silent_since(), None);
    door.open();
}
