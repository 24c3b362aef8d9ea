//! The agents of this machine, one for each region: each has its own folder, its own databases and its region's store, and can be lost
//! without the others.
//!
//! Where a service lives is told by the orders that the agents keep: the highest generation counts. A node of a lower one is left from
//! before the service went to another region; it is removed before its agent starts anything. If we die between, the next start finds both
//! orders and does the same.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use farshore_agent::fleet::{Fleet, Ground, Ordered, Region, Stores, ordered};
use farshore_agent::postgres;
use farshore_objects::ObjectStore;
use farshore_objects::layers::{Shutter, ShutterState};
use farshore_types::error::ErrorContext;
use farshore_types::{Clock, Error, Generation, RegionName, Result, ServiceId};

use super::place::Place;
use super::region_store::RegionStore;
use crate::stores;

/// The agents, and which of them has which service.
pub struct Agents {
    agents: BTreeMap<String, Agent>,
    homes: Mutex<BTreeMap<ServiceId, Home>>,
    /// The platform's folder.
    root: String,
}

/// Where a service lives.
#[derive(Clone)]
pub struct Home {
    /// Of the order that says so.
    pub generation: Generation,
    /// Whose agent has its node.
    pub region: String,
    /// In which region its backups are; `None` where its order cannot be read.
    pub stored_in: Option<String>,
}

/// The agent of one region.
pub struct Agent {
    region: Region,
    ground: Ground,
    shutter: Arc<Shutter>,
    store: Arc<RegionStore>,
    /// `None` while the region is down.
    fleet: Mutex<Option<Arc<Fleet>>>,
}

fn is_open(shutter: &Shutter) -> bool {
    shutter.state() == ShutterState::Open
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Agents {
    /// Opens every agent but those of regions that are down; nothing is started. `ground` is that of all, but for its folder and stores.
    pub fn open(place: &Place, ground: &Ground, regions: Vec<Region>, down: &[RegionName]) -> Result<Agents> {
        let mut agents =
            Agents { agents: BTreeMap::new(), homes: Mutex::default(), root: place.root().display().to_string() };
        let mut shutters = Vec::new();
        for region in &regions {
            let shutter = Arc::new(Shutter::new(region.name.parse()?));
            let store = RegionStore::new(&region.name, &region.store, &shutter, &ground.host.clock);
            shutters.push((region.name.clone(), shutter, Arc::new(store.doing("open region", &region.name)?)));
        }
        let stores = stores_of(&shutters, &ground.host.clock);
        for (region, (_, shutter, store)) in regions.into_iter().zip(shutters) {
            let root = place.host_of(&region.name);
            let ground = Ground { root, stores: stores.clone(), ..ground.clone() };
            for Ordered { service, generation, stored_in } in ordered(&ground.root)? {
                agents.settle(&service, Home { generation, region: region.name.clone(), stored_in });
            }
            let agent = Agent { region: region.clone(), ground, shutter, store, fleet: Mutex::new(None) };
            agents.agents.insert(region.name, agent);
        }
        for (name, agent) in &agents.agents {
            if down.iter().any(|down| down.as_str() == name) {
                agent.shutter.set(ShutterState::ErrorsAndHangs);
                continue;
            }
            // One that cannot be used now keeps none of the others down; it is tried again.
            if let Err(error) = agents.begin(agent) {
                tracing::error!(region = %name, %error, "the agent of a region cannot begin, and is tried again");
            }
        }
        Ok(agents)
    }

    /// Opens an agent's fleet, without the nodes of services that have gone elsewhere.
    fn begin(&self, agent: &Agent) -> Result<()> {
        let fleet = Arc::new(Fleet::open(agent.ground.clone())?);
        self.discard_strays(agent, &fleet)?;
        *lock(&agent.fleet) = Some(fleet.clone());
        // Who settled a service elsewhere in between did not see this fleet; now both see each other.
        self.discard_strays(agent, &fleet)
    }

    fn discard_strays(&self, agent: &Agent, fleet: &Fleet) -> Result<()> {
        for service in fleet.services() {
            let home = lock(&self.homes).get(&service).cloned();
            if let Some(Home { generation, region, .. }) = home
                && region != agent.region.name
            {
                tracing::info!(%service, region = %agent.region.name, "a node is removed: its service lives in {region} now");
                fleet.discard(&service, generation)?;
            }
        }
        Ok(())
    }

    /// The agent of a region.
    pub fn of_region(&self, region: &str) -> Result<&Agent> {
        self.agents.get(region).ok_or_else(|| Error::missing(format!("this machine has no region {region}")))
    }

    /// The agent that has a service. `Missing` where none has it, `Transient` while its region is down.
    pub fn of_service(&self, service: &ServiceId) -> Result<Arc<Fleet>> {
        let home = lock(&self.homes).get(service).map(|home| home.region.clone());
        let missing = || Error::missing(format!("this machine has no node of service {service}"));
        self.of_region(&home.ok_or_else(missing)?)?.fleet()
    }

    /// A service lives here from now on, unless a later order said otherwise.
    pub fn settle(&self, service: &ServiceId, home: Home) {
        let mut homes = lock(&self.homes);
        let known = homes.entry(service.clone()).or_insert_with(|| home.clone());
        if home.generation >= known.generation {
            *known = home;
        }
    }

    /// Removes what other agents have of a service. Those that do not answer do it when they are back.
    pub fn discard_elsewhere(&self, service: &ServiceId, generation: Generation, region: &str) -> Result<()> {
        let others = self.agents.iter().filter(|(name, _)| *name != region);
        let mut up = others.filter_map(|(_, agent)| agent.fleet().ok());
        up.try_for_each(|fleet| fleet.discard(service, generation))
    }

    /// Whether the backups of a service are made in a region.
    pub fn is_stored_in(&self, service: &ServiceId, region: &str) -> bool {
        lock(&self.homes).get(service).is_some_and(|home| home.stored_in.as_deref() == Some(region))
    }

    /// Every service that has a node here, with its region.
    pub fn services(&self) -> Vec<(ServiceId, String)> {
        let up = self.agents.values().filter_map(|agent| Some((agent, agent.fleet().ok()?)));
        up.flat_map(|(agent, fleet)| {
            fleet.services().into_iter().map(|service| (service, agent.region.name.clone())).collect::<Vec<_>>()
        })
        .collect()
    }

    /// Brings every node back to what was ordered.
    pub fn tend(&self) {
        self.agents.values().filter_map(|agent| agent.fleet().ok()).for_each(|fleet| fleet.tend());
    }

    /// Takes down the regions that are named, and lets all others return. What cannot be done now is tried again by the next call.
    pub fn drill(&self, down: &[RegionName]) -> Result<()> {
        for (name, agent) in &self.agents {
            let shall_be_down = down.iter().any(|down| down.as_str() == name);
            match (shall_be_down, is_open(&agent.shutter)) {
                (true, true) => {
                    tracing::info!(region = %name, "the region goes down, as was asked for");
                    agent.fail()?;
                }
                // A server that was being started at that moment.
                (true, false) => agent.kill()?,
                (false, false) => {
                    tracing::info!(region = %name, "the region returns");
                    agent.shutter.set(ShutterState::Open);
                    self.begin_again(agent)?;
                }
                (false, true) => self.begin_again(agent)?,
            }
        }
        Ok(())
    }

    /// Calls of before may still be ending; they hold the agent's lock, and the next call tries again.
    fn begin_again(&self, agent: &Agent) -> Result<()> {
        if lock(&agent.fleet).is_some() {
            return Ok(());
        }
        if let Err(error) = self.begin(agent) {
            tracing::debug!(region = %agent.region.name, %error, "the agent of a region begins later");
        }
        Ok(())
    }

    /// A text for users, who learn nothing of where this machine keeps what.
    pub fn without_paths(&self, text: &str) -> String {
        let text = self.agents.values().fold(text.to_string(), |text, agent| agent.store.without_path(&text));
        text.replace(&self.root, "the platform's folder")
    }

    /// Ends every archiver; servers go on.
    pub fn close(&self) {
        self.agents.values().filter_map(|agent| agent.fleet().ok()).for_each(|fleet| fleet.close());
    }
}

impl Agent {
    /// Its region.
    pub fn region(&self) -> &Region {
        &self.region
    }

    /// Its nodes. `Transient` while the region is down.
    pub fn fleet(&self) -> Result<Arc<Fleet>> {
        let down = || Error::transient(format!("region {} is down", self.region.name)).hint("`farshore region list`");
        lock(&self.fleet).clone().ok_or_else(down)
    }

    /// The root of its store. Nothing is retried, for who tries again by itself and shows why.
    pub fn store(&self) -> Result<Arc<dyn ObjectStore>> {
        self.store.work()
    }

    /// Whether agent and store answer; within some seconds.
    pub fn probe(&self) -> Result<()> {
        match is_open(&self.shutter) {
            false => Err(Error::transient("a drill has taken it down")),
            true => {
                self.fleet().map_err(|_| Error::transient("its hosts do not answer")).and_then(|_| self.store.probe())
            }
        }
    }

    /// The agent is gone, its servers are killed, its store answers with errors or not at all.
    fn fail(&self) -> Result<()> {
        self.shutter.set(ShutterState::ErrorsAndHangs);
        // Whoever works with it goes on until its calls fail; only then does the last of them give the lock back.
        let fleet = lock(&self.fleet).take();
        fleet.map_or(Ok(()), |fleet| fleet.kill())?;
        self.kill()
    }

    fn kill(&self) -> Result<()> {
        let nodes = self.ground.root.join("nodes");
        let volumes: Vec<PathBuf> =
            std::fs::read_dir(nodes).into_iter().flatten().flatten().map(|node| node.path()).collect();
        volumes.iter().try_for_each(|volume| postgres::kill(&volume.join("data")))
    }
}

/// Opens any region's store for the agents.
fn stores_of(all: &[(String, Arc<Shutter>, Arc<RegionStore>)], clock: &Arc<dyn Clock>) -> Stores {
    let known: BTreeMap<String, Arc<RegionStore>> =
        all.iter().map(|(name, _, store)| (name.clone(), store.clone())).collect();
    let clock = clock.clone();
    Arc::new(move |region: &Region| {
        let missing = || Error::missing(format!("this machine has no region {}", region.name));
        let store = known.get(&region.name).ok_or_else(missing)?;
        Ok(stores::layered(store.work()?, clock.clone()))
    })
}
