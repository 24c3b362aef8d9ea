//! What each layer adds to the contract.
#![allow(clippy::unwrap_used, reason = "the helpers of a test file are test code")]

mod common;

use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Barrier, OnceLock};
use std::thread;
use std::time::Duration;

use common::{ManualClock, until};
use farshore_objects::layers::{Action, RETRY_PAUSE_FIRST, RETRY_TRIES_MAX};
use farshore_objects::{
    Bucket, Budget, Dated, Faults, Gate, Limit, Meter, ObjectStore, Retry, Scoped, Shutter, ShutterState, Throttle,
    Verb,
};
use farshore_types::{Clock, Error, ErrorKind, Timestamp};

fn memory() -> Arc<dyn ObjectStore> {
    Arc::new(Bucket::memory())
}

fn faulty() -> Arc<Faults> {
    Arc::new(Faults::new(memory()))
}

fn kind<T>(result: Result<T, Error>) -> Option<ErrorKind> {
    result.err().map(|error| error.kind())
}

#[test]
fn retry_repeats_passing_faults_with_growing_pauses_and_gives_up_in_the_end() {
    let (clock, faults) = (Arc::new(ManualClock::default()), faulty());
    let store = Retry::new(faults.clone(), clock.clone());
    for nth in 1..=3 {
        faults.fail_nth(Verb::PutNew, nth, Action::FailBefore(ErrorKind::Transient));
    }
    store.put_new("a", "x".into()).unwrap();
    assert_eq!(clock.pauses(), [RETRY_PAUSE_FIRST, RETRY_PAUSE_FIRST * 2, RETRY_PAUSE_FIRST * 4]);

    faults.fail_all(ErrorKind::Transient);
    let before = faults.calls().len();
    assert_eq!(kind(store.get("a")), Some(ErrorKind::Transient));
    assert_eq!(faults.calls().len() - before, usize::try_from(RETRY_TRIES_MAX).unwrap());
}

#[test]
fn retry_passes_on_every_other_kind_at_once() {
    use ErrorKind::{Bug, Busy, Conflict, Corrupt, Denied, Invalid, Missing};
    let (clock, faults) = (Arc::new(ManualClock::default()), faulty());
    let store = Retry::new(faults.clone(), clock.clone());
    for other in [Invalid, Denied, Missing, Conflict, Busy, Corrupt, Bug] {
        faults.fail_nth(Verb::Head, 1, Action::FailBefore(other));
        assert_eq!(kind(store.head("a")), Some(other));
    }
    assert_eq!(clock.pauses(), []);
}

#[test]
fn retry_of_a_put_whose_answer_was_lost_is_ok_and_of_other_bytes_a_conflict() {
    let faults = faulty();
    let store = Retry::new(faults.clone(), Arc::new(ManualClock::default()));
    faults.fail_nth(Verb::PutNew, 1, Action::FailAfter(ErrorKind::Transient));
    store.put_new("a", "x".into()).unwrap();
    faults.fail_nth(Verb::PutNew, 1, Action::FailBefore(ErrorKind::Transient));
    assert_eq!(kind(store.put_new("a", "y".into())), Some(ErrorKind::Conflict));
}

#[test]
fn retry_starts_a_listing_again_only_before_its_first_entry() {
    let faults = faulty();
    let store = Retry::new(faults.clone(), Arc::new(ManualClock::default()));
    store.put_new("a", "x".into()).unwrap();
    let count = || {
        let mut given = 0;
        let ended = store.list("", &mut |_| {
            given += 1;
            Ok(())
        });
        (given, kind(ended))
    };
    faults.fail_nth(Verb::List, 1, Action::FailBefore(ErrorKind::Transient));
    assert_eq!(count(), (1, None));
    faults.fail_nth(Verb::List, 1, Action::FailAfter(ErrorKind::Transient));
    assert_eq!(count(), (1, Some(ErrorKind::Transient)));
}

#[test]
fn retry_begins_pieces_anew_and_leaves_the_callers_own_faults_to_the_caller() {
    let (clock, faults) = (Arc::new(ManualClock::default()), faulty());
    let store = Retry::new(faults.clone(), clock.clone());
    for (nth, action) in [(1, Action::FailBefore(ErrorKind::Transient)), (2, Action::FailAfter(ErrorKind::Transient))] {
        faults.fail_nth(Verb::PutPieces, nth, action);
    }
    let mut asked = Vec::new();
    let piece = &mut |at: u64| {
        asked.push(at);
        Ok(bytes::Bytes::from_static(b"1234").slice(at as usize..at as usize + 2))
    };
    store.put_pieces("a", 4, piece).unwrap();
    assert_eq!(asked, [0, 2, 0, 2], "performed and lost, then found to be there");
    assert_eq!((store.get("a").unwrap(), clock.pauses().len()), ("1234".into(), 2));

    let mut asked = 0;
    let failing = &mut |_| {
        asked += 1;
        Err(Error::transient("the source is not well"))
    };
    assert_eq!(kind(store.put_pieces("b", 4, failing)), Some(ErrorKind::Transient));
    assert_eq!((asked, clock.pauses().len()), (1, 2));
}

#[test]
fn limit_lets_exactly_so_many_calls_in() {
    const SLOTS: usize = 3;
    let faults = faulty();
    let (inside, most, meeting) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)), Barrier::new(SLOTS));
    let hook_most = most.clone();
    faults.set_hook(Arc::new(move |_, _| {
        let now = inside.fetch_add(1, Ordering::SeqCst) + 1;
        hook_most.fetch_max(now, Ordering::SeqCst);
        // Ends only if three calls are inside at once.
        meeting.wait();
        inside.fetch_sub(1, Ordering::SeqCst);
        Action::Go
    }));
    let store = Limit::new(faults, NonZeroUsize::new(SLOTS).unwrap());
    thread::scope(|scope| {
        for writer in 0..SLOTS * 4 {
            let store = &store;
            scope.spawn(move || store.put_new(&format!("a/{writer}"), "x".into()).unwrap());
        }
    });
    assert_eq!(most.load(Ordering::SeqCst), SLOTS);
}

#[test]
fn a_failed_call_gives_its_slot_back() {
    let faults = faulty();
    let store = Limit::new(faults.clone(), NonZeroUsize::MIN);
    faults.fail_all(ErrorKind::Denied);
    for _ in 0..3 {
        assert_eq!(kind(store.get("a")), Some(ErrorKind::Denied));
    }
}

#[test]
fn meter_counts_calls_failures_and_bytes_by_verb() {
    let store = Meter::new(memory());
    store.put_new("a", "12345".into()).unwrap();
    store.put_new("a", "other".into()).unwrap_err();
    store.get("a").unwrap();
    store.get_range("a", 1..3).unwrap();
    store.get("b").unwrap_err();
    store.list("", &mut |_| Ok(())).unwrap();
    store.put_pieces("c", 5, &mut |_| Ok("12345".into())).unwrap();
    let read = |verb| {
        let reading = store.reading(verb);
        (reading.calls, reading.failures, reading.bytes)
    };
    let expect = [(2, 1, 5), (2, 1, 5), (1, 0, 2), (0, 0, 0), (1, 0, 0), (0, 0, 0), (1, 0, 5)];
    assert_eq!(Verb::ALL.map(read), expect);
}

#[test]
fn throttle_passes_a_second_of_bytes_at_once_and_then_keeps_to_its_rate() {
    let clock = Arc::new(ManualClock::default());
    let store = Throttle::new(memory(), clock.clone(), Some(1000));
    store.put_new("a", vec![1; 1000].into()).unwrap();
    assert_eq!(clock.pauses(), [], "one second's worth is free");
    for (name, bytes) in [("b", 500), ("c", 2000), ("d", 0)] {
        store.put_new(name, vec![1; bytes].into()).unwrap();
    }
    store.get("b").unwrap();
    store.get_range("a", 0..100).unwrap();
    assert_eq!(clock.monotonic().as_millis(), 3100);
    store.set_rate(None);
    store.get("c").unwrap();
    assert_eq!(clock.monotonic().as_millis(), 3100);
}

#[test]
fn throttles_share_a_budget_in_which_the_urgent_never_wait_and_the_others_wait_for_them() {
    let clock = Arc::new(ManualClock::default());
    let budget = Arc::new(Budget::new(clock.clone(), Some(1000)));
    let [one, other] = [(); 2].map(|()| Throttle::sharing(memory(), clock.clone(), budget.clone()));
    let log = Throttle::urgent(memory(), clock.clone(), budget);
    one.put_new("a", vec![1; 1000].into()).unwrap();
    log.put_new("a", vec![1; 1500].into()).unwrap();
    log.get_range("a", 0..500).unwrap();
    assert_eq!(clock.pauses(), []);
    other.put_new("a", vec![1; 1000].into()).unwrap();
    assert_eq!(clock.monotonic().as_millis(), 3000);
    log.get("a").unwrap();
    assert_eq!(clock.monotonic().as_millis(), 3000, "also with a debt");
}

/// Corrects the rate of a budget while somebody pauses on it.
struct Correcting {
    time: ManualClock,
    budget: OnceLock<Arc<Budget>>,
}

impl Clock for Correcting {
    fn now(&self) -> Timestamp {
        self.time.now()
    }

    fn monotonic(&self) -> Duration {
        self.time.monotonic()
    }

    fn pause(&self, length: Duration) {
        self.time.pause(length);
        self.budget.get().unwrap().set_rate(Some(1 << 30));
    }
}

#[test]
fn who_waits_for_a_rate_set_far_too_low_goes_on_when_it_is_corrected() {
    let clock = Arc::new(Correcting { time: ManualClock::default(), budget: OnceLock::new() });
    let budget = Arc::new(Budget::new(clock.clone(), Some(1)));
    clock.budget.set(budget.clone()).unwrap();
    let store = Throttle::sharing(memory(), clock.clone(), budget.clone());
    store.put_new("a", vec![1; 100_000].into()).unwrap();
    assert_eq!(clock.time.pauses(), [Duration::from_secs(1)]);
    assert_eq!(budget.rate(), Some(1 << 30));
}

/// One verb of the first store; pieces come from the second.
type CallOf = fn(&dyn ObjectStore, &dyn ObjectStore) -> Result<(), Error>;

#[test]
fn a_shut_gate_fails_or_holds_every_call_and_never_carries_it_out_late() {
    let shutter = Arc::new(Shutter::new("north".parse().unwrap()));
    let (inner, other) = (faulty(), memory());
    for store in [&other, &(inner.clone() as Arc<dyn ObjectStore>)] {
        store.put_new("a", "x".into()).unwrap();
    }
    let gate = Gate::new(inner.clone(), shutter.clone());
    let before = inner.calls().len();
    let calls: [CallOf; 7] = [
        |gate, _| gate.put_new("b", "x".into()),
        |gate, _| gate.get("a").map(drop),
        |gate, _| gate.get_range("a", 0..1).map(drop),
        |gate, _| gate.head("a").map(drop),
        |gate, _| gate.list("", &mut |_| Ok(())),
        |gate, _| gate.delete("a"),
        |gate, other| gate.put_pieces("c", 1, &mut |at| other.get_range("a", at..1)),
    ];
    let expect = |ended: Result<(), Error>| {
        let error = ended.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Transient);
        assert!(error.to_string().contains("region north is down (a drill)"), "{error}");
    };
    shutter.set(ShutterState::Errors);
    calls.iter().for_each(|call| expect(call(&gate, &*other)));
    for release in [ShutterState::Open, ShutterState::Errors] {
        shutter.set(ShutterState::Hangs);
        thread::scope(|scope| {
            let (gate, other) = (&gate, &*other);
            let callers = calls.map(|call| scope.spawn(move || call(gate, other)));
            until(|| shutter.hanging() == callers.len());
            shutter.set(ShutterState::ErrorsAndHangs);
            assert_eq!(shutter.hanging(), callers.len(), "who hangs goes on hanging");
            shutter.set(release);
            callers.into_iter().for_each(|caller| expect(caller.join().unwrap()));
        });
    }
    assert_eq!(inner.calls().len(), before, "nothing has reached the store");
    shutter.set(ShutterState::Open);
    for call in calls {
        call(&gate, &*other).unwrap();
    }
}

#[test]
fn a_listing_meets_the_shutter_again_at_each_entry() {
    let shutter = Arc::new(Shutter::new("north".parse().unwrap()));
    let gate = Gate::new(memory(), shutter.clone());
    for name in ["a", "b", "c"] {
        gate.put_new(name, "x".into()).unwrap();
    }
    let mut given = 0;
    let ended = gate.list("", &mut |_| {
        given += 1;
        shutter.set(ShutterState::Errors);
        Ok(())
    });
    assert_eq!((given, kind(ended)), (1, Some(ErrorKind::Transient)));
}

#[test]
fn faults_fail_the_nth_call_before_or_after_it_is_performed() {
    let faults = faulty();
    faults.fail_nth(Verb::PutNew, 2, Action::FailBefore(ErrorKind::Busy));
    faults.fail_nth(Verb::PutNew, 3, Action::FailAfter(ErrorKind::Transient));
    let puts = ["a", "b", "c", "d"].map(|name| kind(faults.put_new(name, "x".into())));
    assert_eq!(puts, [None, Some(ErrorKind::Busy), Some(ErrorKind::Transient), None]);
    let there = ["a", "b", "c", "d"].map(|name| faults.head(name).is_ok());
    assert_eq!(there, [true, false, true, true]);
    assert_eq!(faults.calls().first(), Some(&(Verb::PutNew, "a".to_string())));
}

#[test]
fn a_stopped_caller_can_do_nothing_more_until_healed() {
    for (action, expect) in [(Action::StopBefore, None), (Action::StopAfter, Some("x"))] {
        let inner = memory();
        let faults = Faults::new(inner.clone());
        faults.set_hook(Arc::new(move |verb, name| match (verb, name) {
            (Verb::PutNew, "b") => action,
            _ => Action::Go,
        }));
        faults.put_new("a", "x".into()).unwrap();
        assert_eq!(kind(faults.put_new("b", "x".into())), Some(ErrorKind::Bug));
        assert_eq!(kind(faults.delete("a")), Some(ErrorKind::Bug));
        assert_eq!(inner.get("b").ok(), expect.map(Into::into), "{action:?}");
        assert!(inner.get("a").is_ok());
        faults.clear();
        faults.heal();
        faults.put_new("b", "x".into()).unwrap();
    }
}

#[test]
fn a_blocked_store_holds_its_callers_until_it_is_healed_or_fails() {
    let faults = faulty();
    faults.put_new("a", "x".into()).unwrap();
    for (release, expect) in [(None, None), (Some(ErrorKind::Transient), Some(ErrorKind::Transient))] {
        faults.block_all();
        thread::scope(|scope| {
            let callers = [(); 3].map(|()| scope.spawn(|| kind(faults.get("a"))));
            faults.await_blocked(3);
            match release {
                None => faults.heal(),
                Some(kind) => faults.fail_all(kind),
            }
            assert_eq!(callers.map(|caller| caller.join().unwrap()), [expect; 3]);
        });
    }
}

#[test]
fn a_gate_that_shuts_between_two_pieces_ends_the_put() {
    let shutter = Arc::new(Shutter::new("north".parse().unwrap()));
    let inner = memory();
    let gate = Gate::new(inner.clone(), shutter.clone());
    let piece = &mut |at: u64| {
        if at > 0 {
            shutter.set(ShutterState::Errors);
        }
        Ok("x".into())
    };
    assert_eq!(kind(gate.put_pieces("a", 3, piece)), Some(ErrorKind::Transient));
    assert_eq!(kind(inner.head("a")), Some(ErrorKind::Missing));
}

#[test]
fn dated_objects_grow_old_by_the_injected_clock() {
    let clock = Arc::new(ManualClock::default());
    let store = Dated::new(memory(), clock.clone());
    store.put_new("old", "x".into()).unwrap();
    clock.pause(Duration::from_secs(86_400));
    store.put_pieces("new", 1, &mut |at| store.get_range("old", at..1)).unwrap();
    store.put_new("old", "x".into()).unwrap();
    let age = store.head("new").unwrap().modified.seconds_since(store.head("old").unwrap().modified);
    assert!((age - 86_400.0).abs() < 1e-6, "{age}");
}

#[test]
fn a_scope_refuses_names_that_leave_it_and_prefixes_that_are_none() {
    let inner = memory();
    inner.put_new("b", "secret".into()).unwrap();
    let store = Scoped::new(inner.clone(), "a/").unwrap();
    for name in ["../b", "/b", ""] {
        assert_eq!(kind(store.get(name)), Some(ErrorKind::Invalid), "{name:?}");
    }
    store.put_new("c", "x".into()).unwrap();
    assert_eq!(inner.get("a/c").unwrap(), "x");
    assert_eq!(kind(Scoped::new(inner, "a")), Some(ErrorKind::Invalid));
}
