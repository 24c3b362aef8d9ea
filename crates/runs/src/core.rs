//! One worker's view of the store: who it is, what it can carry out, and what it has seen of others.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use farshore_store::Store;
use farshore_types::ids::hex;
use farshore_types::{Clock, Entropy, Error, Result};

use crate::kind::Kind;

/// Changes with every start of the machine.
const BOOT_ID: &str = "/proc/sys/kernel/random/boot_id";

/// Whether other processes work on the same store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sharing {
    /// None does; this is made sure elsewhere. Runs of any other owner are those of a dead process and are taken at once.
    Alone,
    /// Others may.
    Shared,
}

/// Who carries out runs.
#[derive(Debug, Clone)]
pub struct Identity {
    /// Name, boot id and randomness: never the same twice.
    pub owner: String,
    /// How long its beat may stand still before others take over.
    pub lease: Duration,
    /// Who else is there.
    pub sharing: Sharing,
}

impl Identity {
    /// A new one.
    pub fn new(name: &str, lease: Duration, sharing: Sharing, entropy: &dyn Entropy) -> Result<Self> {
        let mut random = [0; 8];
        entropy.fill(&mut random)?;
        let boot = std::fs::read_to_string(BOOT_ID).unwrap_or_default();
        Ok(Identity { owner: format!("{name}/{}/{}", boot.trim(), hex(&random)), lease, sharing })
    }
}

/// One worker's view of the store; several threads may share it. The three verbs are [`Core::find`], [`Core::perform`] and
/// [`Core::record`], and a worker may be stopped or killed between and in any of them.
pub struct Core<C> {
    pub(crate) store: Arc<Store>,
    pub(crate) kinds: BTreeMap<&'static str, Kind<C>>,
    pub(crate) context: Arc<C>,
    pub(crate) identity: Identity,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) watched: Mutex<BTreeMap<String, Watched>>,
}

/// What was seen of a run with an owner, and since when it has been so.
pub struct Watched {
    /// Its epoch then.
    pub epoch: u64,
    /// Its beat then.
    pub beat: u64,
    /// Since when, on the monotonic clock.
    pub since: Duration,
}

impl<C: Send + Sync> Core<C> {
    /// `Bug` if two kinds, or two steps of a kind, have one name.
    pub fn new(
        store: Arc<Store>,
        kinds: Vec<Kind<C>>,
        context: Arc<C>,
        identity: Identity,
        clock: Arc<dyn Clock>,
    ) -> Result<Self> {
        let mut by_name = BTreeMap::new();
        for kind in kinds {
            let name = kind.name;
            let mut steps: Vec<&str> = kind.steps.iter().map(|step| step.name).collect();
            steps.sort_unstable();
            steps.dedup();
            if steps.len() != kind.steps.len() || by_name.insert(name, kind).is_some() {
                return Err(Error::bug(format!("the kind of run {name}, or a step of it, stands there twice")));
            }
        }
        Ok(Core { store, kinds: by_name, context, identity, clock, watched: Mutex::default() })
    }

    pub(crate) fn kind(&self, name: &str) -> Result<&Kind<C>> {
        self.kinds.get(name).ok_or_else(|| Error::bug(format!("no run of the kind {name} can be carried out here")))
    }
}
