//! Alerts about limits that a service has crossed. No limits are watched, so there are none; what an owner should know stands in the
//! notifications of a service, and in events.

use schemars::JsonSchema;
use serde::Serialize;

use super::common::Object;

/// Alerts of a project or a service.
#[derive(Debug, Default, Serialize, JsonSchema)]
pub struct AlertsAnswer {
    /// None.
    pub alerts: Vec<Object>,
}
