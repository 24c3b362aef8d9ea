//! What is done again and again beside the runs: the fleet is tended, and every reconciler is called on time and when there is work.
//!
//! Each has a thread of its own, so that one which hangs on a store delays no other. They keep nothing in memory: a process that was
//! killed anywhere in them has nothing to make good but to call them again.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{Builder, JoinHandle};
use std::time::Duration;

use farshore_control::metrics::{SAMPLE_S, Samples, sample};
use farshore_control::settings::Region;
use farshore_control::{Control, reconcile};
use farshore_runs::Signal;
use farshore_types::error::ErrorContext;
use farshore_types::{Clock, Error, RegionName, Result};

use super::agents::Agents;
use super::charts;
use super::place::Place;

/// How often the fleet is brought back to what was ordered.
const TEND: Duration = Duration::from_secs(1);
/// How often nodes are looked at, where no signal comes first.
const SUPERVISE: Duration = Duration::from_secs(2);
/// How often due backups are asked for.
const DUE_BACKUPS: Duration = Duration::from_secs(5);
/// How often regions are asked whether they answer.
const PROBE: Duration = Duration::from_secs(2);
/// How often it is looked which regions shall play to be lost.
const DRILL: Duration = Duration::from_millis(200);
/// How often copies are ordered.
const COPY: Duration = Duration::from_secs(5);
/// How often copies whose grace is over are destroyed.
const END_COPIES: Duration = Duration::from_secs(20);
/// How often nodes are looked for that nobody wants.
const SWEEP_NODES: Duration = Duration::from_secs(30);
/// How often what regions hold is read.
const REFRESH: Duration = Duration::from_secs(30);
/// How often what no policy keeps is given up.
const EXPIRE: Duration = Duration::from_secs(3600);
/// How often services that cannot come back any more are destroyed.
const SHRED: Duration = Duration::from_secs(3600);
/// How often it is looked whether a backup is missing.
const LATE_BACKUPS: Duration = Duration::from_secs(60);
/// How often it is looked whether what was asked for waits for long.
const WAITING_RUNS: Duration = Duration::from_secs(60);
/// How often letters are looked for, where no signal comes first.
const DELIVER: Duration = Duration::from_secs(5);
/// How often figures for charts are taken.
const SAMPLE: Duration = Duration::from_secs(SAMPLE_S);
/// How often they are saved.
const SAVE_CHARTS: Duration = Duration::from_secs(300);
/// Between two calls, also where signals come without end.
const REST: Duration = Duration::from_millis(100);
/// How often threads that were told to end are looked at.
const LOOK: Duration = Duration::from_millis(20);

/// Running threads. They end with the process, or when they are told to.
pub struct Keeping {
    stop: Arc<Stop>,
    threads: Vec<JoinHandle<()>>,
    clock: Arc<dyn Clock>,
}

#[derive(Default)]
struct Stop {
    told: AtomicBool,
    signal: Signal,
}

/// One thing that is done again and again.
struct Duty {
    name: &'static str,
    period: Duration,
    /// Given when there may be something to do before the period is over.
    wake: Option<Signal>,
    work: Box<dyn Fn() -> Result<()> + Send>,
}

impl Keeping {
    /// Starts the threads.
    pub fn start(
        place: &Place,
        agents: &Arc<Agents>,
        control: &Arc<Control>,
        samples: &Arc<Samples>,
    ) -> Result<Keeping> {
        let stop = Arc::new(Stop::default());
        let mut keeping = Keeping { stop, threads: Vec::new(), clock: control.clock.clone() };
        for duty in duties(place, agents, control, samples) {
            let (stop, name) = (keeping.stop.clone(), duty.name);
            let thread = Builder::new().name(name.to_string()).spawn(move || duty.keep(&stop));
            keeping.threads.push(thread.map_err(|error| Error::io(error, "start the thread", name))?);
        }
        Ok(keeping)
    }

    /// Tells the threads to end and waits for them, at most for a time; names those that did not.
    pub fn stop(self, control: &Control, within: Duration) -> Vec<String> {
        self.stop.told.store(true, Ordering::SeqCst);
        let begun = self.clock.monotonic();
        let alive = || self.threads.iter().filter(|thread| !thread.is_finished());
        while alive().next().is_some() && self.clock.monotonic().saturating_sub(begun) < within {
            let seen = self.stop.signal.count();
            control.signal.give();
            self.stop.signal.give();
            self.stop.signal.wait(seen + 1, LOOK);
        }
        alive().filter_map(|thread| thread.thread().name().map(str::to_string)).collect()
    }
}

/// Regions that shall play to be lost: the names of the files in a folder that only the platform's owner can write.
pub fn drills(place: &Place) -> Result<Vec<RegionName>> {
    let (folder, mut found) = (place.drills(), Vec::new());
    for file in std::fs::read_dir(&folder).doing("look into", folder.display())? {
        let file = file.doing("look into", folder.display())?;
        found.extend(file.file_name().to_str().and_then(|name| name.parse::<RegionName>().ok()));
    }
    Ok(found)
}

fn duties(place: &Place, agents: &Arc<Agents>, control: &Arc<Control>, samples: &Arc<Samples>) -> Vec<Duty> {
    let reconciler = |name, period, wake: Option<&Signal>, work: fn(&Control) -> Result<()>| {
        let control = control.clone();
        Duty { name, period, wake: wake.cloned(), work: Box::new(move || work(&control)) }
    };
    let asked = Some(&control.signal);
    let tended = agents.clone();
    let tend = move || {
        tended.tend();
        Ok(())
    };
    let (sampled, kept) = (control.clone(), samples.clone());
    let sample = move || sample(&sampled, &kept);
    let (folder, kept) = (place.charts(), samples.clone());
    let save = move || charts::save(&folder, &kept);
    let mut duties = vec![
        Duty { name: "tend", period: TEND, wake: None, work: Box::new(tend) },
        drill(place, agents),
        reconciler("supervise", SUPERVISE, asked, reconcile::supervise),
        reconciler("due-backups", DUE_BACKUPS, asked, reconcile::due_backups),
        reconciler("copy", COPY, asked, reconcile::copy),
        reconciler("end-copies", END_COPIES, None, reconcile::end_copies),
        reconciler("late-backups", LATE_BACKUPS, None, reconcile::late_backups),
        reconciler("waiting-runs", WAITING_RUNS, None, reconcile::waiting_runs),
        reconciler("deliver", DELIVER, None, reconcile::deliver),
        reconciler("sweep-nodes", SWEEP_NODES, None, reconcile::sweep_nodes),
        Duty { name: "sample", period: SAMPLE, wake: None, work: Box::new(sample) },
        Duty { name: "save-charts", period: SAVE_CHARTS, wake: None, work: Box::new(save) },
        reconciler("shred", SHRED, None, reconcile::shred),
    ];
    // One thread for each region, so that one which hangs delays no other.
    for region in &control.settings.regions {
        duties.push(regional(control, region, ("probe", PROBE), reconcile::probe));
        duties.push(regional(control, region, ("refresh", REFRESH), reconcile::refresh));
        duties.push(regional(control, region, ("expire", EXPIRE), reconcile::expire));
    }
    duties
}

fn regional(
    control: &Arc<Control>,
    region: &Region,
    (name, period): (&'static str, Duration),
    work: fn(&Control, &RegionName) -> Result<()>,
) -> Duty {
    let (control, region) = (control.clone(), region.name.clone());
    Duty { name, period, wake: None, work: Box::new(move || work(&control, &region)) }
}

fn drill(place: &Place, agents: &Arc<Agents>) -> Duty {
    let (place, agents) = (place.clone(), agents.clone());
    let work = move || agents.drill(&drills(&place)?);
    Duty { name: "drill", period: DRILL, wake: None, work: Box::new(work) }
}

impl Duty {
    fn keep(&self, stop: &Stop) {
        let told = || stop.told.load(Ordering::SeqCst);
        while !told() {
            let wake = self.wake.as_ref().unwrap_or(&stop.signal);
            let (seen, seen_stop) = (wake.count(), stop.signal.count());
            match catch_unwind(AssertUnwindSafe(|| (self.work)())) {
                Ok(Ok(())) => {}
                Ok(Err(error)) => tracing::warn!(%error, "{} failed, and is tried again", self.name),
                Err(_) => tracing::error!("{} panicked, and is tried again", self.name),
            }
            // A signal that comes again and again must not take a processor for itself.
            if !told() {
                stop.signal.wait(seen_stop, REST);
            }
            if !told() {
                wake.wait(seen, self.period);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicU32;

    use farshore_types::SystemClock;

    use super::*;

    fn keeping(duties: Vec<Duty>) -> Keeping {
        let stop = Arc::new(Stop::default());
        let spawn = |duty: Duty| {
            let stop = stop.clone();
            Builder::new().name(duty.name.to_string()).spawn(move || duty.keep(&stop)).unwrap()
        };
        let threads = duties.into_iter().map(spawn).collect();
        Keeping { stop: stop.clone(), threads, clock: Arc::new(SystemClock::new()) }
    }

    fn counted(name: &'static str, wake: Option<Signal>, outcome: fn() -> Result<()>) -> (Duty, Arc<AtomicU32>) {
        let count = Arc::new(AtomicU32::new(0));
        let counter = count.clone();
        let work = move || {
            counter.fetch_add(1, Ordering::SeqCst);
            outcome()
        };
        (Duty { name, period: Duration::from_secs(3600), wake, work: Box::new(work) }, count)
    }

    fn await_count(count: &AtomicU32, expect: u32) {
        let clock = SystemClock::new();
        while count.load(Ordering::SeqCst) < expect {
            assert!(clock.monotonic() < Duration::from_secs(20), "it was not called {expect} times");
            clock.pause(Duration::from_millis(5));
        }
    }

    #[test]
    fn a_duty_is_called_at_the_start_and_at_every_signal_whatever_became_of_the_last_call() {
        for outcome in [|| Ok(()), || Err(Error::transient("the store is away")), || panic!("as asked")] {
            let signal = Signal::default();
            let (duty, count) = counted("one", Some(signal.clone()), outcome);
            let keeping = keeping(vec![duty]);
            await_count(&count, 1);
            signal.give();
            await_count(&count, 2);
            drop(keeping);
        }
    }

    #[test]
    fn one_that_hangs_delays_no_other() {
        let signal = Signal::default();
        let (hanging, begun) = counted("hanging", None, || {
            Signal::default().wait(0, Duration::from_secs(3600));
            Ok(())
        });
        let (other, count) = counted("other", Some(signal.clone()), || Ok(()));
        let _keeping = keeping(vec![hanging, other]);
        await_count(&begun, 1);
        await_count(&count, 1);
        signal.give();
        await_count(&count, 2);
    }
}
