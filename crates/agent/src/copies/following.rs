//! One copy that is followed: a thread for the log, so that the copy is seconds behind, and one for backups, the newest first, so that it can
//! be restored from soonest.
//!
//! What fails is tried again from the last durable position, with growing pauses, and is shown as the reason for the pause. So is a store
//! that does not answer at all: the reason is then found by looking when it last did.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{Builder, JoinHandle};
use std::time::Duration;

use farshore_objects::{Budget, Meter, ObjectStore, Scoped, Verb};
use farshore_types::error::ErrorContext;
use farshore_types::{ErrorKind, Progress, Result, Timestamp};
use farshore_vault::Repository;
use farshore_vault::care::copy::{Settings, Watermark, copy_backup, ensure_repository, follow_journal};
use farshore_vault::care::retention::Keep;
use farshore_vault::names::ManifestName;

use super::order::{CopyOrder, Ground, Known};
use super::pending;
use super::view::{Copied, Part, Shown};

/// How often we look whether there is new log.
const LOG_INTERVAL: Duration = Duration::from_secs(1);
/// How often we look whether there is a new backup.
const BACKUPS_INTERVAL: Duration = Duration::from_secs(2);
/// The longest pause after a failure.
const PAUSE_MAX: Duration = Duration::from_secs(20);
/// Once in so many rounds the source is asked for new keys.
const KEYS_EVERY: u32 = 60;
/// A store that has answered nothing for so long does not answer.
const SILENCE: Duration = Duration::from_secs(10);

/// A copy. Dropping it asks its threads to stop, without waiting.
pub struct Following {
    work: Arc<Work>,
    threads: Vec<JoinHandle<()>>,
}

/// What both threads share.
struct Work {
    order: CopyOrder,
    ground: Ground,
    keep: Mutex<Keep>,
    shown: Shown,
    stop: Progress,
    heard: Heard,
    /// How often what was known of the target turned out not to be true any more: both threads begin anew.
    anew: AtomicU64,
}

/// When the stores answered last.
#[derive(Default)]
struct Heard {
    /// Of each thread: the stores that it opened last.
    meters: Mutex<[Vec<Arc<Meter>>; 2]>,
    /// Who waits for it does not wait for a store.
    budget: Mutex<Option<Arc<Budget>>>,
    last: Mutex<(u64, Duration)>,
}

impl Heard {
    fn listen(&self, part: Part, meters: &[Arc<Meter>], budget: Option<Arc<Budget>>) {
        *self.budget.lock().unwrap_or_else(PoisonError::into_inner) = budget;
        self.meters.lock().unwrap_or_else(PoisonError::into_inner)[part as usize] = meters.to_vec();
    }

    /// For how long nothing was answered, as far as it was looked.
    fn silence(&self, now: Duration) -> Duration {
        let meters = self.meters.lock().unwrap_or_else(PoisonError::into_inner);
        let calls: u64 =
            meters.iter().flatten().flat_map(|meter| Verb::ALL.map(|verb| meter.reading(verb).calls)).sum();
        let budget = self.budget.lock().unwrap_or_else(PoisonError::into_inner);
        let signs = calls.wrapping_add(budget.as_ref().map_or(0, |budget| budget.waits()));
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        if last.0 != signs || last.1.is_zero() {
            *last = (signs, now);
        }
        now.saturating_sub(last.1)
    }
}

/// Both sides of a copy, opened.
struct Pair {
    source: Repository,
    bulk: Repository,
    target: Repository,
}

impl Following {
    /// Starts both threads.
    pub fn begin(order: CopyOrder, ground: Ground) -> Result<Following> {
        let (keep, heard) = (Mutex::new(order.keep), Heard::default());
        let work = Arc::new(Work {
            order,
            ground,
            keep,
            shown: Shown::default(),
            stop: Progress::default(),
            heard,
            anew: AtomicU64::new(0),
        });
        let mut following = Following { work: work.clone(), threads: Vec::new() };
        let log = work.clone();
        following.spawn("copy-log", move || log.follow_log())?;
        following.spawn("copy-backups", move || work.follow_backups())?;
        Ok(following)
    }

    fn spawn(&mut self, name: &str, work: impl FnOnce() + Send + 'static) -> Result<()> {
        let thread = Builder::new().name(name.to_string()).spawn(work).doing("start the thread", name)?;
        self.threads.push(thread);
        Ok(())
    }

    /// The region that is copied from.
    pub fn from(&self) -> &str {
        &self.work.order.from
    }

    /// Takes another rule of retention.
    pub fn set_keep(&self, keep: Keep) {
        *self.work.keep.lock().unwrap_or_else(PoisonError::into_inner) = keep;
    }

    /// Asks both threads to stop.
    pub fn stop(&self) {
        self.work.stop.stop();
        self.work.shown.wake();
    }

    /// Whether any thread still works.
    pub fn works(&self) -> bool {
        self.threads.iter().any(|thread| !thread.is_finished())
    }

    /// Whether both threads work.
    pub fn is_alive(&self) -> bool {
        self.threads.iter().all(|thread| !thread.is_finished())
    }

    /// Looks for something new at once.
    pub fn wake(&self) {
        self.work.shown.wake();
    }

    /// How far it is.
    pub fn view(&self) -> Copied {
        let mut copied = self.work.shown.now();
        let silence = self.work.heard.silence(self.work.ground.clock.monotonic());
        if copied.paused.is_none() && silence >= SILENCE {
            let CopyOrder { from, to, .. } = &self.work.order;
            copied.paused = Some(format!("{from} or {to} has not answered for {} s", silence.as_secs()));
        }
        copied
    }
}

impl Drop for Following {
    fn drop(&mut self) {
        self.stop();
    }
}

/// The moment before which nothing is missing: that of the last object, or what the first region's agent knew to be there before it was
/// listed, if so much was reached.
fn safe(mark: &Watermark, known: Option<&Known>) -> Option<Timestamp> {
    let (stream, timeline, position, moment) = mark.end()?;
    let idle = known.filter(|known| known.stream == stream && known.timeline == timeline && position >= known.position);
    Some(idle.map_or(moment, |known| known.moment.max(moment)))
}

impl Work {
    fn follow_log(&self) {
        let mut mark = Watermark::default();
        self.again_and_again(Part::Log, LOG_INTERVAL, &mut |pair, round| {
            if round == 0 {
                mark = Watermark::default();
            }
            let anew = self.anew.load(Ordering::SeqCst);
            // Before the listing: what was in the source's store then is in the target's afterwards.
            let known = self.ground.origin.known(&self.order.service);
            let waiting = &mut |objects, bytes| self.shown.change(|copied| copied.log_waiting = (objects, bytes));
            mark = follow_journal(&pair.source, &pair.target, &mark, &self.stop, waiting)?;
            let restores = self.restores_to_end(pair, &mark)?;
            let put = mark.copied;
            if self.anew.load(Ordering::SeqCst) != anew {
                // The target was made anew meanwhile: what was just read says nothing of it.
                return Ok(());
            }
            self.shown.change(|copied| {
                copied.followed = true;
                copied.put = (copied.put.0 + put.objects, copied.put.1 + put.bytes);
                copied.complete = copied.complete.max(restores.then(|| safe(&mark, known.as_ref())).flatten());
            });
            Ok(())
        });
    }

    fn follow_backups(&self) {
        self.again_and_again(Part::Backups, BACKUPS_INTERVAL, &mut |pair, _| {
            let (mut damaged, mut first) = (BTreeSet::new(), None);
            loop {
                let keep = *self.keep.lock().unwrap_or_else(PoisonError::into_inner);
                let pending = pending::find(&pair.source, &pair.target, keep, self.ground.clock.now())?;
                self.shown.change(|copied| (copied.compared, copied.waiting) = (true, pending.waiting));
                let Some(next) = pending.names.iter().find(|name| !damaged.contains(&name.id)) else {
                    return first.map_or(Ok(()), Err);
                };
                self.stop.go_on()?;
                match self.copy(pair, next) {
                    // Those that are whole are copied all the same, and this one is tried again in the next round.
                    Err(error) if error.kind() == ErrorKind::Corrupt => {
                        damaged.insert(next.id);
                        first.get_or_insert(error);
                    }
                    outcome => outcome?,
                }
            }
        });
    }

    /// Copies one backup. `Corrupt` where it is damaged in the first region; `Ok` also where it has expired there meanwhile.
    fn copy(&self, pair: &Pair, name: &ManifestName) -> Result<()> {
        let settings = Settings { workers: self.ground.workers, bytes_per_second: None };
        let sources = (self.ground.clock.clone(), &*self.ground.entropy);
        match copy_backup(&pair.bulk, &pair.target, name, &settings, sources, &self.stop) {
            Ok(put) => {
                self.shown.change(|copied| {
                    copied.put = (copied.put.0 + put.objects, copied.put.1 + put.bytes);
                });
                // The target's sweep may have given up log that only this backup needs.
                let held = pair.target.backups()?;
                if held.len() > 1 && held.first().is_some_and(|oldest| oldest.id == name.id) {
                    self.anew.fetch_add(1, Ordering::SeqCst);
                }
                Ok(())
            }
            Err(error) if error.kind() == ErrorKind::Missing => {
                Repository::open(pair.source.store().clone()).map(drop)?;
                match pair.source.backups()?.contains(name) {
                    true => Err(error.with_kind(ErrorKind::Corrupt).hint(format!(
                        "backup {} is damaged in region {}, the others are copied; take a new one",
                        name.id, self.order.from
                    ))),
                    false => Ok(()),
                }
            }
            Err(error) => Err(error),
        }
    }

    /// Does one kind of work round after round until asked to stop. Rounds are counted anew after a failure.
    fn again_and_again(&self, part: Part, interval: Duration, work: &mut dyn FnMut(&Pair, u32) -> Result<()>) {
        let (mut opened, mut pause, mut round, mut told) = (None, interval, 0_u32, None);
        let mut anew = self.anew.load(Ordering::SeqCst);
        while self.stop.go_on().is_ok() {
            let seen = self.shown.calls();
            let now = self.anew.load(Ordering::SeqCst);
            if now != anew {
                (anew, opened, round) = (now, None, 0);
            }
            match self.one_round(part, &mut opened, round, work) {
                Ok(()) => (told, pause, round) = (None, interval, round.wrapping_add(1).max(1)),
                Err(_) if self.stop.go_on().is_err() => return,
                Err(error) => {
                    let passes = matches!(error.kind(), ErrorKind::Transient | ErrorKind::Busy);
                    let why = if passes { error.brief() } else { error.to_string() };
                    if told.as_ref() != Some(&why) {
                        let CopyOrder { service, to, .. } = &self.order;
                        tracing::info!(%service, region = %to, %error, "copying rests, and is tried again");
                    }
                    (told, opened, round, pause) = (Some(why), None, 0, (pause * 2).min(PAUSE_MAX));
                }
            }
            self.shown.rest(part, told.clone());
            self.shown.wait(seen, pause);
        }
    }

    fn one_round(
        &self,
        part: Part,
        opened: &mut Option<Pair>,
        round: u32,
        work: &mut dyn FnMut(&Pair, u32) -> Result<()>,
    ) -> Result<()> {
        let pair = match opened {
            Some(pair) if !round.is_multiple_of(KEYS_EVERY) => pair,
            _ => opened.insert(self.open(part)?),
        };
        work(pair, round)
    }

    /// Opens both sides; makes the target, and brings new keys over. Fails where the source is gone, which an empty listing would not tell.
    fn open(&self, part: Part) -> Result<Pair> {
        let admitted = self.ground.origin.admit(&self.order);
        let paths = self.ground.origin.paths(&self.order)?;
        let meters = [paths.log, paths.bulk, paths.target].map(|store| Arc::new(Meter::new(store)));
        let scoped = |meter: &Arc<Meter>| -> Result<Arc<dyn ObjectStore>> {
            Ok(Arc::new(Scoped::new(meter.clone(), &format!("{}/", self.order.service))?))
        };
        let [log, bulk, target] = &meters;
        let (source, bulk, target) = (scoped(log)?, scoped(bulk)?, scoped(target)?);
        self.heard.listen(part, &meters, paths.budget);
        let source = Repository::open(source).doing("copy from region", &self.order.from)?;
        let made = matches!(Repository::open(target.clone()), Err(error) if error.kind() == ErrorKind::Missing);
        // Keys are given by the first region's agent. Where that is gone, what was admitted before is copied on.
        if made {
            admitted?;
        }
        self.stop.go_on()?;
        let target = ensure_repository(&source, &target).doing("copy to region", &self.order.to)?;
        if made {
            // Nothing that was known of it is true any more, for neither thread.
            self.anew.fetch_add(1, Ordering::SeqCst);
            self.shown.change(|copied| (copied.complete, copied.followed, copied.compared) = (None, false, false));
        }
        // The log waits for nobody: it takes nothing by the way on which others wait for their turn.
        let bulk = if part == Part::Log { source.clone() } else { Repository::open(bulk)? };
        Ok(Pair { source, bulk, target })
    }

    /// Whether the end of the log restores in the target: behind a gap, or in a new stream, only from a backup that begins there.
    fn restores_to_end(&self, pair: &Pair, mark: &Watermark) -> Result<bool> {
        let Some((stream, timeline, from)) = mark.resumed() else { return Ok(true) };
        let newest = pair.target.backups()?.into_iter().next_back();
        let Some(newest) = newest else { return Ok(true) };
        let needs = pair.target.custody(&newest)?.1.needs;
        Ok(needs.is_none_or(|needs| needs.stream == stream && (needs.timeline, needs.from) >= (timeline, from)))
    }
}

#[cfg(test)]
mod tests {
    use farshore_objects::{Bucket, Throttle};
    use farshore_vault::testing::ManualClock;

    use super::*;

    #[test]
    fn who_waits_for_the_bandwidth_is_not_told_that_a_store_is_silent() {
        let clock = Arc::new(ManualClock::default());
        let budget = Arc::new(Budget::new(clock.clone(), Some(1000)));
        let heard = Heard::default();
        let meter = Arc::new(Meter::new(Arc::new(Bucket::memory())));
        heard.listen(Part::Backups, std::slice::from_ref(&meter), Some(budget.clone()));
        let at = Duration::from_secs;
        assert_eq!(heard.silence(at(100)), at(0));
        assert_eq!(heard.silence(at(130)), at(30), "nothing was asked or answered");
        let bulk = Throttle::sharing(Arc::new(Bucket::memory()), clock, budget);
        bulk.put_new("a", vec![0; 5000].into()).unwrap();
        assert_eq!(heard.silence(at(131)), at(0), "somebody waited for the bandwidth");
        meter.get("b").unwrap_err();
        assert_eq!(heard.silence(at(150)), at(0), "a store has answered");
        assert_eq!(heard.silence(at(161)), at(11));
    }
}
