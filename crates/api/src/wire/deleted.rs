//! Services that were terminated and can still be brought back. An addition of ours to the documented API.

use schemars::JsonSchema;
use serde::Serialize;

use super::common::Time;

/// All of a project.
#[derive(Debug, Serialize, JsonSchema)]
pub struct DeletedServicesAnswer {
    /// The services, the one that was terminated last first.
    pub services: Vec<DeletedService>,
}

/// A service that was terminated.
#[derive(Debug, Serialize, JsonSchema)]
pub struct DeletedService {
    /// Names it for ever; with it the service is brought back.
    pub service_id: String,
    /// The name that it had, and would have again.
    pub service_name: String,
    /// Its type.
    pub service_type: String,
    /// Its plan.
    pub plan: String,
    /// Its region.
    pub cloud_name: String,
    /// When it was made.
    pub create_time: Time,
    /// When it was terminated.
    pub delete_time: Time,
    /// From then on its backups cannot be read by anybody.
    pub kept_until: Time,
}
