//! Copies of repositories in further regions, kept by the agent of the region that they are in: pulled from the first region's store,
//! object by object, never from a database, and without any key.
//!
//! [`Copies::keep`] says that a copy shall be; from then on it is followed until [`Copies::end`]. Nothing is remembered here across a
//! restart: what is in the target is found by listing it, and whoever ordered a copy orders it again. If we die between any two objects
//! the target holds a prefix of the log and whole backups.

mod following;
mod order;
mod pending;
mod view;

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use farshore_types::{Error, Result, ServiceId};

use following::Following;
pub use order::{CopyOrder, Ground, Known, Origin, Paths};
pub use view::{Copied, Waiting};

/// Copies that one agent keeps.
pub const COPIES_MAX: usize = 2000;

type Key = (ServiceId, String);

/// The copies of one agent.
pub struct Copies {
    ground: Ground,
    following: Mutex<BTreeMap<Key, Following>>,
    /// Told to end, and not ended yet: they may still put an object.
    ending: Mutex<Vec<(Key, Following)>>,
}

impl Copies {
    /// None yet.
    pub fn new(ground: Ground) -> Copies {
        Copies { ground, following: Mutex::default(), ending: Mutex::default() }
    }

    /// Keeps a copy from now on; may be repeated. One that comes from another region than before is begun anew. `Busy` beyond
    /// [`COPIES_MAX`].
    pub fn keep(&self, order: &CopyOrder) -> Result<()> {
        let (mut all, key) = (self.lock(), (order.service.clone(), order.to.clone()));
        match all.get(&key) {
            Some(following) if following.from() == order.from && following.is_alive() => {
                following.set_keep(order.keep);
                // Whoever orders it knows both ends to be there: what rests does not wait for the end of its pause.
                if following.view().paused.is_some() {
                    following.wake();
                }
                return Ok(());
            }
            None if all.len() >= COPIES_MAX => {
                return Err(Error::busy(format!("this agent keeps {COPIES_MAX} copies")).hint("end one first"));
            }
            _ => {}
        }
        let following = Following::begin(order.clone(), self.ground.clone())?;
        if let Some(replaced) = all.insert(key.clone(), following) {
            replaced.stop();
            self.ending.lock().unwrap_or_else(PoisonError::into_inner).push((key, replaced));
        }
        Ok(())
    }

    /// Copies no further; what is there stays. `Busy` while an object is under way: nothing is put any more once this is `Ok`.
    pub fn end(&self, service: &ServiceId, to: &str) -> Result<()> {
        let key = (service.clone(), to.to_string());
        let ended = self.lock().remove(&key);
        let mut ending = self.ending.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(following) = ended {
            following.stop();
            ending.push((key.clone(), following));
        }
        ending.retain(|(_, following)| following.works());
        match ending.iter().any(|(one, _)| *one == key) {
            true => Err(Error::busy(format!("the copying of {service} to {to} still ends")).hint("try again soon")),
            false => Ok(()),
        }
    }

    /// How far a copy is; `None` where it is not kept.
    pub fn view(&self, service: &ServiceId, to: &str) -> Option<Copied> {
        self.lock().get(&(service.clone(), to.to_string())).map(Following::view)
    }

    /// Looks for something new at once.
    pub fn wake(&self, service: &ServiceId) {
        self.lock().iter().filter(|((of, _), _)| of == service).for_each(|(_, following)| following.wake());
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<Key, Following>> {
        self.following.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
