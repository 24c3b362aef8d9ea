//! Whether regions answer, and what can be restored of their services elsewhere. An addition of ours to the documented API.

use schemars::JsonSchema;
use serde::Serialize;

use super::common::Time;

/// All regions, with the project's services in them.
#[derive(Debug, Serialize, JsonSchema)]
pub struct RegionsAnswer {
    /// The regions.
    pub regions: Vec<RegionState>,
}

/// Whether a region answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum RegionCondition {
    /// It answers.
    Up,
    /// Its store or its hosts do not.
    Down,
}

/// A region.
#[derive(Debug, Serialize, JsonSchema)]
pub struct RegionState {
    /// Its name.
    pub region: String,
    /// Whose machines they are.
    pub provider: String,
    /// Whether it answers.
    pub state: RegionCondition,
    /// Since when it does not.
    pub since: Option<Time>,
    /// What it said last, if anything.
    pub reason: Option<String>,
    /// Services of the project whose node is there.
    pub services: Vec<RegionService>,
    /// Services whose node is elsewhere and whose backups and log go there.
    pub backups_of: Vec<String>,
    /// Services of which a copy is there.
    pub copies_of: Vec<String>,
}

/// A service in a region.
#[derive(Debug, Serialize, JsonSchema)]
pub struct RegionService {
    /// Its name.
    pub service_name: String,
    /// The word of its state.
    pub state: String,
    /// The region in which its backups are made; while that answers, it can be restored in every other one.
    pub backup_region: String,
    /// Other regions in which it can be restored.
    pub restorable: Vec<Restorable>,
}

/// Moments that can be restored in a region.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Restorable {
    /// The region.
    pub region: String,
    /// The first moment.
    pub from: Time,
    /// The last moment.
    pub to: Time,
}
