//! For tests: a store whose `modified` comes from an injected clock, so that objects can grow old without waiting.
//!
//! An object is as old as the first try to put it through here, so that no listing shows another time. Times are kept in
//! memory by name: an object put through another value shows the inner store's time.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::Range;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use farshore_types::{Clock, Result, Timestamp};

use crate::pieces::PieceOf;
use crate::store::{ObjectInfo, ObjectStore};

/// A store that dates its objects by a clock of the test's own.
pub struct Dated {
    inner: Arc<dyn ObjectStore>,
    clock: Arc<dyn Clock>,
    times: Mutex<BTreeMap<String, Timestamp>>,
}

impl Dated {
    /// Objects put from now on are dated by `clock`.
    pub fn new(inner: Arc<dyn ObjectStore>, clock: Arc<dyn Clock>) -> Dated {
        Dated { inner, clock, times: Mutex::new(BTreeMap::new()) }
    }

    fn times(&self) -> MutexGuard<'_, BTreeMap<String, Timestamp>> {
        self.times.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn date(&self, name: &str) {
        let now = self.clock.now();
        self.times().entry(name.to_string()).or_insert(now);
    }

    fn dated(&self, object: ObjectInfo) -> ObjectInfo {
        let modified = self.times().get(&object.name).copied().unwrap_or(object.modified);
        ObjectInfo { modified, ..object }
    }
}

impl fmt::Debug for Dated {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Dated").field("inner", &self.inner).finish_non_exhaustive()
    }
}

impl ObjectStore for Dated {
    fn put_new(&self, name: &str, body: Bytes) -> Result<()> {
        self.date(name);
        self.inner.put_new(name, body)
    }

    fn get(&self, name: &str) -> Result<Bytes> {
        self.inner.get(name)
    }

    fn get_range(&self, name: &str, range: Range<u64>) -> Result<Bytes> {
        self.inner.get_range(name, range)
    }

    fn head(&self, name: &str) -> Result<ObjectInfo> {
        Ok(self.dated(self.inner.head(name)?))
    }

    fn list(&self, prefix: &str, each: &mut dyn FnMut(ObjectInfo) -> Result<()>) -> Result<()> {
        self.inner.list(prefix, &mut |object| each(self.dated(object)))
    }

    fn delete(&self, name: &str) -> Result<()> {
        self.inner.delete(name)?;
        self.times().remove(name);
        Ok(())
    }

    fn put_pieces(&self, name: &str, size: u64, piece: &mut PieceOf<'_>) -> Result<()> {
        self.date(name);
        self.inner.put_pieces(name, size, piece)
    }
}
