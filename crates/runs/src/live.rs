//! A run in the hands of this process: what its worker and the heart share.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use farshore_store::runs::{Bytes, Fence};
use farshore_types::Progress;

/// Why a step is asked to stop. The first reason stays.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// Somebody has taken the run, or might have: whatever the step returns is not recorded.
    Lost,
    /// The run is to end.
    Cancelled,
    /// The program ends; the run goes on with the next one.
    Shutdown,
    /// The step took too long.
    Deadline,
}

/// A claimed run.
pub struct Live {
    /// Who may change the run.
    pub fence: Fence,
    undoing: AtomicBool,
    inside: Mutex<Inside>,
}

struct Inside {
    progress: Arc<Progress>,
    reason: Option<Reason>,
    beat: Beat,
}

/// What was last told to the store.
#[derive(Debug, Clone, Copy)]
pub struct Beat {
    /// When, on the monotonic clock.
    pub at: Duration,
    /// How far the step was.
    pub bytes: Bytes,
}

impl Live {
    /// Claimed just now.
    pub fn new(fence: Fence, now: Duration) -> Self {
        let beat = Beat { at: now, bytes: Bytes::default() };
        let inside = Inside { progress: Arc::default(), reason: None, beat };
        Live { fence, undoing: AtomicBool::new(false), inside: Mutex::new(inside) }
    }

    fn inside(&self) -> MutexGuard<'_, Inside> {
        self.inside.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A step begins: its progress. What was wished before holds for it, except that every step has its own deadline, and
    /// that an undo is not cancelled.
    pub fn begin(&self, undoing: bool, now: Duration) -> Arc<Progress> {
        self.undoing.store(undoing, Ordering::Relaxed);
        let mut inside = self.inside();
        inside.progress = Arc::default();
        inside.beat = Beat { at: now, bytes: Bytes::default() };
        match inside.reason {
            Some(Reason::Deadline) => inside.reason = None,
            Some(Reason::Cancelled) if undoing => inside.reason = None,
            _ => {}
        }
        if inside.reason.is_some() {
            inside.progress.stop();
        }
        inside.progress.clone()
    }

    /// Asks the step to stop.
    pub fn stop(&self, reason: Reason) {
        if self.undoing.load(Ordering::Relaxed) && reason == Reason::Cancelled {
            return;
        }
        let mut inside = self.inside();
        if inside.reason.is_none() || reason == Reason::Lost {
            inside.reason = Some(reason);
        }
        inside.progress.stop();
    }

    /// Why it was asked to stop.
    pub fn reason(&self) -> Option<Reason> {
        self.inside().reason
    }

    /// How far the step is, and what was last told.
    pub fn bytes(&self) -> ((u64, u64), Beat) {
        let inside = self.inside();
        (inside.progress.bytes(), inside.beat)
    }

    /// Notes what was told to the store.
    pub fn told(&self, beat: Beat) {
        self.inside().beat = beat;
    }
}
