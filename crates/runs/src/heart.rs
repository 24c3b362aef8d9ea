//! Shows for all runs of this process that their owner lives and how far they are, and hears who wants them to end.
//!
//! A beat that cannot be written is tried again at the next tick; a run without one for a whole lease is treated as lost,
//! because somebody else may have taken it.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use farshore_store::runs::{self, Bytes};
use farshore_types::Result;

use crate::core::Core;
use crate::live::{Beat, Live, Reason};

/// Progress is written at most this often.
const PROGRESS_EVERY: Duration = Duration::from_secs(2);
/// Ticks are no closer than this, however short the lease.
const TICK_MIN: Duration = Duration::from_millis(20);

/// A run, and when on the monotonic clock its step is asked to stop.
type Held = (Arc<Live>, Option<Duration>);

/// The runs that this process carries out.
#[derive(Default)]
pub struct Active {
    runs: Mutex<BTreeMap<String, Held>>,
}

impl Active {
    fn runs(&self) -> MutexGuard<'_, BTreeMap<String, Held>> {
        self.runs.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A step of a run is begun; it is asked to stop at a moment of the monotonic clock, if there is one.
    pub fn enter(&self, live: &Arc<Live>, until: Option<Duration>) {
        self.runs().insert(live.fence.id.clone(), (live.clone(), until));
    }

    /// The run is no longer carried out by this worker.
    pub fn leave(&self, live: &Arc<Live>) {
        let mut runs = self.runs();
        // Another worker of this process may have taken the run since.
        if runs.get(&live.fence.id).is_some_and(|(held, _)| Arc::ptr_eq(held, live)) {
            runs.remove(&live.fence.id);
        }
    }

    /// Asks one to stop.
    pub fn stop(&self, id: &str, reason: Reason) {
        if let Some((live, _)) = self.runs().get(id) {
            live.stop(reason);
        }
    }

    /// Asks all to stop.
    pub fn stop_all(&self, reason: Reason) {
        self.runs().values().for_each(|(live, _)| live.stop(reason));
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.runs().is_empty()
    }

    fn list(&self) -> Vec<Held> {
        self.runs().values().cloned().collect()
    }
}

impl<C: Send + Sync> Core<C> {
    /// How often [`Core::beat`] is to be called.
    pub(crate) fn tick(&self) -> Duration {
        (self.identity.lease / 4).min(PROGRESS_EVERY).max(TICK_MIN)
    }

    /// One tick.
    pub(crate) fn beat(&self, active: &Active) {
        let now = self.clock.monotonic();
        let all = active.list();
        for (live, until) in &all {
            if until.is_some_and(|until| now >= until) {
                live.stop(Reason::Deadline);
            }
        }
        let due: Vec<(Arc<Live>, Beat)> =
            all.into_iter().filter_map(|(live, _)| self.due(&live, now).map(|beat| (live, beat))).collect();
        if due.is_empty() {
            return;
        }
        match self.write_beats(&due) {
            Ok(answers) => due.iter().zip(answers).for_each(|((live, beat), answer)| heard(live, *beat, answer)),
            Err(error) => {
                tracing::debug!("beats are not written: {error}");
                for (live, _) in &due {
                    let (_, last) = live.bytes();
                    if now.saturating_sub(last.at) >= self.identity.lease {
                        live.stop(Reason::Lost);
                    }
                }
            }
        }
    }

    fn due(&self, live: &Live, now: Duration) -> Option<Beat> {
        let ((done, expected), last) = live.bytes();
        let passed = now.saturating_sub(last.at);
        let moved = (done, expected) != (last.bytes.done, last.bytes.expected);
        if passed < self.identity.lease / 4 && !(moved && passed >= PROGRESS_EVERY) {
            return None;
        }
        let more = u128::from(done.saturating_sub(last.bytes.done));
        let rate_s = more * 1_000_000 / passed.as_micros().max(1);
        let rate_s = u64::try_from(rate_s).unwrap_or(u64::MAX);
        Some(Beat { at: now, bytes: Bytes { done, expected, rate_s } })
    }

    fn write_beats(&self, due: &[(Arc<Live>, Beat)]) -> Result<Vec<Option<bool>>> {
        self.store.write(|tx| due.iter().map(|(live, beat)| runs::beat(tx, &live.fence, beat.bytes)).collect())
    }
}

fn heard(live: &Live, beat: Beat, answer: Option<bool>) {
    live.told(beat);
    match answer {
        None => live.stop(Reason::Lost),
        Some(true) => live.stop(Reason::Cancelled),
        Some(false) => {}
    }
}
