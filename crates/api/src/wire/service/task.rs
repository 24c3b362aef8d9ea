//! Things done once on request, such as a check before an upgrade.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::wire::common::{Object, Time};

/// A task to be done.
#[derive(Debug, Deserialize, JsonSchema)]
pub struct TaskCreate {
    /// What.
    pub task_type: String,
    /// With `upgrade_check`: to which version, from older clients.
    pub target_version: Option<String>,
    /// With `upgrade_check`: to which version, from newer clients.
    pub upgrade_check: Option<UpgradeCheck>,
    /// With `migration_check`: from where.
    pub migration_check: Option<Object>,
}

/// What an `upgrade_check` checks.
#[derive(Debug, Deserialize, JsonSchema)]
pub struct UpgradeCheck {
    /// To which version.
    pub target_version: String,
}

/// One task.
#[derive(Debug, Serialize, JsonSchema)]
pub struct TaskAnswer {
    /// The task.
    pub task: Task,
}

/// A task.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Task {
    /// Names it.
    pub task_id: String,
    /// What.
    pub task_type: String,
    /// When it was asked for.
    pub create_time: Time,
    /// Whether it went well. False while it runs.
    pub success: bool,
    /// In words; empty while it runs.
    pub result: String,
    /// What was found, for programs.
    pub result_codes: Vec<Object>,
}
