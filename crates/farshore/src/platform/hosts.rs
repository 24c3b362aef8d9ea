//! Hosts of a platform on one machine: what the use cases ask of hosts is done by the agents in this process, one for each region.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use farshore_agent::copies::{self, Copies};
use farshore_agent::fleet::{self, Certificate, Fleet, Order, Region, Restore, Server};
use farshore_agent::host::Host;
use farshore_agent::postgres::Sizes;
use farshore_control::hosts::{
    BackupReport, Change, CopyOrder, CopyView, Database, Extension, Home, Hosts, Inhabitants, Keep, LogLine,
    NodeAddress, NodeOrder, NodeState, NodeView, Query, RestoreOrder, RestoreReport, Stock, StoredBackup,
};
use farshore_engines::postgresql::admin::{self, Founders};
use farshore_engines::postgresql::locale::Locale;
use farshore_engines::postgresql::statements;
use farshore_engines::postgresql::wire::Connection;
use farshore_types::statistics::Page;
use farshore_types::{Error, ErrorKind, Generation, Progress, RegionName, Result, ServiceId};
use farshore_vault::care::retention;

use super::agents::{self, Agents};
use super::{lines, queries};
use crate::installed;

/// How often the log of a service is shipped.
const INTERVAL_MS: u64 = 2000;
/// How long whoever asks for the newest moment waits for it: a few intervals.
const CATCH_UP_PATIENCE: Duration = Duration::from_secs(8);
/// Services are spread over so many turns to be changed.
const CHANGING: usize = 64;
/// The superuser of every node.
const SUPERUSER: &str = "postgres";
/// Part of a plan's disk that a slot may hold back while the store is away, and its least, in MiB.
const SLOT_KEEP: (u64, u32) = (10, 1024);

/// The agents of this machine.
pub struct LocalHosts {
    agents: Arc<Agents>,
    /// By the region that they are in.
    copies: BTreeMap<String, Copies>,
    address: String,
    host: Host,
    /// Changes to users and databases of one service come one after the other: its server takes no two of one account.
    changing: [Mutex<()>; CHANGING],
}

impl LocalHosts {
    /// Of agents, and of what keeps the copies in each of their regions; `address` is what clients on this machine connect to.
    pub fn new(agents: Arc<Agents>, copies: BTreeMap<String, Copies>, address: &str, host: Host) -> LocalHosts {
        let (address, changing) = (address.to_string(), std::array::from_fn(|_| Mutex::default()));
        LocalHosts { agents, copies, address, host, changing }
    }

    fn region(&self, name: &RegionName) -> Result<Region> {
        Ok(self.agents.of_region(name.as_str())?.region().clone())
    }

    fn fleet(&self, service: &ServiceId) -> Result<Arc<Fleet>> {
        self.agents.of_service(service)
    }

    /// A session of the superuser in its own database, and the server's major version.
    fn session(&self, service: &ServiceId) -> Result<(Connection, u32)> {
        let (mut session, major) = self.fleet(service)?.session(service, SUPERUSER)?;
        admin::trust_catalog_alone(&mut session)?;
        Ok((session, major))
    }

    fn fleet_of(&self, region: &RegionName) -> Result<Arc<Fleet>> {
        self.agents.of_region(region.as_str())?.fleet()
    }

    /// A service lives here from now on.
    fn live(&self, service: &ServiceId, generation: Generation, home: &Home) {
        let (region, stored_in) = (home.region.to_string(), Some(home.stored_in.to_string()));
        self.agents.settle(service, agents::Home { generation, region, stored_in });
    }

    fn copies(&self, region: &RegionName) -> Result<&Copies> {
        let missing = || Error::missing(format!("this machine has no region {region}"));
        self.copies.get(region.as_str()).ok_or_else(missing)
    }

    fn order(&self, order: &NodeOrder) -> Result<Order> {
        let slot_keep_mib = u32::try_from(order.disk_mib / SLOT_KEEP.0).unwrap_or(u32::MAX).max(SLOT_KEEP.1);
        let (connections_max, shared_buffers_mib) = (order.connections_max, order.shared_buffers_mib);
        Ok(Order {
            service: order.service.clone(),
            generation: order.generation,
            major: order.major,
            region: self.region(&order.home.stored_in)?,
            port: order.port,
            sizes: Sizes { connections_max, shared_buffers_mib, slot_keep_mib },
            networks: order.networks.clone(),
            settings: order.settings.clone(),
            disk_mib: order.disk_mib,
            interval_ms: INTERVAL_MS,
            removed: false,
        })
    }

    fn address(&self, address: &fleet::Address) -> NodeAddress {
        NodeAddress { host: self.address.clone(), port: address.port, version: address.version.clone() }
    }

    fn restore_of(&self, restore: &RestoreOrder) -> Result<Restore> {
        let (region, source) = (self.region(&restore.region)?, restore.source.clone());
        let (target, backup) = (restore.target.clone(), restore.backup.clone());
        Ok(Restore { region, source, target, backup, assured: restore.assured })
    }
}

impl Hosts for LocalHosts {
    fn versions(&self, _: &RegionName, service_type: &str) -> Result<Vec<u32>> {
        if service_type != "pg" {
            return Err(Error::missing(format!("this machine runs no {service_type}")));
        }
        Ok(installed::postgresql(&self.host, None)?.iter().map(|installation| installation.major).collect())
    }

    fn extensions(&self, region: &RegionName, service_type: &str) -> Result<Vec<(u32, Vec<Extension>)>> {
        self.versions(region, service_type)?;
        installed::extensions(&self.host)
    }

    fn provision(&self, order: &NodeOrder) -> Result<NodeAddress> {
        let certificate = Certificate { certificate: &order.certificate, key: &order.key };
        let fleet = self.fleet_of(&order.home.region)?;
        self.live(&order.service, order.generation, &order.home);
        Ok(self.address(&fleet.provision(&self.order(order)?, &certificate)?))
    }

    fn restore(&self, order: &NodeOrder, restore: &RestoreOrder, progress: &Progress) -> Result<RestoreReport> {
        let certificate = Certificate { certificate: &order.certificate, key: &order.key };
        let fleet = self.fleet_of(&order.home.region)?;
        self.live(&order.service, order.generation, &order.home);
        let recovered = fleet.restore(&self.order(order)?, &certificate, &self.restore_of(restore)?, progress)?;
        Ok(RestoreReport {
            address: self.address(&recovered.address),
            backup: recovered.backup,
            window_end: recovered.window_end,
            bytes: recovered.work.0,
            seconds: (recovered.work.2, recovered.work.3),
        })
    }

    fn check_restore(&self, restore: &RestoreOrder) -> Result<()> {
        self.fleet_of(&restore.region)?.check_restore(&self.restore_of(restore)?)
    }

    fn back_up(
        &self,
        service: &ServiceId,
        generation: Generation,
        request: &str,
        progress: &Progress,
    ) -> Result<BackupReport> {
        let taken = self.fleet(service)?.take_backup(service, generation, request, progress)?;
        Ok(BackupReport {
            name: taken.name,
            raw_bytes: taken.raw_bytes,
            new_bytes: taken.new_bytes,
            bad_pages: taken.bad_pages,
        })
    }

    fn stop(&self, service: &ServiceId, generation: Generation) -> Result<()> {
        self.fleet(service)?.stop(service, generation)
    }

    fn restart(&self, service: &ServiceId, generation: Generation) -> Result<()> {
        self.fleet(service)?.restart(service, generation)
    }

    fn remove(&self, service: &ServiceId, generation: Generation) -> Result<()> {
        match self.fleet(service) {
            Err(error) if error.kind() == ErrorKind::Missing => Ok(()),
            fleet => fleet?.remove(service, generation),
        }
    }

    fn catch_up(&self, service: &ServiceId) -> Result<()> {
        self.fleet(service)?.catch_up(service, CATCH_UP_PATIENCE)
    }

    fn view(&self, service: &ServiceId) -> Result<NodeView> {
        let observed = match self.fleet(service).and_then(|fleet| fleet.observe(service)) {
            Err(error) if error.kind() == ErrorKind::Missing => return Ok(absent()),
            observed => observed?,
        };
        let state = match observed.server {
            Server::Absent => NodeState::Absent,
            Server::Lost => NodeState::Lost,
            Server::Stopped => NodeState::Stopped,
            Server::Crashed => NodeState::Crashed,
            Server::Busy => NodeState::Busy,
            Server::Ready => NodeState::Ready,
        };
        Ok(NodeView {
            state: if observed.busy && state != NodeState::Ready { NodeState::Busy } else { state },
            archived_to: observed.archived_to,
            at_risk_s: observed.at_risk_s,
            breaks: observed.breaks,
            disk_full: observed.full,
            crash_loop: observed.crash_loop,
            trouble: observed.trouble,
            disk_bytes: observed.disk_bytes,
            figures: observed.figures,
        })
    }

    fn change(&self, service: &ServiceId, change: &Change) -> Result<()> {
        let mut hasher = DefaultHasher::new();
        service.hash(&mut hasher);
        let turn = usize::try_from(hasher.finish() % CHANGING as u64).unwrap_or_default();
        let _turn = self.changing.get(turn).map(|turn| turn.lock().unwrap_or_else(PoisonError::into_inner));
        let (mut session, major) = self.session(service)?;
        match change {
            Change::Found { administrator, password, database } => {
                admin::found(&mut session, major, &Founders { administrator, password, database })
            }
            Change::CreateUser(user, password) => admin::create_user(&mut session, user, password),
            Change::SetPassword(user, password) => admin::set_password(&mut session, user, password),
            Change::DropUser(user, administrator) => admin::drop_user(&mut session, user, administrator),
            Change::CreateDatabase(database, owner) => {
                let locale = Locale { collate: database.collate.as_deref(), ctype: database.ctype.as_deref() };
                admin::create_database(&mut session, &database.name, owner, locale)
            }
            Change::DropDatabase(database) => admin::drop_database(&mut session, database),
        }
    }

    fn inhabitants(&self, service: &ServiceId) -> Result<Inhabitants> {
        let (mut session, _) = self.session(service)?;
        let users = admin::users(&mut session, SUPERUSER)?;
        let database = |one: admin::Database| Database { name: one.name, collate: one.collate, ctype: one.ctype };
        let databases = admin::databases(&mut session)?.into_iter().map(database).collect();
        Ok(Inhabitants { users, databases })
    }

    fn log(&self, service: &ServiceId, limit: usize) -> Result<Vec<LogLine>> {
        let fleet = self.fleet(service)?;
        let text = fleet.log(service)?;
        let mut lines = lines::of_server(&text);
        for told in fleet.told(service) {
            lines.push(LogLine { at: told.0, unit: "farshore-agent".to_string(), text: told.1 });
        }
        lines.sort_by_key(|line| line.at);
        let skipped = lines.len().saturating_sub(limit);
        Ok(lines.split_off(skipped))
    }

    fn queries(&self, service: &ServiceId, limit: usize) -> Result<Vec<Query>> {
        let (mut session, _) = self.session(service)?;
        queries::running(&mut session, limit)
    }

    fn statistics(&self, service: &ServiceId, page: &Page) -> Result<Vec<Query>> {
        let (mut session, major) = self.session(service)?;
        queries::counted(&mut session, major, SUPERUSER, page)
    }

    fn reset_statistics(&self, service: &ServiceId) -> Result<()> {
        let (mut session, _) = self.session(service)?;
        statements::reset(&mut session)
    }

    fn stock(&self, region: &RegionName, service: &ServiceId) -> Result<Stock> {
        let stock = self.fleet_of(region)?.stock(&self.region(region)?, service)?;
        let backup = |held: fleet::Held| StoredBackup {
            name: held.name,
            sequence: held.sequence,
            taken_at: held.finished,
            raw_bytes: held.raw_bytes,
            stored_bytes: held.stored_bytes,
            full: held.full,
            flags: held.flags,
        };
        let backups = stock.backups.into_iter().map(backup).collect();
        Ok(Stock { backups, windows: stock.windows, damaged: stock.damaged })
    }

    fn expire(&self, region: &RegionName, service: &ServiceId, keep: Keep) -> Result<u64> {
        self.fleet_of(region)?.expire(&self.region(region)?, service, kept(keep))
    }

    fn shred(&self, region: &RegionName, service: &ServiceId) -> Result<()> {
        let fleet = self.fleet_of(region)?;
        fleet.shred(&self.region(region)?, service)?;
        match fleet.forget(service) {
            // Its node may be beside a copy that is no longer wanted.
            Err(error) if error.kind() == ErrorKind::Conflict => Ok(()),
            forgotten => forgotten,
        }
    }

    fn probe(&self, region: &RegionName) -> Result<()> {
        self.agents.of_region(region.as_str())?.probe()
    }

    fn settle(&self, service: &ServiceId, generation: Generation, home: &Home) -> Result<()> {
        self.live(service, generation, home);
        // What it has there is no copy any more. That its last object is under way harms nothing: it is one of its own.
        let region = &home.stored_in;
        if let Err(error) = self.copies(region)?.end(service, region.as_str()) {
            tracing::debug!(%service, %region, %error, "a copy became the first one");
        }
        self.agents.discard_elsewhere(service, generation, home.region.as_str())
    }

    fn nodes(&self) -> Result<Vec<(ServiceId, RegionName)>> {
        self.agents.services().into_iter().map(|(service, region)| Ok((service, region.parse()?))).collect()
    }

    fn copy(&self, order: &CopyOrder) -> Result<()> {
        let (from, to) = (order.from.to_string(), order.to.to_string());
        // One that is down has no agent that could pull.
        self.fleet_of(&order.to)?;
        if self.agents.is_stored_in(&order.service, &to) {
            // The row that this order was made from is an old one: the service is kept there since.
            return Err(Error::conflict(format!("the backups of service {} are made in {to}", order.service)));
        }
        let order = copies::CopyOrder { service: order.service.clone(), from, to, keep: kept(order.keep) };
        self.copies.get(&order.to).map_or(Ok(()), |copies| copies.keep(&order))
    }

    fn end_copy(&self, service: &ServiceId, region: &RegionName) -> Result<()> {
        self.copies(region)?.end(service, region.as_str())
    }

    fn copy_view(&self, service: &ServiceId, region: &RegionName) -> Result<Option<CopyView>> {
        self.fleet_of(region)?;
        Ok(self.copies(region)?.view(service, region.as_str()).map(copy_view))
    }
}

/// What a copy shows.
fn copy_view(copied: copies::Copied) -> CopyView {
    CopyView {
        complete: copied.complete,
        followed: copied.followed,
        compared: copied.compared,
        waiting_backups: copied.waiting.backups,
        waiting_objects: copied.waiting.objects.saturating_add(copied.log_waiting.0),
        waiting_bytes: copied.waiting.bytes.saturating_add(copied.log_waiting.1),
        oldest_waiting: copied.waiting.oldest,
        paused: copied.paused,
    }
}

/// As the vault says it.
fn kept(keep: Keep) -> retention::Keep {
    match keep {
        Keep::Days(days) => retention::Keep::Days(days),
        Keep::Count(count) => retention::Keep::Count(count),
    }
}

/// A node that this machine never had, or has no more.
fn absent() -> NodeView {
    NodeView {
        state: NodeState::Absent,
        archived_to: None,
        at_risk_s: None,
        breaks: 0,
        disk_full: false,
        crash_loop: None,
        trouble: None,
        disk_bytes: None,
        figures: BTreeMap::new(),
    }
}
