//! Random schedules: workers find, carry out and record at any time, stand still for any time in between, and are killed,
//! while time passes and the clock jumps. Nothing is recorded twice, and the order is kept.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use farshore_runs::{
    Claim, Core, Done, Identity, Kind, NewRun, Next, Outcome, Sharing, Signal, State, Step, StepContext, enqueue,
};
use farshore_store::runs::{self, Bytes, Run};
use farshore_store::{Store, id};
use farshore_types::{Clock, Error, Result, SystemEntropy, Timestamp};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use serde_json::json;

use crate::{places, trace};

const CASES: u32 = 24;
const CASES_SOAK: u32 = 600;
/// Threads that work; two of them are one process, with one owner's name.
const WORKERS: usize = 4;
const THREADS: usize = 2;
const SUBJECTS: usize = 2;
const LEASE: Duration = Duration::from_secs(6);
const STEPS: [&str; 3] = ["a", "b", "c"];
/// Turns after which every run must have ended.
const TURNS_MAX: u32 = 2000;

/// A clock that moves when it is told to; its wall time may jump.
#[derive(Default)]
struct ManualClock {
    wall_us: AtomicI64,
    monotonic_us: AtomicI64,
}

impl ManualClock {
    fn pass(&self, length_us: i64) {
        self.wall_us.fetch_add(length_us, Ordering::Relaxed);
        self.monotonic_us.fetch_add(length_us, Ordering::Relaxed);
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_micros(self.wall_us.load(Ordering::Relaxed))
    }

    fn monotonic(&self) -> Duration {
        Duration::from_micros(u64::try_from(self.monotonic_us.load(Ordering::Relaxed)).unwrap())
    }

    fn pause(&self, length: Duration) {
        self.pass(i64::try_from(length.as_micros()).unwrap());
    }
}

/// One thing that happens.
#[derive(Debug, Clone)]
enum Act {
    /// A worker does what comes next: finds, carries out, records.
    Work(usize),
    /// A worker shows that it lives.
    Beat(usize),
    /// The process of a worker dies; another takes its place.
    Kill(usize),
    /// Time passes.
    Pass(u32),
    /// The wall clock jumps.
    Jump(i32),
    /// A run is asked for.
    Ask(usize, Plan),
    /// A run is asked to end.
    Cancel(usize),
}

/// What goes wrong in a run.
#[derive(Debug, Clone)]
struct Plan {
    fails: Option<(usize, bool, u32)>,
}

fn act() -> impl Strategy<Value = Act> {
    let fails = proptest::option::of((0..STEPS.len(), any::<bool>(), 1..3u32));
    prop_oneof![
        12 => (0..WORKERS).prop_map(Act::Work),
        2 => (0..WORKERS).prop_map(Act::Beat),
        2 => (0..WORKERS).prop_map(Act::Kill),
        3 => (0..10_000u32).prop_map(Act::Pass),
        1 => (-100_000..100_000i32).prop_map(Act::Jump),
        3 => (0..SUBJECTS, fails.prop_map(|fails| Plan { fails })).prop_map(|(subject, plan)| Act::Ask(subject, plan)),
        1 => (0..6usize).prop_map(Act::Cancel),
    ]
}

/// What bodies saw: the run, the step's number, its epoch and whether it was undone.
#[derive(Default)]
struct World {
    bodies: Mutex<Vec<(String, usize, u64, bool)>>,
}

fn number(step: &str) -> usize {
    STEPS.iter().position(|name| *name == step).unwrap()
}

fn act_body(context: &StepContext<World>) -> Result<Done> {
    let at = number(context.step());
    let before = {
        let mut bodies = context.context().bodies.lock().unwrap();
        let before = bodies.iter().filter(|(run, step, _, undo)| run == context.run() && *step == at && !undo).count();
        bodies.push((context.run().to_string(), at, context.epoch(), false));
        before
    };
    for earlier in &STEPS[..at] {
        assert_eq!(context.output::<String>(earlier)?, *earlier);
    }
    let fails: Option<(usize, bool, usize)> = context.input()?;
    if let Some((_, passing, times)) = fails.filter(|(step, _, _)| *step == at) {
        if passing && before < times {
            return Err(Error::transient("on purpose"));
        }
        if !passing {
            return Err(Error::invalid("on purpose").hint("none"));
        }
    }
    let (run, subject, word) = (context.run().to_string(), context.subject().to_string(), context.step());
    Ok(Done::with(&word)?.and(move |tx| trace::leave(tx, &run, &subject, word)))
}

fn undo_body(context: &StepContext<World>) -> Result<Done> {
    let body = (context.run().to_string(), number(context.step()), context.epoch(), true);
    context.context().bodies.lock().unwrap().push(body);
    let (run, subject) = (context.run().to_string(), context.subject().to_string());
    let word = format!("-{}", context.step());
    Ok(Done::nothing().and(move |tx| trace::leave(tx, &run, &subject, &word)))
}

fn kinds() -> Vec<Kind<World>> {
    let step = |name| Step { name, act: act_body as fn(&StepContext<World>) -> Result<Done>, undo: Some(undo_body) };
    vec![Kind {
        name: "three",
        deadline: Duration::from_secs(3600),
        steps: STEPS.map(step).into(),
        ended: Some(trace::ended),
    }]
}

/// What a worker holds in its hands.
enum Hand {
    Empty,
    Claimed(Claim),
    Carried(Claim, Outcome),
}

struct Play {
    store: Arc<Store>,
    clock: Arc<ManualClock>,
    world: Arc<World>,
    workers: Vec<(Arc<Core<World>>, Hand)>,
    subjects: Vec<String>,
    asked: Vec<String>,
}

impl Play {
    fn new(store: Arc<Store>) -> Self {
        let clock = Arc::new(ManualClock::default());
        clock.wall_us.store(1 << 50, Ordering::Relaxed);
        let name = || id::new(Timestamp::default(), &SystemEntropy).unwrap();
        let subjects = (0..SUBJECTS).map(|_| name()).collect();
        let mut play = Play { store, clock, world: Arc::default(), workers: Vec::new(), subjects, asked: Vec::new() };
        play.workers = (0..WORKERS / THREADS).flat_map(|_| play.process()).collect();
        play
    }

    fn process(&self) -> Vec<(Arc<Core<World>>, Hand)> {
        let core = self.core();
        (0..THREADS).map(|_| (core.clone(), Hand::Empty)).collect()
    }

    fn core(&self) -> Arc<Core<World>> {
        let identity = Identity::new("worker", LEASE, Sharing::Shared, &SystemEntropy).unwrap();
        Arc::new(Core::new(self.store.clone(), kinds(), self.world.clone(), identity, self.clock.clone()).unwrap())
    }

    fn happen(&mut self, act: &Act) {
        match act {
            Act::Work(worker) => self.work(*worker),
            Act::Beat(worker) => {
                if let Hand::Claimed(claim) | Hand::Carried(claim, _) = &self.workers[*worker].1 {
                    self.store.write(|tx| runs::beat(tx, claim.fence(), Bytes::default())).unwrap();
                }
            }
            Act::Kill(worker) => {
                let first = worker / THREADS * THREADS;
                self.workers.splice(first..first + THREADS, self.process());
            }
            Act::Pass(millis) => self.clock.pass(i64::from(*millis) * 1000),
            Act::Jump(seconds) => {
                self.clock.wall_us.fetch_add(i64::from(*seconds) * 1_000_000, Ordering::Relaxed);
            }
            Act::Ask(subject, plan) => {
                let run = NewRun {
                    kind: "three",
                    project: "p".to_string(),
                    subject: self.subjects[*subject].clone(),
                    input: json!(plan.fails),
                };
                let id = self.store.write(|tx| enqueue(tx, &run, &SystemEntropy, &Signal::default())).unwrap();
                self.asked.push(id);
            }
            Act::Cancel(number) => {
                if let Some(id) = self.asked.get(*number) {
                    self.store.write(|tx| runs::cancel(tx, id)).unwrap();
                }
            }
        }
    }

    fn work(&mut self, worker: usize) {
        let (core, hand) = &mut self.workers[worker];
        *hand = match std::mem::replace(hand, Hand::Empty) {
            Hand::Empty => core.find().unwrap().map_or(Hand::Empty, Hand::Claimed),
            Hand::Claimed(claim) => {
                let outcome = core.perform(&claim);
                Hand::Carried(claim, outcome)
            }
            Hand::Carried(claim, outcome) => match core.record(claim, outcome).unwrap() {
                Next::Again(claim) => Hand::Claimed(claim),
                Next::Released | Next::Lost => Hand::Empty,
            },
        };
    }

    /// New workers finish everything; then those that stood still wake up and find their claims gone.
    fn finish(&mut self) {
        let late = std::mem::take(&mut self.workers);
        self.workers = vec![(self.core(), Hand::Empty)];
        let mut turns = 0;
        while !self.all_ended() {
            self.work(0);
            if matches!(self.workers[0].1, Hand::Empty) {
                self.clock.pass(5_000_000);
            }
            turns += 1;
            assert!(turns < TURNS_MAX, "runs do not end");
        }
        for (core, hand) in late {
            let lost = match hand {
                Hand::Empty => continue,
                Hand::Claimed(claim) => {
                    let outcome = core.perform(&claim);
                    core.record(claim, outcome)
                }
                Hand::Carried(claim, outcome) => core.record(claim, outcome),
            };
            assert!(matches!(lost.unwrap(), Next::Lost), "a late worker recorded something");
        }
    }

    fn all_ended(&self) -> bool {
        let mut left = self
            .subjects
            .iter()
            .map(|subject| self.store.read(|tx| runs::unfinished_of_subject(tx, subject, 1)).unwrap().is_empty());
        left.all(|ended| ended)
    }

    fn check(&self) {
        for id in &self.asked {
            let run = self.store.read(|tx| runs::get(tx, id)).unwrap().unwrap();
            check_trace(&run, &trace::of_run(&self.store, id));
            let said = run.started_at.map(|_| run.situation.state.word().to_string());
            assert_eq!(trace::ends(&self.store, id), Vec::from_iter(said), "its end is said once");
            let journaled = self.store.read(|tx| runs::steps(tx, id)).unwrap().len();
            assert_eq!(journaled, trace::of_run(&self.store, id).len(), "every recorded step has its effect");
        }
        for subject in &self.subjects {
            let mut order = trace::of_subject(&self.store, subject);
            order.dedup();
            let mut places: Vec<usize> =
                order.iter().map(|run| self.asked.iter().position(|asked| asked == run).unwrap()).collect();
            assert!(places.is_sorted(), "runs on one subject follow each other in order: {places:?}");
            places.dedup();
            assert_eq!(places.len(), order.len(), "none is interrupted by another");
        }
        let mut furthest: BTreeMap<&str, Vec<(usize, u64)>> = BTreeMap::new();
        for (run, step, epoch, undo) in self.world.bodies.lock().unwrap().iter().filter(|body| !body.3) {
            let seen = furthest.entry(run).or_default();
            let again = seen.iter().any(|(later, before)| later > step && before <= epoch);
            assert!(!again, "step {step} of {run} ran in epoch {epoch}, after a later one had begun: {undo}");
            seen.push((*step, *epoch));
        }
    }
}

/// The steps that were done stand once and in order; what is undone begins with the step that failed, and ends with the first.
fn check_trace(run: &Run, words: &[String]) {
    let state = run.situation.state;
    let done = words.iter().take_while(|word| !word.starts_with('-')).count();
    assert_eq!(words[..done], STEPS[..done], "{state:?}: {words:?}");
    let undone = words[done..].to_vec();
    let never_begun = state == State::Cancelled && run.started_at.is_none();
    if state == State::Done || never_begun {
        assert_eq!((done, undone.len()), (if never_begun { 0 } else { STEPS.len() }, 0), "{state:?}: {words:?}");
        return;
    }
    assert!(matches!(state, State::Failed | State::Cancelled), "{state:?}");
    let first = (done + 1).min(STEPS.len());
    let expect: Vec<String> = STEPS[..first].iter().rev().map(|step| format!("-{step}")).collect();
    assert_eq!(undone, expect, "{state:?}: {words:?}");
}

fn check_schedules(store: &Arc<Store>) {
    let cases = if std::env::var_os("FARSHORE_SOAK").is_some() { CASES_SOAK } else { CASES };
    let config = Config { cases, max_shrink_iters: 300, failure_persistence: None, ..Config::default() };
    let schedule = proptest::collection::vec(act(), 20..90);
    let played = TestRunner::new(config).run(&schedule, |acts| {
        let mut play = Play::new(store.clone());
        acts.iter().for_each(|act| play.happen(act));
        play.finish();
        play.check();
        Ok(())
    });
    if let Err(failure) = played {
        panic!("{failure}");
    }
}

#[test]
fn a_late_thread_is_told_from_the_one_that_took_its_run_in_the_same_process() {
    let place = places::sqlite();
    let mut play = Play::new(place.open());
    play.happen(&Act::Ask(0, Plan { fails: None }));
    (0..2).for_each(|_| play.work(0));
    play.work(1);
    assert!(matches!(play.workers[1].1, Hand::Empty), "taken before the lease was over");
    play.clock.pause(LEASE);
    (0..2).for_each(|_| play.work(1));
    assert!(matches!(play.workers[1].1, Hand::Carried(..)), "not taken after the lease");
    play.work(0);
    assert!(matches!(play.workers[0].1, Hand::Empty), "the late thread recorded its step");
    play.work(1);
    assert!(matches!(play.workers[1].1, Hand::Claimed(_)), "the new owner could not record");
    play.finish();
    play.check();
}

#[test]
fn whatever_the_schedule_steps_are_recorded_once_and_in_order_on_sqlite() {
    let place = places::sqlite();
    check_schedules(&place.open());
}

#[test]
fn whatever_the_schedule_steps_are_recorded_once_and_in_order_on_postgresql() {
    let Some(place) = places::postgresql() else { return };
    check_schedules(&place.open());
}
