//! The threads in real time, on SQLite: waking, cancelling, undoing, getting stuck, stopping, and what can be seen.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use farshore_runs::{Body, Done, Kind, NewRun, RunView, Runs, Settings, Signal, State, Step, StepContext, StepState};
use farshore_store::Store;
use farshore_types::{Clock, Error, ErrorKind, Result, SystemClock, SystemEntropy};
use serde_json::{Value, json};

use crate::{places, trace};

/// No test takes near as long.
const PATIENCE: Duration = Duration::from_secs(30);
const LEASE: Duration = Duration::from_millis(800);

#[derive(Default)]
struct World {
    tries: AtomicU32,
    log: Mutex<Vec<String>>,
    /// Where a server is that loses all connections, once.
    cut: Mutex<Option<String>>,
}

fn say(context: &StepContext<World>, word: &str) {
    context.context().log.lock().unwrap().push(format!("{word}{}", context.step()));
}

fn act(context: &StepContext<World>) -> Result<Done> {
    say(context, "");
    let (run, subject, word) = (context.run().to_string(), context.subject().to_string(), context.step());
    Ok(Done::with(&context.step())?.and(move |tx| trace::leave(tx, &run, &subject, word)))
}

fn undo(context: &StepContext<World>) -> Result<Done> {
    say(context, "-");
    Ok(Done::nothing())
}

fn fail(context: &StepContext<World>) -> Result<Done> {
    say(context, "!");
    Err(Error::denied("the door is closed").hint("knock"))
}

fn fail_once(context: &StepContext<World>) -> Result<Done> {
    match context.context().tries.fetch_add(1, Ordering::SeqCst) {
        0 => Err(Error::transient("not yet")),
        _ => act(context),
    }
}

/// An undo that is kept out once.
fn undo_unlocked(context: &StepContext<World>) -> Result<Done> {
    match context.context().tries.fetch_add(1, Ordering::SeqCst) {
        0 => Err(Error::denied("the door is locked")),
        _ => undo(context),
    }
}

fn panics(_: &StepContext<World>) -> Result<Done> {
    panic!("on purpose")
}

fn bad_effects(_: &StepContext<World>) -> Result<Done> {
    Ok(Done::nothing().and(|tx| {
        trace::leave(tx, "bad", "bad", "x")?;
        Err(Error::conflict("the name is taken"))
    }))
}

/// Its effects lose the connection that carries them.
fn cut(context: &StepContext<World>) -> Result<Done> {
    let (done, location) = (act(context)?, context.context().cut.lock().unwrap().take());
    let effects = done.effects.unwrap();
    Ok(Done::nothing().and(move |tx| {
        effects(tx)?;
        if let Some(location) = location {
            let sql = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
                       WHERE datname = current_database() AND pid <> pg_backend_pid()";
            postgres::Client::connect(&location, postgres::NoTls).unwrap().batch_execute(sql).unwrap();
        }
        Ok(())
    }))
}

/// Works until it is told to stop.
fn long(context: &StepContext<World>) -> Result<Done> {
    say(context, "");
    context.progress().expect_bytes(1 << 40);
    let clock = SystemClock::new();
    while clock.monotonic() < PATIENCE {
        context.progress().add_bytes(1 << 20);
        context.progress().go_on()?;
        clock.pause(Duration::from_millis(5));
    }
    Err(Error::bug("nobody stopped it"))
}

/// Works until it is told to stop, the first time.
fn long_once(context: &StepContext<World>) -> Result<Done> {
    if context.epoch() == 1 { long(context) } else { act(context) }
}

/// A step's name, body and undo.
type Row = (&'static str, Body<World>, Option<Body<World>>);

fn kind(name: &'static str, steps: &[Row]) -> Kind<World> {
    let steps = steps.iter().map(|(name, act, undo)| Step { name, act: *act, undo: *undo });
    Kind { name, deadline: PATIENCE, steps: steps.collect(), ended: Some(trace::ended) }
}

fn kinds() -> Vec<Kind<World>> {
    let undo: Body<World> = undo;
    vec![
        kind("empty", &[]),
        kind("good", &[("a", act, Some(undo)), ("b", act, None)]),
        kind("failing", &[("a", act, Some(undo)), ("b", act, None), ("c", fail, Some(undo)), ("d", act, Some(undo))]),
        kind("stuck", &[("a", act, Some(fail)), ("b", fail, None)]),
        kind("unlocked", &[("a", act, Some(undo_unlocked)), ("b", fail, Some(undo))]),
        kind("cut", &[("a", act, None), ("b", cut, None), ("c", act, None)]),
        kind("again", &[("a", fail_once, None)]),
        kind("panics", &[("a", act, Some(undo)), ("b", panics, None)]),
        kind("bad-effects", &[("a", act, Some(undo)), ("b", bad_effects, None)]),
        kind("long", &[("a", act, Some(undo)), ("b", long, Some(undo)), ("c", act, None)]),
        kind("long-once", &[("a", act, Some(undo)), ("b", long_once, Some(undo)), ("c", act, None)]),
        Kind { deadline: Duration::from_millis(300), ..kind("late", &[("a", long, Some(undo))]) },
    ]
}

struct Stage {
    store: Arc<Store>,
    runs: Runs<World>,
    world: Arc<World>,
    _place: places::Place,
}

impl Stage {
    fn new() -> Self {
        Stage::at(places::sqlite())
    }

    fn at(place: places::Place) -> Self {
        let (store, world) = (place.open(), Arc::<World>::default());
        let runs = runs(&store, &world, kinds());
        runs.start().unwrap();
        Stage { store, runs, world, _place: place }
    }

    fn ask(&self, kind: &'static str, subject: &str) -> String {
        let (project, subject) = ("p".to_string(), subject.to_string());
        let run = NewRun { kind, project, subject, input: json!({"x": 1}) };
        self.store.write(|tx| self.runs.enqueue(tx, &run)).unwrap()
    }

    fn end(&self, id: &str) -> RunView {
        let view = self.runs.wait(id, PATIENCE).unwrap();
        assert!(view.state.is_final(), "{view:?}");
        view
    }

    fn log(&self) -> String {
        self.world.log.lock().unwrap().join(" ")
    }

    fn until(&self, what: &str, mut condition: impl FnMut() -> bool) {
        let clock = SystemClock::new();
        while !condition() {
            assert!(clock.monotonic() < PATIENCE, "not in time: {what}");
            clock.pause(Duration::from_millis(5));
        }
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        self.runs.stop(PATIENCE);
    }
}

fn runs(store: &Arc<Store>, world: &Arc<World>, kinds: Vec<Kind<World>>) -> Runs<World> {
    let settings = Settings { lease: LEASE, workers: 2, ..Settings::new("test") };
    let entropy = Arc::new(SystemEntropy);
    Runs::new(store.clone(), kinds, world.clone(), settings, places::clock(), entropy).unwrap()
}

fn states(view: &RunView) -> Vec<StepState> {
    view.steps.iter().map(|step| step.state).collect()
}

#[test]
fn a_run_is_begun_at_once_and_shows_its_steps() {
    let stage = Stage::new();
    let clock = SystemClock::new();
    for number in 0..6 {
        let id = stage.ask("good", &format!("s{number}"));
        let view = stage.end(&id);
        assert_eq!((view.state, view.epoch), (State::Done, 1));
        assert_eq!(states(&view), [StepState::Done, StepState::Done]);
        assert!(view.steps.iter().all(|step| step.started_at.is_some() && step.finished_at.is_some()));
        assert_eq!(trace::of_run(&stage.store, &id), ["a", "b"]);
        assert_eq!(view.input, json!({"x": 1}));
    }
    assert!(clock.monotonic() < Duration::from_secs(4), "six polls would take longer: {:?}", clock.monotonic());
    assert_eq!(stage.end(&stage.ask("empty", "s")).state, State::Done);
}

#[test]
fn a_failed_run_is_undone_in_reverse_and_says_why() {
    let stage = Stage::new();
    let view = stage.end(&stage.ask("failing", "s"));
    assert_eq!(view.state, State::Failed);
    assert_eq!(stage.log(), "a b !c -c -a");
    let error = view.error.clone().unwrap();
    assert_eq!((error.kind.as_str(), error.hint.as_deref()), ("denied", Some("knock")));
    assert_eq!(error.message, "the door is closed");
    assert_eq!(view.steps[2].error.as_deref(), Some("the door is closed"));
    assert_eq!(states(&view), [StepState::Undone, StepState::Undone, StepState::Undone, StepState::Waiting]);
}

#[test]
fn an_undo_that_fails_leaves_a_stuck_run_that_does_not_block_others() {
    let stage = Stage::new();
    let view = stage.end(&stage.ask("stuck", "s"));
    assert_eq!(view.state, State::Stuck);
    assert_eq!(view.undo_error.as_deref(), Some("the door is closed (knock)"));
    assert_eq!(states(&view), [StepState::Undoing, StepState::Undone]);
    assert_eq!(stage.end(&stage.ask("good", "s")).state, State::Done);
}

#[test]
fn a_stuck_run_is_sent_on_from_where_it_stopped_unless_a_later_one_has_worked_on_its_subject() {
    for place in [Some(places::sqlite()), places::postgresql()].into_iter().flatten() {
        goes_on_from_where_it_stopped(&Stage::at(place));
    }
}

fn goes_on_from_where_it_stopped(stage: &Stage) {
    let send_on = |id: &str| stage.store.write(|tx| farshore_runs::retry(tx, id, &Signal::default()));
    let stuck = stage.ask("unlocked", "s");
    assert_eq!(stage.end(&stuck).state, State::Stuck);
    assert!(stage.world.tries.load(Ordering::SeqCst) > 0, "the door is open from now on");
    send_on(&stuck).unwrap();
    let view = stage.end(&stuck);
    assert_eq!((view.state, view.undo_error), (State::Failed, None));
    assert_eq!(view.error.unwrap().message, "the door is closed", "why it was undone stays");
    assert_eq!(stage.log(), "a !b -b -a", "no step is undone twice");
    let refused = send_on(&stuck).unwrap_err();
    assert!(refused.kind() == ErrorKind::Conflict && refused.to_string().contains("is failed"), "{refused}");
    let old = stage.ask("stuck", "t");
    assert_eq!(stage.end(&old).state, State::Stuck);
    stage.end(&stage.ask("good", "t"));
    let refused = send_on(&old).unwrap_err();
    assert!(refused.kind() == ErrorKind::Conflict && refused.to_string().contains("later"), "{refused}");
    assert_eq!(stage.runs.view(&old).unwrap().state, State::Stuck);
}

#[test]
fn every_end_of_a_run_that_began_is_said_once_good_or_bad() {
    let stage = Stage::new();
    for (kind, end) in [("empty", "done"), ("good", "done"), ("failing", "failed"), ("stuck", "stuck")] {
        let id = stage.ask(kind, kind);
        stage.end(&id);
        assert_eq!(trace::ends(&stage.store, &id), [end]);
    }
    let id = stage.ask("unlocked", "s");
    stage.end(&id);
    stage.store.write(|tx| farshore_runs::retry(tx, &id, &Signal::default())).unwrap();
    stage.end(&id);
    assert_eq!(trace::ends(&stage.store, &id), ["stuck", "failed"]);
}

#[test]
fn a_passing_fault_is_tried_again() {
    let stage = Stage::new();
    let id = stage.ask("again", "s");
    stage.until("the first try is seen", || stage.runs.view(&id).unwrap().error.is_some());
    let view = stage.runs.view(&id).unwrap();
    assert_eq!((view.state, view.tries), (State::Waiting, 1));
    assert!(view.retry_at.is_some());
    let view = stage.end(&id);
    assert_eq!((view.state, view.error, view.epoch), (State::Done, None, 2));
}

#[test]
fn a_connection_that_is_lost_while_a_step_is_recorded_does_not_count_it_twice() {
    let Some(place) = places::postgresql() else { return };
    let location = place.location.clone();
    let stage = Stage::at(place);
    *stage.world.cut.lock().unwrap() = Some(location);
    let view = stage.end(&stage.ask("cut", "s"));
    assert_eq!((view.state, view.error), (State::Done, None));
    assert_eq!(stage.log(), "a b b c");
    assert_eq!(trace::of_run(&stage.store, &view.id), ["a", "b", "c"]);
}

#[test]
fn a_panic_and_effects_that_fail_are_errors_of_their_step() {
    let stage = Stage::new();
    let view = stage.end(&stage.ask("panics", "s"));
    assert_eq!((view.state, view.error.unwrap().kind.as_str()), (State::Failed, "bug"));
    let view = stage.end(&stage.ask("bad-effects", "s"));
    assert_eq!((view.state, view.error.unwrap().message.as_str()), (State::Failed, "the name is taken"));
    assert!(trace::of_run(&stage.store, "bad").is_empty(), "effects go with their record");
    assert_eq!(stage.log(), "a -a a -a");
}

#[test]
fn a_cancelled_run_stops_and_is_undone_and_one_that_waits_just_ends() {
    let stage = Stage::new();
    let first = stage.ask("long", "s");
    let second = stage.ask("good", "s");
    stage.until("bytes are shown", || {
        let view = stage.runs.view(&first).unwrap();
        view.step.as_deref() == Some("b") && view.bytes.done > 0 && view.bytes.rate_s > 0 && view.left().is_some()
    });
    assert_eq!(stage.runs.cancel(&second).unwrap().state, State::Cancelled);
    assert!(stage.runs.cancel(&first).unwrap().cancel);
    let view = stage.end(&first);
    assert_eq!((view.state, view.error), (State::Cancelled, None));
    assert_eq!(stage.log(), "a b -b -a");
    assert_eq!(stage.runs.cancel(&first).unwrap().state, State::Cancelled);
    assert!(stage.runs.cancel("none").is_err());
}

#[test]
fn a_step_that_takes_too_long_is_stopped_and_fails() {
    let stage = Stage::new();
    let view = stage.end(&stage.ask("late", "s"));
    assert_eq!(view.state, State::Failed);
    assert_eq!(stage.log(), "a -a");
}

#[test]
fn a_stopped_process_lets_its_runs_go_for_the_next() {
    let stage = Stage::new();
    let id = stage.ask("long-once", "s");
    stage.until("it is at work", || stage.log() == "a b");
    assert!(stage.runs.stop(PATIENCE));
    let view = stage.runs.view(&id).unwrap();
    assert_eq!((view.state, view.tries, view.epoch), (State::Waiting, 0, 1));
    let next = runs(&stage.store, &stage.world, kinds());
    next.start().unwrap();
    let view = next.wait(&id, PATIENCE).unwrap();
    assert!(next.stop(PATIENCE));
    assert_eq!((view.state, view.epoch), (State::Done, 2));
    assert_eq!(trace::of_run(&stage.store, &id), ["a", "b", "c"]);
}

#[test]
fn a_run_with_steps_that_the_program_no_longer_has_is_stuck() {
    let stage = Stage::new();
    let id = stage.ask("long-once", "s");
    stage.until("it is at work", || stage.log() == "a b");
    assert!(stage.runs.stop(PATIENCE));
    let other = kind("long-once", &[("z", act, None), ("b", act, None)]);
    let next = runs(&stage.store, &stage.world, vec![other]);
    next.start().unwrap();
    let view = next.wait(&id, PATIENCE).unwrap();
    assert!(next.stop(PATIENCE));
    assert_eq!(view.state, State::Stuck);
    assert!(view.undo_error.unwrap().contains("step a"));
}

#[test]
fn runs_on_a_subject_keep_their_order_and_the_oldest_are_forgotten() {
    let stage = Stage::new();
    let ids: Vec<String> = (0..60).map(|_| stage.ask("good", "s")).collect();
    stage.end(ids.last().unwrap());
    let mut order = trace::of_subject(&stage.store, "s");
    order.dedup();
    assert_eq!(order, ids);
    let kept = stage.store.read(|tx| stage.runs.of_subject(tx, "s", 100)).unwrap();
    assert_eq!(kept.len(), 50);
    assert_eq!(kept[0].id, ids[59]);
    assert!(stage.store.read(|tx| stage.runs.current(tx, "s")).unwrap().is_none());
}

#[test]
fn kinds_and_settings_that_cannot_be_are_refused() {
    let place = places::sqlite();
    let (store, world, entropy) = (place.open(), Arc::<World>::default(), Arc::new(SystemEntropy));
    let check = |kinds: Vec<Kind<World>>, settings: Settings| {
        Runs::new(store.clone(), kinds, world.clone(), settings, places::clock(), entropy.clone()).is_err()
    };
    assert!(check(vec![kind("x", &[]), kind("x", &[])], Settings::new("t")));
    assert!(check(vec![kind("x", &[("a", act, None), ("a", act, None)])], Settings::new("t")));
    assert!(check(vec![], Settings { workers: 0, ..Settings::new("t") }));
    assert!(check(vec![], Settings { lease: Duration::ZERO, ..Settings::new("t") }));
    let runs = runs(&store, &world, kinds());
    let run = NewRun { kind: "none", project: String::new(), subject: String::new(), input: Value::Null };
    assert!(store.write(|tx| runs.enqueue(tx, &run)).is_err());
    let large = NewRun { kind: "good", input: json!("x".repeat(300 << 10)), ..run };
    assert!(store.write(|tx| runs.enqueue(tx, &large)).is_err());
}
