//! When a service may be maintained, and what waits for that.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::wire::common::Time;

/// The window and what waits for it.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct Maintenance {
    /// Its day.
    pub dow: MaintenanceDay,
    /// Its beginning, `HH:MM:SS` UTC.
    pub time: String,
    /// Whether anything is done by itself.
    pub enabled: bool,
    /// What waits.
    pub updates: Vec<MaintenanceEntry>,
}

/// A day of the week. Older clients send `never`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum MaintenanceDay {
    /// Monday.
    Monday,
    /// Tuesday.
    Tuesday,
    /// Wednesday.
    Wednesday,
    /// Thursday.
    Thursday,
    /// Friday.
    Friday,
    /// Saturday.
    Saturday,
    /// Sunday.
    Sunday,
    /// None.
    Never,
}

/// Something that waits.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct MaintenanceEntry {
    /// For people.
    pub description: String,
    /// From then on it is done by itself; null: only on request.
    pub deadline: Option<Time>,
    /// Not before.
    pub start_after: Option<Time>,
    /// When it is going to begin.
    pub start_at: Option<Time>,
    /// What clients will notice.
    pub impact: Option<String>,
}

/// A new window; what is absent stays.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
pub struct MaintenanceChange {
    /// Its day.
    pub dow: Option<MaintenanceDay>,
    /// Its beginning, `HH:MM:SS` UTC.
    pub time: Option<String>,
}
