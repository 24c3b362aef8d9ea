//! Every node that this agent keeps, and the verbs by which it is told what to do with them.
//!
//! All verbs block, may be repeated, and carry the order's generation. A node that was ordered goes on without anybody: its server is
//! started again when it crashes, its log is archived ([`Fleet::tend`]). What was ordered lies in `orders/SERVICE.json`, the node in
//! `nodes/SERVICE`. An order is kept before its node is made and removed after the node is gone: if we die between, the next
//! [`Fleet::open`] finds an order without a node, which is unfinished work of its caller.
//!
//! If the agent dies, servers go on and their log waits in their slots; the next one adopts them.

mod accounts;
mod certificate;
mod expiry;
mod figures;
mod ground;
mod locales;
mod measure;
mod member;
mod observe;
mod order;
mod report;
mod restarts;
mod stock;
mod turn;

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use farshore_types::error::ErrorContext;
use farshore_types::{Error, Generation, Progress, Result, ServiceId, Timestamp};

use crate::copies::Known;
use crate::durable::{self, Lock};

pub use accounts::forget as forget_user;
pub use certificate::Certificate;
pub use ground::{Ground, Stores};
pub use observe::{Observed, Server};
pub use order::{Order, Region};
pub use report::{Address, Recovered, Restore, Taken};
pub use stock::{Held, Stock};

use ground::{order_file, orders, stored_file};
use member::Member;

/// Nodes of one agent.
pub const NODES_MAX: usize = 1000;

/// The nodes of one agent. Only one process at a time has them.
pub struct Fleet {
    ground: Ground,
    members: Mutex<BTreeMap<ServiceId, Arc<Member>>>,
    /// Nodes that could not be opened, and why: they are neither used nor taken for absent until the next start.
    broken: BTreeMap<ServiceId, String>,
    /// Its region is down: nothing is started any more.
    down: AtomicBool,
    _lock: Lock,
}

/// The member of a kept order; `None` where its node was removed.
fn found(ground: &Ground, path: &Path) -> Result<Option<Member>> {
    match Order::read(path)? {
        Some(order) if !order.removed => Member::new(ground, order).map(Some),
        _ => Ok(None),
    }
}

/// What the order of a service says.
pub struct Ordered {
    /// The service.
    pub service: ServiceId,
    /// In whose name.
    pub generation: Generation,
    /// The region where its backups go; `None` where the order cannot be read.
    pub stored_in: Option<String>,
}

/// Services that were ever ordered below a root; also while no fleet has it. A removed order counts as well, since an older one elsewhere
/// is older all the same; one that cannot be read counts as the oldest: it says that something is here.
pub fn ordered(root: &Path) -> Result<Vec<Ordered>> {
    let kept = match fs::read_dir(orders(root)) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        kept => kept.doing("list", orders(root).display())?,
    };
    let mut found = Vec::new();
    for entry in kept {
        let path = entry.doing("list", "the orders")?.path();
        let stem = path.file_stem().and_then(|stem| stem.to_str()).and_then(|stem| stem.parse::<ServiceId>().ok());
        let Some(service) = stem.filter(|_| path.extension().is_some_and(|extension| extension == "json")) else {
            continue;
        };
        let order = Order::read(&path).ok().flatten();
        let generation = order.as_ref().map_or(Generation(0), |order| order.generation);
        found.push(Ordered { service, generation, stored_in: order.map(|order| order.region.name) });
    }
    Ok(found)
}

impl Fleet {
    /// Finds every node that was ordered, and its server if it runs; starts nothing. `Busy` while another agent has the root.
    pub fn open(ground: Ground) -> Result<Fleet> {
        make_directory(&ground.root, 0o711)?;
        make_directory(&orders(&ground.root), 0o700)?;
        make_directory(&ground.root.join("nodes"), 0o711)?;
        let lock = Lock::take(&ground.root.join("agent.lock"))?;
        let (mut members, mut broken) = (BTreeMap::new(), BTreeMap::new());
        let kept = fs::read_dir(orders(&ground.root)).doing("list", orders(&ground.root).display())?;
        for entry in kept {
            let path = entry.doing("list", "the orders")?.path();
            let stem = path.file_stem().and_then(|stem| stem.to_str()).and_then(|stem| stem.parse::<ServiceId>().ok());
            let Some(service) = stem.filter(|_| path.extension().is_some_and(|extension| extension == "json")) else {
                continue;
            };
            match found(&ground, &path) {
                Ok(Some(member)) => drop(members.insert(service, Arc::new(member))),
                Ok(None) => {}
                Err(error) => {
                    tracing::error!(%service, %error, "a node cannot be used; the others are");
                    broken.insert(service, error.to_string());
                }
            }
        }
        Ok(Fleet { ground, members: Mutex::new(members), broken, down: AtomicBool::new(false), _lock: lock })
    }

    /// The services that have been ordered here.
    pub fn services(&self) -> Vec<ServiceId> {
        self.lock().keys().cloned().collect()
    }

    /// In whose name a service was ordered last.
    pub fn generation(&self, service: &ServiceId) -> Option<Generation> {
        Order::read(&order_file(&self.ground.root, service)).ok().flatten().map(|order| order.generation)
    }

    /// Makes the node if it is not there, gives it what the order says, starts its server and archives its log.
    pub fn provision(&self, order: &Order, certificate: &Certificate<'_>) -> Result<Address> {
        self.ordered(order)?.provision(order, certificate)
    }

    /// Makes the node from a backup, to a moment; then as [`Fleet::provision`]. Whatever an earlier run of the same restore left is
    /// cleared; a node that runs is refused. `progress` counts the bytes of the files.
    pub fn restore(
        &self,
        order: &Order,
        certificate: &Certificate<'_>,
        restore: &Restore,
        progress: &Progress,
    ) -> Result<Recovered> {
        self.ordered(order)?.restore(order, certificate, restore, progress)
    }

    /// Takes a backup of a running node, one at a time; the last `request`, made again of the same agent, is answered with what was
    /// taken for it. `progress` counts bytes and may ask to stop, also while another backup is waited for.
    pub fn take_backup(
        &self,
        service: &ServiceId,
        generation: Generation,
        request: &str,
        progress: &Progress,
    ) -> Result<Taken> {
        self.member(service)?.take_backup(generation, request, progress)
    }

    /// Stops a node's server and ships its log to the very end; a server that is down and whose log is not in the store to its end is
    /// started for that once more. `Transient` where the log cannot be shipped: nothing is lost, and the next call goes on.
    pub fn stop(&self, service: &ServiceId, generation: Generation) -> Result<()> {
        self.member(service)?.stop(generation)
    }

    /// Restarts a node's server, for settings that it reads at its start only.
    pub fn restart(&self, service: &ServiceId, generation: Generation) -> Result<()> {
        self.member(service)?.restart(generation)
    }

    /// Stops a node's server without waiting for the store, and removes the node with all its data. Nothing happens where there is none.
    pub fn remove(&self, service: &ServiceId, generation: Generation) -> Result<()> {
        let Some(member) = self.lock().get(service).cloned() else { return Ok(()) };
        member.remove(generation)?;
        self.lock().remove(service);
        Ok(())
    }

    /// Removes a node of a service that lives elsewhere by now, and leaves what both have in common, such as its user.
    pub fn discard(&self, service: &ServiceId, generation: Generation) -> Result<()> {
        let Some(member) = self.lock().get(service).cloned() else { return Ok(()) };
        member.discard(generation)?;
        self.lock().remove(service);
        Ok(())
    }

    /// Kills every server at once and starts none again: the region is lost, or plays so. Waits for nobody.
    pub fn kill(&self) -> Result<()> {
        self.down.store(true, Ordering::SeqCst);
        self.lock().values().map(|member| member.kill()).fold(Ok(()), Result::and)
    }

    /// Adds a recipient to a service's repository: whoever holds its key can open copies of it. `Missing` where nothing was stored yet.
    pub fn admit(&self, region: &Region, service: &ServiceId, recipients: &[String]) -> Result<()> {
        stock::admit(&self.ground, region, service, recipients)
    }

    /// How far the log of a node is in its store. `None` where nobody knows now; never waits.
    pub fn known(&self, service: &ServiceId) -> Option<Known> {
        self.lock().get(service).cloned()?.known()
    }

    /// Forgets a removed node for good. Refused while it is there.
    pub fn forget(&self, service: &ServiceId) -> Result<()> {
        if self.lock().contains_key(service) {
            return Err(Error::conflict(format!("service {service} has a node on this host")).hint("remove it first"));
        }
        let root = &self.ground.root;
        for path in [stored_file(root, service), order_file(root, service)].iter().filter(|path| path.exists()) {
            fs::remove_file(path).doing("remove", path.display())?;
            durable::sync_directory(&orders(root))?;
        }
        Ok(())
    }

    /// Ships everything that a node's server has acknowledged until now. `Transient` where that takes longer than `patience`; nothing
    /// happens where no log is archived.
    pub fn catch_up(&self, service: &ServiceId, patience: Duration) -> Result<()> {
        self.member(service)?.catch_up(patience)
    }

    /// What a node is doing. Never waits for work under way.
    pub fn observe(&self, service: &ServiceId) -> Result<Observed> {
        self.member(service)?.observe()
    }

    /// Brings every node back to what was ordered: a crashed server is started, an archiver that ended begins again, a full disk is
    /// closed for writing. Called again and again; each trouble is logged once and shown by [`Fleet::observe`]. Nodes are tended side by
    /// side, and nobody waits: one whose start takes minutes holds up no other, and is left alone until it is done.
    pub fn tend(&self) {
        if self.down.load(Ordering::SeqCst) {
            return;
        }
        for member in self.lock().values() {
            member.tend_apart();
        }
    }

    /// A session of the superuser on a node, and the server's major version.
    pub fn session(
        &self,
        service: &ServiceId,
        database: &str,
    ) -> Result<(farshore_engines::postgresql::wire::Connection, u32)> {
        self.member(service)?.session(database)
    }

    /// What a service's part of a region's store holds.
    pub fn stock(&self, region: &Region, service: &ServiceId) -> Result<Stock> {
        stock::read(&self.ground, region, service)
    }

    /// Deletes what is older than a window of so many days, or more than so many backups; never the last good one.
    pub fn expire(
        &self,
        region: &Region,
        service: &ServiceId,
        keep: farshore_vault::care::retention::Keep,
    ) -> Result<u64> {
        stock::expire(&self.ground, region, service, keep)
    }

    /// Makes every backup of a service unreadable for ever: first the keys, then the rest. Nothing happens where there is none.
    pub fn shred(&self, region: &Region, service: &ServiceId) -> Result<()> {
        stock::shred(&self.ground, region, service)
    }

    /// The last lines of the server's and the agent's log of a node, oldest first.
    pub fn log(&self, service: &ServiceId) -> Result<String> {
        self.member(service)?.log()
    }

    /// What the agent did with a node since it was started, oldest first.
    pub fn told(&self, service: &ServiceId) -> Vec<(Timestamp, String)> {
        self.lock().get(service).map(|member| member.told()).unwrap_or_default()
    }

    /// Refuses what [`Fleet::restore`] would refuse because of the backups: nothing is made.
    pub fn check_restore(&self, restore: &Restore) -> Result<()> {
        stock::check(&self.ground, restore)
    }

    /// Ends every archiver; servers go on.
    pub fn close(&self) {
        let members: Vec<Arc<Member>> = self.lock().values().cloned().collect();
        // All at once: each ends with what it is about to ship.
        members.iter().for_each(|member| member.ask_to_close());
        members.iter().for_each(|member| member.close());
    }

    fn member(&self, service: &ServiceId) -> Result<Arc<Member>> {
        self.must_be_sound(service)?;
        let missing = || Error::missing(format!("this host has no node of service {service}"));
        self.lock().get(service).cloned().ok_or_else(missing)
    }

    fn must_be_sound(&self, service: &ServiceId) -> Result<()> {
        match self.broken.get(service) {
            Some(why) => Err(Error::corrupt(format!("the node of service {service} cannot be used: {why}"))
                .hint("repair it and start the agent again")),
            None => Ok(()),
        }
    }

    /// Keeps an order and gives its member.
    fn ordered(&self, order: &Order) -> Result<Arc<Member>> {
        self.must_be_sound(&order.service)?;
        let mut members = self.lock();
        if !members.contains_key(&order.service) && members.len() >= NODES_MAX {
            return Err(Error::busy(format!("this agent has {NODES_MAX} nodes")).hint("remove one first"));
        }
        order.keep(&order_file(&self.ground.root, &order.service))?;
        if let Some(member) = members.get(&order.service) {
            return Ok(member.clone());
        }
        let member = Arc::new(Member::new(&self.ground, order.clone())?);
        members.insert(order.service.clone(), member.clone());
        Ok(member)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeMap<ServiceId, Arc<Member>>> {
        self.members.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn make_directory(path: &Path, mode: u32) -> Result<()> {
    use std::os::unix::fs::PermissionsExt;
    fs::create_dir_all(path).doing("make", path.display())?;
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).doing("set the rights of", path.display())
}
