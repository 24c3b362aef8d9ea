//! What is asked of services. Null means the same as absent, except inside `user_config`, where it resets an option.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;

use super::maintenance::MaintenanceChange;
use crate::wire::common::{Object, TechEmail};
use crate::wire::integration::IntegrationCreate;

/// A service to be made.
#[derive(Debug, Deserialize, JsonSchema)]
pub struct ServiceCreate {
    /// Its name.
    pub service_name: String,
    /// Its type.
    pub service_type: String,
    /// Its plan.
    pub plan: String,
    /// Its region; the project's default if it is absent.
    pub cloud: Option<String>,
    /// Its options.
    pub user_config: Option<Object>,
    /// Disk of a node, MiB; the plan's least if it is absent.
    pub disk_space_mb: Option<u64>,
    /// Whether it can be neither deleted nor powered off.
    pub termination_protection: Option<bool>,
    /// When it may be maintained.
    pub maintenance: Option<MaintenanceChange>,
    /// Links that it is made with.
    pub service_integrations: Option<Vec<IntegrationCreate>>,
    /// Names and values of the operator.
    pub tags: Option<BTreeMap<String, String>>,
    /// Whether a fork takes over the tags of its source.
    pub copy_tags: Option<bool>,
    /// Who is told about technical matters.
    pub tech_emails: Option<Vec<TechEmail>>,
    /// Addresses that it shall keep; there are none to have.
    pub static_ips: Option<Vec<String>>,
    /// The network it shall be in; there are none to have.
    pub project_vpc_id: Option<String>,
    /// A key of the operator's own.
    pub cmk_id: Option<String>,
}

/// A service to be changed; what is absent stays.
#[derive(Debug, Deserialize, JsonSchema)]
pub struct ServiceUpdate {
    /// Its plan.
    pub plan: Option<String>,
    /// Its region.
    pub cloud: Option<String>,
    /// Whether it has nodes.
    pub powered: Option<bool>,
    /// Options; null resets one.
    pub user_config: Option<Object>,
    /// Disk of a node, MiB.
    pub disk_space_mb: Option<u64>,
    /// Whether it can be neither deleted nor powered off.
    pub termination_protection: Option<bool>,
    /// When it may be maintained.
    pub maintenance: Option<MaintenanceChange>,
    /// Who is told about technical matters.
    pub tech_emails: Option<Vec<TechEmail>>,
    /// `active`, `passive` or `failed`.
    pub disaster_recovery_role: Option<String>,
    /// For the `kafka` type.
    pub karapace: Option<bool>,
    /// For the `kafka` type.
    pub schema_registry_authz: Option<bool>,
    /// Addresses that it shall keep; there are none to have.
    pub static_ips: Option<Vec<String>>,
    /// The network it shall be in; there are none to have.
    pub project_vpc_id: Option<String>,
    /// A key of the operator's own.
    pub cmk_id: Option<String>,
}
