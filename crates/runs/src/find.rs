//! Finding a run to carry out, and taking it.
//!
//! A run without an owner can be taken once it is due. One with an owner can be taken when its beat has stood still for a
//! whole lease while this process watched. If we die after taking it, the next one waits a lease.

use std::sync::{Arc, PoisonError};

use farshore_store::runs::{self, Fence, Run};
use farshore_types::Result;

use crate::claim::Claim;
use crate::core::{Core, Sharing, Watched};
use crate::live::Live;
use crate::outcome::{PAUSE_MAX, plus};

/// Runs that are looked at, at a time.
const LOOKED_AT_MAX: u32 = 200;
impl<C: Send + Sync> Core<C> {
    /// Takes a run that can be taken, if there is one.
    pub fn find(&self) -> Result<Option<Claim>> {
        let now = self.clock.now();
        let (free, owned) = self.store.read(|tx| {
            let free = runs::free(tx, now, plus(now, PAUSE_MAX), LOOKED_AT_MAX)?;
            Ok((free, runs::owned(tx, LOOKED_AT_MAX)?))
        })?;
        let abandoned = self.abandoned(owned);
        for run in free.iter().chain(&abandoned).filter(|run| self.kinds.contains_key(run.kind.as_str())) {
            if let Some(claim) = self.take(run)? {
                return Ok(Some(claim));
            }
        }
        Ok(None)
    }

    fn take(&self, seen: &Run) -> Result<Option<Claim>> {
        let owner = &self.identity.owner;
        let taken = self.store.write(|tx| match runs::claim(tx, seen, owner)? {
            Some(run) => Ok(Some((runs::steps(tx, &run.id)?, run))),
            None => Ok(None),
        })?;
        Ok(taken.map(|(journal, run)| {
            let fence = Fence { id: run.id.clone(), owner: owner.clone(), epoch: run.epoch };
            Claim { run, journal, live: Arc::new(Live::new(fence, self.clock.monotonic())) }
        }))
    }

    /// Those of the owned runs whose owner is dead, or has lost its claim by standing still.
    fn abandoned(&self, owned: Vec<Run>) -> Vec<Run> {
        let now = self.clock.monotonic();
        let mut watched = self.watched.lock().unwrap_or_else(PoisonError::into_inner);
        watched.retain(|id, _| owned.iter().any(|run| run.id == *id));
        let mut abandoned = Vec::new();
        for run in owned {
            let known = watched.get(&run.id).filter(|known| (known.epoch, known.beat) == (run.epoch, run.beat));
            let since = known.map_or(now, |known| known.since);
            watched.insert(run.id.clone(), Watched { epoch: run.epoch, beat: run.beat, since });
            let foreign = run.owner.as_ref() != Some(&self.identity.owner);
            let alone = self.identity.sharing == Sharing::Alone;
            if (foreign && alone) || now.saturating_sub(since) >= self.identity.lease {
                abandoned.push(run);
            }
        }
        abandoned
    }
}
