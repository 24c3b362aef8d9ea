//! Two regions on stores in memory, whose second one may be slow or full, and the way between them.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use farshore_agent::copies::{CopyOrder, Known, Origin, Paths};
use farshore_objects::layers::{Budget, Deadline, Gate, Shutter, ShutterState, Throttle};
use farshore_objects::{ObjectInfo, ObjectStore};
use farshore_types::{Clock, Error, Result, ServiceId, SystemClock};

/// How long a store may take for one answer.
const STORE_PATIENCE: Duration = Duration::from_millis(300);

/// How slow the second region is.
#[derive(Debug, Default)]
pub struct Slow {
    /// What each call takes.
    pub call_ms: AtomicU64,
    /// Of so many calls one takes longer than anybody waits; zero: none.
    pub late_every: AtomicU64,
    calls: AtomicU64,
    /// Whether nothing more can be put.
    pub full: AtomicBool,
    /// Puts that were carried out.
    puts: AtomicU64,
}

impl Slow {
    fn drag(&self) {
        let call_ms = self.call_ms.load(Ordering::SeqCst);
        let (calls, every) = (self.calls.fetch_add(1, Ordering::SeqCst), self.late_every.load(Ordering::SeqCst));
        let late = every > 0 && calls % every == every - 1;
        let length = if late { STORE_PATIENCE * 2 } else { Duration::from_millis(call_ms) };
        if !length.is_zero() {
            SystemClock::new().pause(length);
        }
    }
}

/// A store that is slow and not dead.
#[derive(Debug)]
struct Dragging {
    inner: Arc<dyn ObjectStore>,
    slow: Arc<Slow>,
}

impl ObjectStore for Dragging {
    fn put_new(&self, name: &str, body: Bytes) -> Result<()> {
        self.slow.drag();
        if self.slow.full.load(Ordering::SeqCst) {
            return Err(Error::transient("there is no room"));
        }
        self.inner.put_new(name, body)?;
        self.slow.puts.fetch_add(1, Ordering::SeqCst);
        Ok(())
    }

    fn get(&self, name: &str) -> Result<Bytes> {
        self.slow.drag();
        self.inner.get(name)
    }

    fn get_range(&self, name: &str, range: std::ops::Range<u64>) -> Result<Bytes> {
        self.slow.drag();
        self.inner.get_range(name, range)
    }

    fn head(&self, name: &str) -> Result<ObjectInfo> {
        self.slow.drag();
        self.inner.head(name)
    }

    fn list(&self, prefix: &str, each: &mut dyn FnMut(ObjectInfo) -> Result<()>) -> Result<()> {
        self.slow.drag();
        self.inner.list(prefix, each)
    }

    fn delete(&self, name: &str) -> Result<()> {
        self.slow.drag();
        self.inner.delete(name)
    }
}

/// Two regions, a service in the first one, and how often its key was asked for.
pub struct Regions {
    pub slow: Arc<Slow>,
    pub first: Arc<dyn ObjectStore>,
    pub second: Mutex<Arc<dyn ObjectStore>>,
    pub shutters: [Arc<Shutter>; 2],
    pub known: Mutex<Option<Known>>,
    pub admitted: AtomicU64,
    /// What everything but the log waits for.
    pub budget: Arc<Budget>,
}

impl Regions {
    fn gated(&self, store: &Arc<dyn ObjectStore>, side: usize) -> Arc<dyn ObjectStore> {
        let store: Arc<dyn ObjectStore> = match side {
            0 => store.clone(),
            _ => Arc::new(Dragging { inner: store.clone(), slow: self.slow.clone() }),
        };
        let gate = Arc::new(Gate::new(store, self.shutters[side].clone()));
        Arc::new(Deadline::new(gate, Arc::new(SystemClock::new()), STORE_PATIENCE))
    }
}

impl Origin for Regions {
    fn paths(&self, _: &CopyOrder) -> Result<Paths> {
        let source = self.gated(&self.first, 0);
        let target = self.gated(&self.second.lock().unwrap(), 1);
        let (clock, budget) = (Arc::new(SystemClock::new()), self.budget.clone());
        let bulk = Arc::new(Throttle::sharing(source.clone(), clock, budget.clone()));
        Ok(Paths { log: source, bulk, target, budget: Some(budget) })
    }

    fn admit(&self, _: &CopyOrder) -> Result<()> {
        self.admitted.fetch_add(1, Ordering::SeqCst);
        match self.shutters[0].state() {
            ShutterState::Open => Ok(()),
            _ => Err(Error::transient("the first region's agent is away")),
        }
    }

    fn known(&self, _: &ServiceId) -> Option<Known> {
        self.known.lock().unwrap().clone()
    }
}
