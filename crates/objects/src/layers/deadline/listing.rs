//! A listing whose entries come from another thread: in batches, so that handing them over costs little.
//!
//! A batch is handed over when it is full or has been filled for long: a store that gives one entry after the other, slowly,
//! is not taken for a silent one. When the caller goes away the thread ends with the batch that it is filling.

use std::mem;
use std::sync::Arc;
use std::sync::mpsc::{RecvTimeoutError, SyncSender, sync_channel};
use std::time::Duration;

use farshore_types::{Clock, Error, Result};

use crate::layers::deadline::books::{Left, Sort};
use crate::layers::deadline::desk::Desk;
use crate::store::{ObjectInfo, ObjectStore};

/// Entries in one batch.
const BATCH_ENTRIES_MAX: usize = 256;

/// Batches that wait for the caller. With the one being filled and the one being read: 768 entries, at most half a MB.
const BATCHES_WAITING_MAX: usize = 1;

/// A batch is handed over after this part of the patience, so that at least so many gaps between entries fit into it.
const BATCH_PATIENCE_PARTS: u32 = 4;

/// Lists `inner` in a thread of `desk` and calls `each` here. The error is ours; the store's and the caller's are values.
pub(super) fn list(
    desk: &Arc<Desk>,
    inner: &Arc<dyn ObjectStore>,
    prefix: &str,
    each: &mut dyn FnMut(ObjectInfo) -> Result<()>,
) -> Result<Listed> {
    let (batches, incoming) = sync_channel(BATCHES_WAITING_MAX);
    let mut filling = Filling::new(batches, desk);
    let (inner, prefix) = (inner.clone(), prefix.to_string());
    let ticket = desk.hand_over(Sort::Listing, move || {
        inner.list(&prefix, &mut |object| filling.add(object))?;
        filling.hand_over()
    })?;
    loop {
        match incoming.recv_timeout(desk.patience) {
            Ok(batch) => {
                desk.answered(ticket.id);
                for object in batch {
                    if let Err(error) = each(object) {
                        return Ok(Listed::Stopped(error));
                    }
                }
            }
            Err(RecvTimeoutError::Disconnected) => return desk.wait_for(&ticket).map(Listed::Ended),
            Err(RecvTimeoutError::Timeout) if desk.leave(ticket.id) == Left::Behind => return Err(desk.too_late()),
            // It had just ended: what it handed over last is there.
            Err(RecvTimeoutError::Timeout) => {}
        }
    }
}

/// How a listing came to its end.
pub(super) enum Listed {
    /// By the store, well or badly.
    Ended(Result<()>),
    /// By an error of the caller's own.
    Stopped(Error),
}

struct Filling {
    batch: Vec<ObjectInfo>,
    batches: SyncSender<Vec<ObjectInfo>>,
    clock: Arc<dyn Clock>,
    /// When the last batch was handed over, on the monotonic clock.
    handed_over: Duration,
    pause_max: Duration,
}

impl Filling {
    fn new(batches: SyncSender<Vec<ObjectInfo>>, desk: &Desk) -> Filling {
        let pause_max = desk.patience / BATCH_PATIENCE_PARTS;
        let (clock, batch) = (desk.clock.clone(), Vec::new());
        Filling { batch, batches, handed_over: clock.monotonic(), clock, pause_max }
    }

    fn add(&mut self, object: ObjectInfo) -> Result<()> {
        self.batch.push(object);
        let filled = self.clock.monotonic().saturating_sub(self.handed_over);
        match self.batch.len() >= BATCH_ENTRIES_MAX || filled >= self.pause_max {
            true => self.hand_over(),
            false => Ok(()),
        }
    }

    /// Waits where the caller is slower than the store: then it is not the caller who waits.
    fn hand_over(&mut self) -> Result<()> {
        if self.batch.is_empty() {
            return Ok(());
        }
        let gone = |_| Error::transient("nobody waits for this listing any more");
        self.batches.send(mem::take(&mut self.batch)).map_err(gone)?;
        self.handed_over = self.clock.monotonic();
        Ok(())
    }
}
