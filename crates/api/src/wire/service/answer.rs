//! A service, with every field that a client may stop at.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Serialize;

use super::backup::Backup;
use super::maintenance::Maintenance;
use super::pool::ConnectionPool;
use super::progress::ProgressUpdate;
use super::user::ServiceUser;
use crate::wire::common::{Object, TechEmail, Time};
use crate::wire::integration::Integration;

/// A service.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct Service {
    /// Names it for ever, also when its name is used again. An addition of ours to the documented API.
    pub service_id: String,
    /// Its name.
    pub service_name: String,
    /// Its type.
    pub service_type: String,
    /// The type for people.
    pub service_type_description: String,
    /// How it is.
    pub state: ServiceState,
    /// Its plan.
    pub plan: String,
    /// Its region.
    pub cloud_name: String,
    /// The region for people.
    pub cloud_description: String,
    /// When it was made.
    pub create_time: Time,
    /// When it was changed last.
    pub update_time: Time,
    /// Whether it can be neither deleted nor powered off.
    pub termination_protection: bool,
    /// Where to connect, with a password for callers who may; empty while there is nothing to connect to.
    pub service_uri: String,
    /// The same in parts, `port` included as a text.
    pub service_uri_params: BTreeMap<String, String>,
    /// The same once more, as each type's clients expect it.
    pub connection_info: Object,
    /// What listens where.
    pub components: Vec<Component>,
    /// The options that were set.
    pub user_config: Object,
    /// Accounts.
    pub users: Vec<ServiceUser>,
    /// Names of databases.
    pub databases: Vec<String>,
    /// Pools.
    pub connection_pools: Vec<ConnectionPool>,
    /// Backups.
    pub backups: Vec<Backup>,
    /// Nodes of the plan.
    pub node_count: u32,
    /// Processors of a node.
    pub node_cpu_count: u32,
    /// Memory of a node, MiB.
    pub node_memory_mb: u32,
    /// Disk of a node, MiB.
    pub disk_space_mb: u64,
    /// How each node is.
    pub node_states: Vec<NodeState>,
    /// When it may be maintained.
    pub maintenance: Maintenance,
    /// Links to other services.
    pub service_integrations: Vec<Integration>,
    /// What people should know.
    pub service_notifications: Vec<ServiceNotification>,
    /// What it is about, by type; the version for one.
    pub metadata: Object,
    /// Switches; none today.
    pub features: Object,
    /// `default`; a part of the documented shape.
    pub group_list: Vec<String>,
    /// Names and values of the operator.
    pub tags: BTreeMap<String, String>,
    /// Who is told about technical matters.
    pub tech_emails: Vec<TechEmail>,
    /// Null: there are no networks to be in.
    pub project_vpc_id: Option<String>,
}

/// How a service is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "UPPERCASE")]
pub enum ServiceState {
    /// It has no nodes, by its operator's will.
    Poweroff,
    /// It works, and nodes come or go.
    Rebalancing,
    /// It is being made, and does not work yet.
    Rebuilding,
    /// It works.
    Running,
}

/// Something that listens.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct Component {
    /// What.
    pub component: String,
    /// Name or address.
    pub host: String,
    /// Port.
    pub port: u16,
    /// `dynamic`, or `public`.
    pub route: String,
    /// `primary`, or `replica`.
    pub usage: String,
    /// Whether it speaks TLS. Left out where it cannot be otherwise.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ssl: Option<bool>,
    /// The path of its URL. Left out where there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
}

/// How a node is.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct NodeState {
    /// Its name.
    pub name: String,
    /// How it is. Its availability zone is left out, as is documented for where there are none.
    pub state: NodePhase,
    /// `master` or `standby`. Left out while it is neither.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub role: Option<String>,
    /// How far its making is, phase by phase; empty when there is nothing to tell.
    pub progress_updates: Vec<ProgressUpdate>,
}

/// How a node is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum NodePhase {
    /// Its host makes room for it.
    SettingUpVm,
    /// Its data arrives.
    SyncingData,
    /// It works.
    Running,
    /// It is about to go.
    Leaving,
    /// Its host does not answer.
    TimingOut,
    /// Nobody has told.
    Unknown,
}

/// Something people should know.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct ServiceNotification {
    /// `notice` or `warning`.
    pub level: String,
    /// In words.
    pub message: String,
    /// `service_notice`; `service_end_of_life` and `service_powered_off_removal` are documented and not told yet.
    #[serde(rename = "type")]
    pub kind: String,
    /// More, for programs.
    pub metadata: Object,
}

/// One service.
#[derive(Debug, Serialize, JsonSchema)]
pub struct ServiceAnswer {
    /// The service.
    pub service: Service,
}

/// All services of a project.
#[derive(Debug, Serialize, JsonSchema)]
pub struct ServicesAnswer {
    /// The services.
    pub services: Vec<Service>,
}
