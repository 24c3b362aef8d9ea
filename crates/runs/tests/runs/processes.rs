//! Real processes: a worker is stopped or killed at a point of a step, another takes over, the first goes on. What the steps
//! have left in the store is counted. The workers are this test program itself, started again.

use std::io::Read;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use farshore_runs::{Body, Done, Kind, NewRun, Runs, Settings, Sharing, Signal, State, Step, StepContext, enqueue};
use farshore_store::{Store, runs};
use farshore_types::{Clock, Error, Result, SystemClock, SystemEntropy};
use rustix::process::{Pid, Signal as Sent, WaitOptions, getpid, kill_process, waitpid};
use serde_json::json;

use crate::places::{self, Place};
use crate::trace;

/// Location of the store, and the fault as JSON.
const CHILD: [&str; 2] = ["FARSHORE_RUNS_TEST_STORE", "FARSHORE_RUNS_TEST_FAULT"];
const LEASE: Duration = Duration::from_secs(1);
const PATIENCE: Duration = Duration::from_secs(60);
/// A signal has reached the process after this.
const FALL: Duration = Duration::from_millis(300);
/// Cases that are played at the same time.
const THREADS: usize = 6;
const ROUNDS_SOAK: usize = 5;

/// Where a worker falls: what it was doing, in which step, at which point, and by which signal.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
struct Fault {
    step: String,
    point: String,
    kill: bool,
}

impl Fault {
    /// Falls, if this is the place.
    fn at(&self, step: &str, point: &str) {
        if (self.step.as_str(), self.point.as_str()) == (step, point) {
            let signal = if self.kill { Sent::KILL } else { Sent::STOP };
            kill_process(getpid(), signal).unwrap();
            // The signal is for the process; any of its threads may take it, and this one must not run on meanwhile.
            SystemClock::new().pause(FALL);
        }
    }
}

type World = Option<Fault>;

fn reach(context: &StepContext<World>, word: &str, point: &str) {
    if let Some(fault) = context.context() {
        fault.at(word, point);
    }
}

fn carry_out(context: &StepContext<World>, word: String) -> Result<Done> {
    reach(context, &word, "begin");
    let (run, subject, fault) = (context.run().to_string(), context.subject().to_string(), context.context().clone());
    reach(context, &word, "end");
    Ok(Done::nothing().and(move |tx| {
        trace::leave(tx, &run, &subject, &word)?;
        if let Some(fault) = fault {
            fault.at(&word, "effects");
        }
        Ok(())
    }))
}

fn act(context: &StepContext<World>) -> Result<Done> {
    carry_out(context, context.step().to_string())
}

fn undo(context: &StepContext<World>) -> Result<Done> {
    carry_out(context, format!("-{}", context.step()))
}

fn fail(_: &StepContext<World>) -> Result<Done> {
    Err(Error::invalid("on purpose"))
}

fn kinds() -> Vec<Kind<World>> {
    let step = |name, act: Body<World>| Step { name, act, undo: Some(undo) };
    let deadline = PATIENCE;
    vec![
        Kind {
            name: "good",
            deadline,
            steps: vec![step("a", act), step("b", act), step("c", act)],
            ended: Some(trace::ended),
        },
        Kind { name: "after", deadline, steps: vec![step("x", act)], ended: Some(trace::ended) },
        Kind {
            name: "failing",
            deadline,
            steps: vec![step("a", act), step("b", act), step("c", fail)],
            ended: Some(trace::ended),
        },
    ]
}

/// A worker in a process of its own.
struct Worker {
    child: Child,
    dead: bool,
}

impl Worker {
    fn start(place: &Place, fault: Option<&Fault>) -> Worker {
        let child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "processes::works_until_it_is_left_alone"])
            .env(CHILD[0], &place.location)
            .env(CHILD[1], serde_json::to_string(&fault).unwrap())
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        Worker { child, dead: false }
    }

    fn pid(&self) -> Pid {
        Pid::from_child(&self.child)
    }

    /// Waits until it has stopped or died.
    fn fall(&mut self) {
        let (_, status) = waitpid(Some(self.pid()), WaitOptions::UNTRACED).unwrap().unwrap();
        assert!(status.stopped() || status.terminating_signal().is_some(), "it did not fall: {status:?}");
        self.dead = !status.stopped();
    }

    fn go_on(&self) {
        if !self.dead {
            kill_process(self.pid(), Sent::CONT).unwrap();
        }
    }

    fn kill(mut self) {
        if !std::mem::replace(&mut self.dead, true) {
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        if !self.dead {
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }
}

#[test]
fn works_until_it_is_left_alone() {
    let [Ok(location), Ok(fault)] = CHILD.map(std::env::var) else { return };
    let store = Arc::new(Store::open(&location, places::clock()).unwrap());
    let world: World = serde_json::from_str(&fault).unwrap();
    let settings = Settings { lease: LEASE, workers: 1, sharing: Sharing::Shared, ..Settings::new("child") };
    let runs = Runs::new(store, kinds(), Arc::new(world), settings, places::clock(), Arc::new(SystemEntropy)).unwrap();
    runs.start().unwrap();
    // Ends with its parent, however that ends.
    let _ = std::io::stdin().read(&mut [0]);
}

fn ask(store: &Store, kind: &'static str, subject: &str) -> String {
    let (project, subject) = ("p".to_string(), subject.to_string());
    let run = NewRun { kind, project, subject, input: json!(null) };
    store.write(|tx| enqueue(tx, &run, &SystemEntropy, &Signal::default())).unwrap()
}

/// Waits until a run has ended, at most for a time.
fn ended(store: &Store, id: &str, within: Duration) -> Option<State> {
    let clock = SystemClock::new();
    loop {
        let run = store.read(|tx| runs::get(tx, id)).unwrap().unwrap();
        if run.situation.state.is_final() {
            return Some(run.situation.state);
        }
        if clock.monotonic() > within {
            return None;
        }
        clock.pause(Duration::from_millis(20));
    }
}

/// One case: the first worker falls, the second finishes, the first goes on and must find that it has nothing to say.
fn play(place: &Place, kind: &'static str, fault: &Fault) {
    let store = place.open();
    let id = ask(&store, kind, "s");
    let mut first = Worker::start(place, Some(fault));
    first.fall();
    let second = Worker::start(place, None);
    // Stopped inside the transaction, the first one holds the writers' lock: nobody can go on before it does.
    let inside = fault.point == "effects" && !fault.kill;
    let patience = if inside { LEASE * 2 } else { PATIENCE };
    let state = ended(&store, &id, patience);
    assert!(state.is_some() || inside, "{fault:?}: nobody took over");
    first.go_on();
    let state = ended(&store, &id, PATIENCE);
    second.kill();
    if !first.dead {
        // Whatever the first one still wanted to record comes before its next run.
        let after = ask(&store, "after", "other");
        assert_eq!(ended(&store, &after, PATIENCE), Some(State::Done), "{fault:?}: the first one works no more");
        assert_eq!(trace::of_run(&store, &after), ["x"], "{fault:?}");
    }
    let (expect_state, expect): (State, &[&str]) = match kind {
        "good" => (State::Done, &["a", "b", "c"]),
        _ => (State::Failed, &["a", "b", "-c", "-b", "-a"]),
    };
    assert_eq!(state, Some(expect_state), "{fault:?}");
    assert_eq!(trace::of_run(&store, &id), expect, "{fault:?}");
    assert_eq!(trace::ends(&store, &id), [expect_state.word()], "{fault:?}");
    let epoch = store.read(|tx| runs::get(tx, &id)).unwrap().unwrap().epoch;
    assert!(epoch >= 2 || inside, "{fault:?}: the run had one owner only");
}

/// Every step, forwards and backwards, every point, both signals.
fn cases() -> Vec<(&'static str, Fault)> {
    let steps = [("good", "a"), ("good", "b"), ("good", "c"), ("failing", "-c"), ("failing", "-b"), ("failing", "-a")];
    let mut cases = Vec::new();
    for (kind, step) in steps {
        for point in ["begin", "end", "effects"] {
            for kill in [false, true] {
                cases.push((kind, Fault { step: step.to_string(), point: point.to_string(), kill }));
            }
        }
    }
    cases
}

fn play_all(place: impl Fn() -> Place + Sync) {
    let rounds = if std::env::var_os("FARSHORE_SOAK").is_some() { ROUNDS_SOAK } else { 1 };
    let mut left = Vec::new();
    for _ in 0..rounds {
        left.extend(cases());
    }
    // Without the soak, the middle of a body is as good as its beginning; backwards the middle step stands for all.
    if rounds == 1 {
        left.retain(|(kind, fault)| fault.point != "end" && (*kind == "good" || fault.step == "-b"));
    }
    let left = Mutex::new(left);
    thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                loop {
                    let Some((kind, fault)) = left.lock().unwrap().pop() else { return };
                    play(&place(), kind, &fault);
                }
            });
        }
    });
}

#[test]
fn workers_that_are_stopped_or_killed_never_make_a_step_count_twice_on_sqlite() {
    play_all(places::sqlite);
}

#[test]
fn workers_that_are_stopped_or_killed_never_make_a_step_count_twice_on_postgresql() {
    if places::postgresql().is_some() {
        play_all(|| places::postgresql().unwrap());
    }
}
