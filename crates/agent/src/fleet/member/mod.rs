//! One node of the fleet: its server, the thread that archives its log, and the verbs that change them.
//!
//! One verb at a time works on a node; looking at it never waits.

mod backing;
mod ending;
mod restoring;
mod tending;

use std::collections::VecDeque;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use farshore_engines::postgresql::provision::{Installation, candidates, version_program};
use farshore_engines::postgresql::wire::{Connection, Settings as Server};
use farshore_types::{Error, ErrorKind, Generation, Result, ServiceId, Timestamp};
use farshore_vault::Vault;
use farshore_vault::journal::WAL;
use farshore_vault::journal::ship::Horizon;

use super::certificate::{Certificate, door};
use super::ground::{Ground, order_file};
use super::measure::Measured;
use super::observe::{self, Observed};
use super::order::Order;
use super::report::Address;
use super::restarts::Restarts;
use super::turn::Turn;
use super::{accounts, stock};
use crate::host::Host;
use crate::postgres::{self, Layout, Node, Spec};
use crate::tasks::archiving::{self, Archiving};
use crate::tasks::fork;

/// How long a start may take; crash recovery is part of it.
const START_PATIENCE: Duration = Duration::from_secs(600);
/// How long a stop may take, with the rest of the log on its way to the store.
const STOP_PATIENCE: Duration = Duration::from_secs(120);
/// Lines that are kept of what the agent did with a node.
const TOLD_MAX: usize = 500;
/// The superuser of every node; nobody logs in as it but the agent, on the socket.
const SUPERUSER: &str = "postgres";

/// One node.
pub struct Member {
    ground: Ground,
    service: ServiceId,
    volume: PathBuf,
    state: Mutex<State>,
    shown: Mutex<Observed>,
    /// How to get at it while a verb works on it.
    reach: Mutex<Reach>,
    /// Work that takes long holds the state; then the last look is shown.
    busy: AtomicBool,
    /// Whether a thread tends it.
    tended: AtomicBool,
    /// It was killed with its region: nothing is started any more.
    cut: AtomicBool,
    told: Mutex<VecDeque<(Timestamp, String)>>,
    backing: Turn,
}

/// What is needed of a node by those who only look: kept beside its state, which a verb may hold for minutes.
#[derive(Default)]
struct Reach {
    server: Option<(Server, u32)>,
    log: Option<(Layout, u64)>,
    horizon: Option<Arc<Horizon>>,
}

struct State {
    order: Order,
    host: Host,
    node: Option<Node>,
    archiving: Option<Archiving>,
    trouble: Option<String>,
    measured: Measured,
    restarts: Restarts,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Member {
    /// Of an order that is kept; its node is looked for, nothing is started.
    pub fn new(ground: &Ground, order: Order) -> Result<Member> {
        let volume = ground.root.join("nodes").join(order.service.as_str());
        let host = accounts::host_for(&ground.host, &order.service)?;
        // A restore that was not finished is no node yet: the same restore, asked for again, goes on with it.
        let node = match fork::is_unfinished(&volume)? {
            true => None,
            false => match postgres::adopt(&volume, &host) {
                Ok(node) => Some(node),
                Err(error) if error.kind() == ErrorKind::Missing => None,
                Err(error) => return Err(error),
            },
        };
        let (service, shown) = (order.service.clone(), Mutex::new(Observed::of_order(&order)));
        let (measured, restarts) = (Measured::default(), Restarts::default());
        let state = Mutex::new(State { order, host, node, archiving: None, trouble: None, measured, restarts });
        let (busy, tended, cut) = (AtomicBool::new(false), AtomicBool::new(false), AtomicBool::new(false));
        let (told, backing) = (Mutex::default(), Turn::default());
        let (ground, reach) = (ground.clone(), Mutex::default());
        let member = Member { ground, service, volume, state, shown, reach, busy, tended, cut, told, backing };
        // Before anybody asks: nobody may take a node for absent that was only not looked at yet.
        member.show(&mut lock(&member.state));
        Ok(member)
    }

    /// See [`super::Fleet::provision`].
    pub fn provision(&self, order: &Order, certificate: &Certificate<'_>) -> Result<Address> {
        let mut state = self.take(order.generation)?;
        state.order = order.clone();
        let spec = self.spec(&state)?;
        let is_new = state.node.is_none();
        if is_new {
            self.refuse_lost(&state)?;
            spec.check(&state.host.engines)?;
            state.node = Some(postgres::provision(&spec, &state.host)?);
        }
        let (address, started) = self.run(&mut state, certificate, is_new)?;
        started.map(|()| address)
    }

    /// See [`super::Fleet::catch_up`].
    pub fn catch_up(&self, patience: Duration) -> Result<()> {
        let Some(horizon) = lock(&self.reach).horizon.clone() else { return Ok(()) };
        match archiving::catch_up(&horizon, self.ground.host.clock.now(), patience) {
            true => Ok(()),
            false => Err(Error::transient(format!("the log of service {} is not shipped up to now yet", self.service))),
        }
    }

    /// See [`super::Fleet::restart`].
    pub fn restart(&self, generation: Generation) -> Result<()> {
        let mut state = self.take(generation)?;
        self.let_go(&mut state)?;
        let node = state.node.as_mut().ok_or_else(|| self.absent())?;
        node.stop(STOP_PATIENCE)?;
        let started = node.start_or_return(START_PATIENCE);
        if !node.is_alive()? {
            return started;
        }
        // Told again to whoever asks again: an answer may be lost.
        let started = started.and_then(|()| node.refused());
        if let Err(error) = &started {
            self.tell(error.to_string());
        }
        // Where the store does not answer it is archived later: what it writes stays in its slot.
        if let Err(error) = self.archive(&mut state) {
            tracing::info!(service = %self.service, %error, "the log is archived later");
        }
        self.show(&mut state);
        started
    }

    /// See [`super::Fleet::observe`].
    pub fn observe(&self) -> Result<Observed> {
        // Whoever tends the node shows it, too: who asks again and again must not keep the lock from it.
        if !self.tended.load(Ordering::SeqCst)
            && let Ok(mut state) = self.state.try_lock()
        {
            self.show(&mut state);
        }
        let mut shown = lock(&self.shown).clone();
        shown.busy = self.busy.load(Ordering::Relaxed);
        Ok(shown)
    }

    /// See [`super::Fleet::session`].
    pub fn session(&self, database: &str) -> Result<(Connection, u32)> {
        let (server, major) = lock(&self.reach).server.clone().ok_or_else(|| self.absent())?;
        Ok((Connection::connect(&server.with_database(database), self.ground.host.clock.clone())?, major))
    }

    /// See [`super::Fleet::log`].
    pub fn log(&self) -> Result<String> {
        let log = lock(&self.reach).log.clone();
        log.map_or_else(|| Ok(String::new()), |(layout, from)| postgres::log_since(&layout, from))
    }

    /// What the agent did with this node, oldest first; the newest [`TOLD_MAX`] of this process.
    pub fn told(&self) -> Vec<(Timestamp, String)> {
        lock(&self.told).iter().cloned().collect()
    }

    fn tell(&self, text: impl Into<String>) {
        let mut told = lock(&self.told);
        if told.len() >= TOLD_MAX {
            told.pop_front();
        }
        told.push_back((self.ground.host.clock.now(), text.into()));
    }

    /// Tells the archiver to end, and does not wait for it.
    pub fn ask_to_close(&self) {
        if let Some(archiving) = self.state.try_lock().ok().as_ref().and_then(|state| state.archiving.as_ref()) {
            archiving.ask_to_end();
        }
    }

    /// Ends the archiver and lets go of the node; its server goes on. Waits for whoever works on it.
    pub fn close(&self) {
        let archiving = {
            let mut state = lock(&self.state);
            state.node = None;
            state.archiving.take()
        };
        if let Some(Err(error)) = archiving.map(Archiving::end) {
            tracing::info!(service = %self.service, %error, "the archiver ended with an error");
        }
    }

    /// The state, for a verb of this generation.
    fn take(&self, generation: Generation) -> Result<Busy<'_>> {
        let mut state = lock(&self.state);
        if generation < state.order.generation {
            let (old, new) = (generation.0, state.order.generation.0);
            let what = format!("an order of generation {old} for service {} came after one of {new}", self.service);
            return Err(Error::conflict(what).hint("somebody else has ordered since: look again"));
        }
        if generation > state.order.generation {
            state.order.generation = generation;
            state.order.keep(&self.order_file())?;
        }
        self.busy.store(true, Ordering::Relaxed);
        Ok(Busy { state, busy: &self.busy })
    }

    fn order_file(&self) -> PathBuf {
        order_file(&self.ground.root, &self.service)
    }

    fn absent(&self) -> Error {
        Error::missing(format!("service {} has no node on this host", self.service))
    }

    fn vault(&self, state: &State) -> Result<Vault> {
        stock::open_or_create(&self.ground, &state.order.region, &self.service)
    }

    fn spec(&self, state: &State) -> Result<Spec> {
        let order = &state.order;
        let mut spec = Spec::new(&self.volume, installation(&self.ground.host, order.major)?);
        spec.port = order.port;
        spec.superuser = SUPERUSER.to_string();
        spec.sizes = order.sizes.clone();
        spec.door = Some(door(&self.volume, &order.networks));
        spec.extra = order.settings.clone();
        Ok(spec)
    }

    /// An empty node in place of one that was lost would hide the loss.
    fn refuse_lost(&self, state: &State) -> Result<()> {
        let vault = self.vault(state)?;
        if vault.repository.backups()?.is_empty() {
            return Ok(());
        }
        let what = format!("service {} has backups, and its node is gone", self.service);
        Err(Error::conflict(what).hint("restore it"))
    }

    /// What every node has, made or restored: certificate, configuration, a running server, an archiver. Where its server does not start
    /// with what was ordered and runs with what is known to work, that is said beside. Only one that is new needs a store that answers.
    fn run(&self, state: &mut State, certificate: &Certificate<'_>, is_new: bool) -> Result<(Address, Result<()>)> {
        let networks = state.order.networks.clone();
        certificate.write(&self.volume, &state.host.engines)?;
        let (sizes, settings) = (state.order.sizes.clone(), state.order.settings.clone());
        let node = state.node.as_mut().ok_or_else(|| self.absent())?;
        node.reconfigure(sizes, Some(door(&self.volume, &networks)), settings)?;
        // What a full disk had changed was just written over: it is looked at again.
        state.measured = Measured::default();
        let node = state.node.as_mut().ok_or_else(|| self.absent())?;
        let started = node.start_or_return(START_PATIENCE);
        let started = match started {
            Err(error) if node.refused().is_ok() || !node.is_alive()? => return Err(error),
            started => started,
        };
        let installation = node.installation();
        let address = Address { port: node.port(), version: installation.version, major: installation.major };
        match self.archive(state) {
            Err(error) if !is_new => tracing::info!(service = %self.service, %error, "the log is archived later"),
            archived => archived?,
        }
        self.tell(format!("the server runs on port {}", address.port));
        if let Err(error) = &started {
            self.tell(error.to_string());
        }
        self.show(state);
        Ok((address, started))
    }

    fn archive(&self, state: &mut State) -> Result<()> {
        if state.archiving.as_ref().is_some_and(Archiving::is_alive) {
            return Ok(());
        }
        if let Some(ended) = state.archiving.take() {
            ended.end()?;
        }
        let node = state.node.as_ref().ok_or_else(|| self.absent())?;
        let settings = archiving::Settings {
            server: node.settings()?,
            vault: self.vault(state)?,
            order: state.order.generation,
            stream: WAL.to_string(),
            slot: "farshore".to_string(),
            interval: Duration::from_millis(state.order.interval_ms),
            workers: self.ground.workers,
            clock: state.host.clock.clone(),
            entropy: state.host.entropy.clone(),
        };
        state.archiving = Some(Archiving::begin(settings)?);
        Ok(())
    }

    fn show(&self, state: &mut State) {
        *lock(&self.reach) = Reach::of(state);
        let observed =
            observe::look(&state.order, state.node.as_mut(), state.archiving.as_ref(), &*self.ground.host.clock);
        let mut observed =
            observed.unwrap_or_else(|error| Observed { trouble: Some(error.to_string()), ..lock(&self.shown).clone() });
        let full = state.measured.full.then(|| {
            format!("the disk of service {} is full: new transactions may only read; give it more", self.service)
        });
        let refused = || state.node.as_ref().and_then(|node| node.refused().err()).map(|error| error.to_string());
        observed.trouble = full.or(state.trouble.clone()).or(observed.trouble).or_else(refused);
        observed.full = state.measured.full;
        observed.crash_loop = state.restarts.is_loop(self.ground.host.clock.monotonic());
        (observed.disk_bytes, observed.figures) = (state.measured.disk_bytes, state.measured.figures.clone());
        let at_risk_s = observed.at_risk_s.map(|at_risk_s| ("at_risk_s".to_string(), at_risk_s));
        observed.figures.extend(at_risk_s);
        *lock(&self.shown) = observed;
    }
}

impl Reach {
    fn of(state: &State) -> Reach {
        let node = state.node.as_ref();
        Reach {
            server: node.and_then(|node| Some((node.settings().ok()?, state.order.major))),
            log: node.map(|node| (node.layout().clone(), node.log_from())),
            horizon: state.archiving.as_ref().map(|archiving| archiving.horizon().clone()),
        }
    }
}

/// The state of a node while a verb works on it.
struct Busy<'a> {
    state: MutexGuard<'a, State>,
    busy: &'a AtomicBool,
}

impl std::ops::Deref for Busy<'_> {
    type Target = State;
    fn deref(&self) -> &State {
        &self.state
    }
}

impl std::ops::DerefMut for Busy<'_> {
    fn deref_mut(&mut self) -> &mut State {
        &mut self.state
    }
}

impl Drop for Busy<'_> {
    fn drop(&mut self) {
        self.busy.store(false, Ordering::Relaxed);
    }
}

/// The installation of a major version on this host.
fn installation(host: &Host, major: u32) -> Result<Installation> {
    let search_path = std::env::var_os("PATH");
    let mut here = Vec::new();
    for directory in candidates(None, search_path.as_deref()) {
        let printed = host.run(&version_program(&directory))?.text();
        let found = Installation::parse(&directory, &printed)?;
        if found.major == major {
            return Ok(found);
        }
        here.push(found.major.to_string());
    }
    let what = match here.is_empty() {
        true => format!("PostgreSQL {major} is not installed on this host, nor any other"),
        false => format!("PostgreSQL {major} is not installed on this host; {} is", here.join(" and ")),
    };
    Err(Error::missing(what).hint("`farshore doctor` says how to install it"))
}
