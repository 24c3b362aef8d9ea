//! What the use cases ask of hosts: the seam to the agents. Implemented over an agent in the same process by the binary, and by a
//! simulated host in tests.
//!
//! Every verb blocks, may be repeated, and is refused (`Conflict`) when its generation is lower than one that the host has seen: whoever
//! was paused and replaced changes nothing. What a host was told it keeps doing by itself.

#[cfg(any(test, feature = "fake"))]
pub mod fake;

use std::collections::BTreeMap;

use farshore_types::statistics::Page;
use farshore_types::{Generation, Progress, RegionName, Result, ServiceId, Target, Timestamp};
use serde::{Deserialize, Serialize};

/// Where a service lives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Home {
    /// The region on whose hosts its node is.
    pub region: RegionName,
    /// The region where its backups and its log go.
    pub stored_in: RegionName,
}

/// One node as it shall be.
#[derive(Debug, Clone, PartialEq)]
pub struct NodeOrder {
    /// The service, as it is named in stores.
    pub service: ServiceId,
    /// In whose name.
    pub generation: Generation,
    /// Major version of the engine.
    pub major: u32,
    /// Where it is, and where what it writes goes.
    pub home: Home,
    /// TCP port; `None`: the host chooses one.
    pub port: Option<u16>,
    /// Clients that may be connected at the same time.
    pub connections_max: u32,
    /// Memory in which the server keeps pages, in MiB.
    pub shared_buffers_mib: u32,
    /// Data that it may hold, in MiB.
    pub disk_mib: u64,
    /// From where one may connect: `ADDRESS/PREFIX`.
    pub networks: Vec<String>,
    /// Settings of the server, rendered from the service's options.
    pub settings: Vec<(String, String)>,
    /// Certificate with its chain, PEM.
    pub certificate: String,
    /// Its private key, PEM: secret.
    pub key: String,
}

/// Where a node was put.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NodeAddress {
    /// Name or address that clients use.
    pub host: String,
    /// TCP port.
    pub port: u16,
    /// The server's version as printed.
    pub version: String,
}

/// From which backups, and to where.
#[derive(Debug, Clone, PartialEq)]
pub struct RestoreOrder {
    /// The region whose copy is read.
    pub region: RegionName,
    /// Whose backups.
    pub source: ServiceId,
    /// To where.
    pub target: Target,
    /// The backup to start from; `None`: the best one for the target.
    pub backup: Option<String>,
    /// Nothing that was acknowledged before this moment is missing in that region, also where no log says so.
    pub assured: Option<Timestamp>,
}

/// What a restore did.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RestoreReport {
    /// Where the node is.
    pub address: NodeAddress,
    /// The backup it was made from.
    pub backup: String,
    /// The newest moment that could have been restored.
    pub window_end: Timestamp,
    /// Bytes of the files.
    pub bytes: u64,
    /// Seconds for the files, and for the log.
    pub seconds: (f64, f64),
}

/// A backup that was taken.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BackupReport {
    /// Its name.
    pub name: String,
    /// Bytes of the files.
    pub raw_bytes: u64,
    /// Bytes put.
    pub new_bytes: u64,
    /// Damaged pages found on the source.
    pub bad_pages: u64,
}

/// What a node's server is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NodeState {
    /// There is no node.
    Absent,
    /// The node is known, its data is gone.
    Lost,
    /// Stopped as ordered.
    Stopped,
    /// It should run and does not.
    Crashed,
    /// Starting, recovering or stopping.
    Busy,
    /// It answers queries.
    Ready,
}

/// One look at a node.
#[derive(Debug, Clone, PartialEq)]
pub struct NodeView {
    /// What its server does.
    pub state: NodeState,
    /// Everything up to this moment is in the store.
    pub archived_to: Option<Timestamp>,
    /// Seconds of data that would be lost with the node now; `None` as long as nobody knows.
    pub at_risk_s: Option<f64>,
    /// How often the journal was broken: after each break a full backup is due.
    pub breaks: u64,
    /// Whether it takes no more writes because its disk is full.
    pub disk_full: bool,
    /// Whether its server crashes again and again; `None` as long as nobody can say.
    pub crash_loop: Option<bool>,
    /// What is wrong, if anything.
    pub trouble: Option<String>,
    /// Bytes of its data; `None` until they were counted.
    pub disk_bytes: Option<u64>,
    /// Figures by name, for charts: `cpu_percent`, `memory_bytes`, `connections` and so on.
    pub figures: BTreeMap<String, f64>,
}

/// One stored backup.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredBackup {
    /// Its name.
    pub name: String,
    /// 1 and up.
    pub sequence: u32,
    /// When it was consistent.
    pub taken_at: Timestamp,
    /// Bytes of the files.
    pub raw_bytes: u64,
    /// Bytes that it needs in the store.
    pub stored_bytes: u64,
    /// Whether it shares nothing with others.
    pub full: bool,
    /// What is wrong with it, if anything.
    pub flags: Vec<String>,
}

/// What a region's store holds of a service.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Stock {
    /// Backups, oldest first.
    pub backups: Vec<StoredBackup>,
    /// Stretches of moments that restore, oldest first.
    pub windows: Vec<(Timestamp, Timestamp)>,
    /// Backups that cannot be used, each with its reason.
    pub damaged: Vec<String>,
}

/// What is kept of a service's backups.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Keep {
    /// Every moment of so many days of 24 hours.
    Days(u32),
    /// So many backups.
    Count(u32),
}

/// A copy of a service's backups and log as it shall be, in a further region.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CopyOrder {
    /// The service, as it is named in stores.
    pub service: ServiceId,
    /// The region that is copied from.
    pub from: RegionName,
    /// The region that holds the copy; its agent pulls.
    pub to: RegionName,
    /// What retention keeps there.
    pub keep: Keep,
}

/// One look at a copy.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CopyView {
    /// Nothing that was acknowledged before this moment is missing in the copy's log; `None` until that is known.
    pub complete: Option<Timestamp>,
    /// Whether the log was followed to its end at least once.
    pub followed: bool,
    /// Whether backups were compared at least once.
    pub compared: bool,
    /// Backups that are still to be copied.
    pub waiting_backups: u64,
    /// Their objects, and those of the log that are known to be missing.
    pub waiting_objects: u64,
    /// The bytes of these objects.
    pub waiting_bytes: u64,
    /// When the oldest of these backups was consistent.
    pub oldest_waiting: Option<Timestamp>,
    /// Why copying rests; `None` while it does not.
    pub paused: Option<String>,
}

/// A change to the users and databases of a running node.
#[derive(Clone, PartialEq, Eq)]
pub enum Change {
    /// Makes the administrator with its database, or gives it this password.
    Found {
        /// Name of the administrator.
        administrator: String,
        /// Its password: secret.
        password: String,
        /// The first database.
        database: String,
    },
    /// Makes a user: name, password (secret). `Conflict` if it exists.
    CreateUser(String, String),
    /// Gives a user, made if absent, a password: name, password (secret).
    SetPassword(String, String),
    /// Removes a user; the second name is the administrator's.
    DropUser(String, String),
    /// Makes a database for an owner. `Invalid` if the node's host lacks the locale.
    CreateDatabase(Database, String),
    /// Removes a database.
    DropDatabase(String),
}

/// Users and databases of a running node.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Inhabitants {
    /// Users that may log in.
    pub users: Vec<String>,
    /// Databases.
    pub databases: Vec<Database>,
}

/// A database of a node, as it is or as it shall be.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Database {
    /// Its name.
    pub name: String,
    /// Its order of texts; `None`: as in the rest of the server.
    pub collate: Option<String>,
    /// Its classes of characters; `None`: as in the rest of the server.
    pub ctype: Option<String>,
}

/// A query that an engine carries out: names of columns with their values, as the type's own views name them.
pub type Query = serde_json::Map<String, serde_json::Value>;

/// An extension that the owner of a database may make.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Extension {
    /// Its name.
    pub name: String,
    /// Its versions, the oldest first.
    pub versions: Vec<String>,
}

/// A line that an engine or an agent wrote.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogLine {
    /// When.
    pub at: Timestamp,
    /// Which program.
    pub unit: String,
    /// What.
    pub text: String,
}

/// The hosts of all regions.
pub trait Hosts: Send + Sync {
    /// Major versions of an engine (`pg`) that a region's hosts can run, newest first; `Missing` says how to install one.
    fn versions(&self, region: &RegionName, service_type: &str) -> Result<Vec<u32>>;
    /// Extensions that a region's hosts offer, for each major version of an engine. None where nobody can be asked.
    fn extensions(&self, _region: &RegionName, _service_type: &str) -> Result<Vec<(u32, Vec<Extension>)>> {
        Ok(Vec::new())
    }
    /// Makes the node if it is not there, gives it what the order says, starts it and archives its log.
    fn provision(&self, order: &NodeOrder) -> Result<NodeAddress>;
    /// Makes the node from a backup, to a moment, then as `provision`. `progress` counts bytes.
    fn restore(&self, order: &NodeOrder, restore: &RestoreOrder, progress: &Progress) -> Result<RestoreReport>;
    /// Refuses what `restore` would refuse, without making anything.
    fn check_restore(&self, restore: &RestoreOrder) -> Result<()>;
    /// Takes a backup of a running node. `progress` counts bytes. A `request` that the node's agent has carried out already, and has
    /// not been started anew since, is answered with its backup: a worker that took over a run finds what the last one asked for.
    fn back_up(
        &self,
        service: &ServiceId,
        generation: Generation,
        request: &str,
        progress: &Progress,
    ) -> Result<BackupReport>;
    /// Stops the node's server and ships its log to the very end.
    fn stop(&self, service: &ServiceId, generation: Generation) -> Result<()>;
    /// Restarts a node's server, for settings that it reads at its start only.
    fn restart(&self, service: &ServiceId, generation: Generation) -> Result<()>;
    /// Removes the node with all its data.
    fn remove(&self, service: &ServiceId, generation: Generation) -> Result<()>;
    /// Ships everything that a running node has acknowledged until now; waits some seconds at most. Nothing happens where none runs.
    fn catch_up(&self, service: &ServiceId) -> Result<()>;
    /// What a node is doing; never waits long.
    fn view(&self, service: &ServiceId) -> Result<NodeView>;
    /// Changes users and databases of a running node.
    fn change(&self, service: &ServiceId, change: &Change) -> Result<()>;
    /// Users and databases of a running node.
    fn inhabitants(&self, service: &ServiceId) -> Result<Inhabitants>;
    /// What a running node's sessions do now, the longest first, at most `limit`. None where nobody can be asked.
    fn queries(&self, _service: &ServiceId, _limit: usize) -> Result<Vec<Query>> {
        Ok(Vec::new())
    }
    /// What a running node's server has counted of queries, a page of it. `Conflict` says why it counts none.
    fn statistics(&self, _service: &ServiceId, _page: &Page) -> Result<Vec<Query>> {
        Ok(Vec::new())
    }
    /// Lets a running node's server count its queries anew.
    fn reset_statistics(&self, _service: &ServiceId) -> Result<()> {
        Ok(())
    }
    /// The newest lines of a node's log, oldest first, at most `limit`.
    fn log(&self, service: &ServiceId, limit: usize) -> Result<Vec<LogLine>>;
    /// What a region's store holds of a service.
    fn stock(&self, region: &RegionName, service: &ServiceId) -> Result<Stock>;
    /// Deletes what need not be kept; gives how many backups went. Never the last good one.
    fn expire(&self, region: &RegionName, service: &ServiceId, keep: Keep) -> Result<u64>;
    /// Makes every backup of a service in a region unreadable for ever.
    fn shred(&self, region: &RegionName, service: &ServiceId) -> Result<()>;
    /// Whether a region's store and hosts answer; gives up after some seconds.
    fn probe(&self, region: &RegionName) -> Result<()>;
    /// The service lives here from now on. What other hosts have of it is given up, as soon as they answer.
    fn settle(&self, service: &ServiceId, generation: Generation, home: &Home) -> Result<()>;
    /// Services that have a node on hosts that answer, with the region of each node.
    fn nodes(&self) -> Result<Vec<(ServiceId, RegionName)>>;
    /// Keeps a copy from now on, pulled by the target region's host. What was ordered is forgotten with the host's process.
    fn copy(&self, order: &CopyOrder) -> Result<()>;
    /// Copies no further; what is there stays.
    fn end_copy(&self, service: &ServiceId, region: &RegionName) -> Result<()>;
    /// How far a copy is; `None` where none is kept. Never waits long.
    fn copy_view(&self, service: &ServiceId, region: &RegionName) -> Result<Option<CopyView>>;
}
