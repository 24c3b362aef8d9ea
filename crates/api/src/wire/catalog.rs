//! What can be created: types, plans with what they keep, versions.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Serialize;

use super::common::{Object, Second};

/// All types.
#[derive(Debug, Serialize, JsonSchema)]
pub struct ServiceTypesAnswer {
    /// Name to type.
    pub service_types: BTreeMap<String, ServiceTypeEntry>,
}

/// A type. Also an answer of its own, without anything around it.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct ServiceTypeEntry {
    /// For people.
    pub description: String,
    /// The version of a service that asks for none.
    pub default_version: Option<String>,
    /// The newest version.
    pub latest_available_version: Option<String>,
    /// What it can be created with.
    pub service_plans: Vec<ServicePlan>,
    /// The JSON schema of its options. Clients read options' names and types from it.
    pub user_config_schema: Object,
}

/// A plan of a type.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct ServicePlan {
    /// The type.
    pub service_type: String,
    /// The plan's name.
    pub service_plan: String,
    /// Nodes that such a service has.
    pub node_count: u32,
    /// What is kept of it.
    pub backup_config: BackupConfig,
    /// Region to what the plan is there.
    pub regions: BTreeMap<String, PlanRegion>,
    /// Share of memory that the service may use, percent.
    pub max_memory_percent: Option<u32>,
    /// Null.
    pub shard_count: Option<u32>,
}

/// A plan in a region.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct PlanRegion {
    /// `0`: nobody is billed.
    pub price_usd: String,
    /// Memory of a node, MiB.
    pub node_memory_mb: u32,
    /// Processors of a node.
    pub node_cpu_count: u32,
    /// Disk of a node at the least, MiB.
    pub disk_space_mb: u64,
    /// Disk of a node at the most, MiB.
    pub disk_space_cap_mb: u64,
    /// Disk grows by this, MiB.
    pub disk_space_step_mb: u64,
}

/// Which backups are taken and kept. What does not apply is left out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct BackupConfig {
    /// Hours from one to the next.
    pub interval: u32,
    /// Kept at the most; 0: none are taken.
    pub max_count: u32,
    /// `basic`: as it was at a backup. `pitr`: as it was at any moment.
    pub recovery_mode: String,
    /// Minutes from one frequent backup to the next.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub frequent_interval_minutes: Option<u32>,
    /// Age of the oldest frequent backup, minutes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub frequent_oldest_age_minutes: Option<u32>,
    /// Minutes from one infrequent backup to the next.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub infrequent_interval_minutes: Option<u32>,
    /// Age of the oldest infrequent backup, minutes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub infrequent_oldest_age_minutes: Option<u32>,
}

/// One plan in detail.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct PlanAnswer {
    /// The type.
    pub service_type: String,
    /// The plan's name.
    pub service_plan: String,
    /// Nodes.
    pub node_count: u32,
    /// What is kept of it.
    pub backup_config: BackupConfig,
    /// Disk of a node at the least, MiB.
    pub disk_space_mb: u64,
    /// Disk of a node at the most, MiB.
    pub disk_space_cap_mb: u64,
    /// Disk grows by this, MiB.
    pub disk_space_step_mb: u64,
    /// Share of memory that the service may use, percent.
    pub max_memory_percent: Option<u32>,
    /// Null.
    pub shard_count: Option<u32>,
}

/// What a plan costs in a region: nothing.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct PlanPriceAnswer {
    /// The type.
    pub service_type: String,
    /// The plan's name.
    pub service_plan: String,
    /// The same, for other clients.
    pub plan_name: String,
    /// The region.
    pub cloud_name: String,
    /// `0`.
    pub base_price_usd: String,
    /// `0`.
    pub extra_disk_price_per_gb_usd: String,
    /// `0`.
    pub object_storage_gb_price_usd: String,
}

/// All versions of all types.
#[derive(Debug, Serialize, JsonSchema)]
pub struct ServiceVersionsAnswer {
    /// The versions.
    pub service_versions: Vec<ServiceVersion>,
}

/// A version.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct ServiceVersion {
    /// The type.
    pub service_type: String,
    /// The version's name.
    pub major_version: String,
    /// `available`, or `eol` when its makers have stopped caring for it.
    pub state: String,
    /// From when on it could be had.
    pub availability_start_time: Option<Second>,
    /// Until when it can be had.
    pub availability_end_time: Option<Second>,
    /// The same as its makers' end of life.
    pub aiven_end_of_life_time: Option<Second>,
    /// When its makers stop caring for it.
    pub upstream_end_of_life_time: Option<Second>,
    /// When services of it are ended.
    pub termination_time: Option<Second>,
    /// Where to read about it.
    pub end_of_life_help_article_url: Option<String>,
}
