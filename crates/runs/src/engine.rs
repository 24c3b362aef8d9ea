//! The threads that carry out runs: some workers, and one heart for all of them.
//!
//! Killed at any moment, the next process goes on from the last recorded step. Told to stop, the steps at work are asked to
//! stop, and their runs are let go, so that the next process need not wait for a lease.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{Builder, JoinHandle};
use std::time::Duration;

use farshore_store::{Store, Tx, id, runs};
use farshore_types::{Clock, Entropy, Error, ErrorKind, Result};
use serde_json::Value;

use crate::claim::Claim;
use crate::core::{Core, Identity, Sharing};
use crate::heart::Active;
use crate::kind::{JSON_BYTES_MAX, Kind};
use crate::live::Reason;
use crate::outcome::{Next, Outcome};
use crate::signal::Signal;
use crate::view::{RunView, view};

/// How often the store is looked at for runs that nobody here was told of.
const POLL: Duration = Duration::from_secs(1);
/// Worker threads that make sense on one host.
const WORKERS_MAX: usize = 64;
/// The shortest lease that a busy machine can keep.
const LEASE_MIN: Duration = Duration::from_millis(200);

/// How runs are carried out.
#[derive(Clone)]
pub struct Settings {
    /// Names this process among those on the same store.
    pub name: String,
    /// How long the beat of a worker may stand still before another takes its runs.
    pub lease: Duration,
    /// How many runs are carried out at the same time.
    pub workers: usize,
    /// Whether other processes work on the same store.
    pub sharing: Sharing,
    /// Given when there is something to do. Whoever asks for runs outside of [`Runs`] keeps a clone.
    pub signal: Signal,
}

impl Settings {
    /// A lease of a minute, four workers, alone on the store.
    pub fn new(name: &str) -> Self {
        Settings {
            name: name.to_string(),
            lease: Duration::from_secs(60),
            workers: 4,
            sharing: Sharing::Alone,
            signal: Signal::default(),
        }
    }
}

/// A run that is asked for.
#[derive(Debug, Clone, PartialEq)]
pub struct NewRun {
    /// The name of its kind.
    pub kind: &'static str,
    /// For which project, by id.
    pub project: String,
    /// On what; for a service its id.
    pub subject: String,
    /// What it is given. No secrets: it is shown.
    pub input: Value,
}

/// Asks for a run in the caller's transaction, and gives the signal once that is durable; its id. For steps and others that
/// have no [`Runs`] at hand.
pub fn enqueue(tx: &mut Tx<'_>, run: &NewRun, entropy: &dyn Entropy, signal: &Signal) -> Result<String> {
    let size = run.input.to_string().len();
    if size > JSON_BYTES_MAX {
        return Err(Error::invalid(format!("a run is given {size} bytes, more than {JSON_BYTES_MAX}")));
    }
    let id = id::new(tx.now(), entropy)?;
    let asked = runs::Asked {
        id: id.clone(),
        kind: run.kind.to_string(),
        project: run.project.clone(),
        subject: run.subject.clone(),
        input: run.input.clone(),
    };
    runs::insert(tx, &asked)?;
    let signal = signal.clone();
    tx.on_commit(move || signal.give());
    Ok(id)
}

/// The runs of a store, and the threads that carry them out.
pub struct Runs<C> {
    shared: Arc<Shared<C>>,
    workers: usize,
    entropy: Arc<dyn Entropy>,
    threads: Mutex<Vec<JoinHandle<()>>>,
}

struct Shared<C> {
    core: Core<C>,
    active: Active,
    work: Signal,
    changed: Signal,
    stopping: AtomicBool,
}

impl<C: Send + Sync + 'static> Runs<C> {
    /// Carries out nothing before [`Runs::start`]. `Invalid` for settings out of their bounds, `Bug` for two kinds of one name.
    pub fn new(
        store: Arc<Store>,
        kinds: Vec<Kind<C>>,
        context: Arc<C>,
        settings: Settings,
        clock: Arc<dyn Clock>,
        entropy: Arc<dyn Entropy>,
    ) -> Result<Self> {
        if settings.lease < LEASE_MIN || !(1..=WORKERS_MAX).contains(&settings.workers) {
            let what = format!("a lease of {:?} and {} workers cannot be kept", settings.lease, settings.workers);
            return Err(
                Error::invalid(what).hint(format!("a lease of {LEASE_MIN:?} or more, 1 to {WORKERS_MAX} workers"))
            );
        }
        let identity = Identity::new(&settings.name, settings.lease, settings.sharing, entropy.as_ref())?;
        let core = Core::new(store, kinds, context, identity, clock)?;
        let (active, work, changed) = (Active::default(), settings.signal, Signal::default());
        let shared = Arc::new(Shared { core, active, work, changed, stopping: AtomicBool::new(false) });
        Ok(Runs { shared, workers: settings.workers, entropy, threads: Mutex::default() })
    }

    /// Starts the threads.
    pub fn start(&self) -> Result<()> {
        let mut threads = self.threads.lock().unwrap_or_else(PoisonError::into_inner);
        let spawn = |name: String, work: fn(&Shared<C>)| {
            let shared = self.shared.clone();
            let spawned = Builder::new().name(name).spawn(move || work(&shared));
            spawned.map_err(|error| Error::io(error, "start", "a thread for runs"))
        };
        threads.push(spawn("runs-heart".to_string(), Shared::keep_beating)?);
        for number in 0..self.workers {
            threads.push(spawn(format!("runs-{number}"), Shared::work)?);
        }
        Ok(())
    }

    /// Asks the steps at work to stop and waits for them, at most for a time; whether all did. Those that did not are left to
    /// the end of the process; their runs go on after a lease, or at once if the next process is alone.
    pub fn stop(&self, within: Duration) -> bool {
        let shared = &self.shared;
        let begun = shared.core.clock.monotonic();
        shared.stopping.store(true, Ordering::SeqCst);
        shared.active.stop_all(Reason::Shutdown);
        loop {
            let seen = shared.changed.count();
            shared.work.give();
            let threads = self.threads.lock().unwrap_or_else(PoisonError::into_inner);
            if threads.iter().all(JoinHandle::is_finished) {
                break;
            }
            drop(threads);
            let left = within.saturating_sub(shared.core.clock.monotonic().saturating_sub(begun));
            if left.is_zero() {
                return false;
            }
            shared.changed.wait(seen, left.min(Duration::from_millis(50)));
        }
        let threads = std::mem::take(&mut *self.threads.lock().unwrap_or_else(PoisonError::into_inner));
        threads.into_iter().for_each(|thread| drop(thread.join()));
        true
    }

    /// Asks for a run in the caller's transaction; its id. A worker wakes once the transaction is durable.
    pub fn enqueue(&self, tx: &mut Tx<'_>, run: &NewRun) -> Result<String> {
        if !self.shared.core.kinds.contains_key(run.kind) {
            return Err(Error::bug(format!("there is no kind of run {}", run.kind)));
        }
        enqueue(tx, run, self.entropy.as_ref(), &self.shared.work)
    }

    /// Asks a run to end: at once if it has not begun, else by undoing it. One whose last step is already recorded stays done.
    pub fn cancel(&self, id: &str) -> Result<RunView> {
        let shared = &self.shared;
        let run = shared.core.store.write(|tx| runs::cancel(tx, id))?;
        run.ok_or_else(|| missing(id))?;
        shared.active.stop(id, Reason::Cancelled);
        shared.work.give();
        shared.changed.give();
        self.view(id)
    }

    /// A run as it stands in the store.
    pub fn view(&self, id: &str) -> Result<RunView> {
        self.shared.core.store.read(|tx| self.view_in(tx, id))?.ok_or_else(|| missing(id))
    }

    /// The same in the caller's transaction; none if there is none.
    pub fn view_in(&self, tx: &mut Tx<'_>, id: &str) -> Result<Option<RunView>> {
        runs::get(tx, id)?.map(|run| self.seen(tx, run)).transpose()
    }

    /// Runs on a subject, newest first.
    pub fn of_subject(&self, tx: &mut Tx<'_>, subject: &str, limit: u32) -> Result<Vec<RunView>> {
        let found = runs::of_subject(tx, subject, limit)?;
        found.into_iter().map(|run| self.seen(tx, run)).collect()
    }

    /// The run on a subject that is carried out, or is next; none when there is nothing to do.
    pub fn current(&self, tx: &mut Tx<'_>, subject: &str) -> Result<Option<RunView>> {
        let mut found = runs::unfinished_of_subject(tx, subject, 1)?;
        found.pop().map(|run| self.seen(tx, run)).transpose()
    }

    /// Waits until a run has ended, at most for a time; how it stands then. A store that cannot be read for a moment is asked
    /// again while there is time.
    pub fn wait(&self, id: &str, within: Duration) -> Result<RunView> {
        let clock = &self.shared.core.clock;
        let begun = clock.monotonic();
        loop {
            let seen = self.shared.changed.count();
            let run = self.view(id);
            let left = within.saturating_sub(clock.monotonic().saturating_sub(begun));
            let passing = run.as_ref().is_err_and(|error| error.kind() == ErrorKind::Transient);
            let goes_on = passing || run.as_ref().is_ok_and(|run| !run.state.is_final());
            if !goes_on || left.is_zero() {
                return run;
            }
            self.shared.changed.wait(seen, left.min(POLL));
        }
    }

    fn seen(&self, tx: &mut Tx<'_>, run: runs::Run) -> Result<RunView> {
        let journal = runs::steps(tx, &run.id)?;
        let kind = self.shared.core.kinds.get(run.kind.as_str());
        let names: Vec<&'static str> = kind.iter().flat_map(|kind| kind.steps.iter().map(|step| step.name)).collect();
        Ok(view(run, &journal, &names))
    }
}

impl<C: Send + Sync> Shared<C> {
    fn work(&self) {
        while !self.stopping.load(Ordering::SeqCst) {
            let seen = self.work.count();
            match self.core.find() {
                Ok(Some(claim)) => self.drive(claim),
                Ok(None) => self.work.wait(seen, POLL),
                Err(error) => {
                    tracing::debug!("no run can be looked for: {error}");
                    self.work.wait(seen, POLL);
                }
            }
        }
        self.changed.give();
    }

    fn drive(&self, mut claim: Claim) {
        let live = claim.live.clone();
        let deadline = self.core.kind(&claim.run.kind).map(|kind| kind.deadline).unwrap_or_default();
        loop {
            self.active.enter(&live, Some(self.core.clock.monotonic().saturating_add(deadline)));
            // Asked after entering: whoever stops asks those who have entered.
            let stopping = self.stopping.load(Ordering::SeqCst);
            let outcome = if stopping { Outcome::stopped() } else { self.core.perform(&claim) };
            // Effects that panic must not leave a run whose heart beats for ever.
            let next = catch_unwind(AssertUnwindSafe(|| self.core.record(claim, outcome)))
                .unwrap_or_else(|_| Err(Error::bug("the effects of a step panicked")));
            self.changed.give();
            match next {
                Ok(Next::Again(same)) => claim = same,
                Ok(Next::Released) => break,
                Ok(Next::Lost) => {
                    tracing::info!("run {} was taken by another worker", live.fence.id);
                    break;
                }
                Err(error) => {
                    tracing::warn!("run {} is let go, its step cannot be recorded: {error}", live.fence.id);
                    break;
                }
            }
        }
        self.active.leave(&live);
    }

    fn keep_beating(&self) {
        while !(self.stopping.load(Ordering::SeqCst) && self.active.is_empty()) {
            let seen = self.changed.count();
            self.core.beat(&self.active);
            // A signal per recorded step: not a reason to beat more often than every tick, but a reason to look at the end.
            self.changed.wait(seen, self.core.tick());
        }
    }
}

fn missing(id: &str) -> Error {
    Error::missing(format!("run {id} does not exist"))
}
