//! Lines that engines and agents wrote.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Which lines.
#[derive(Debug, Deserialize, JsonSchema)]
pub struct LogRequest {
    /// At most so many; the server has its own limit.
    pub limit: Option<u32>,
    /// `desc` begins with the newest.
    pub sort_order: Option<SortOrder>,
    /// Where the answer before ended.
    pub offset: Option<String>,
}

/// Which way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum SortOrder {
    /// The oldest first.
    Asc,
    /// The newest first.
    Desc,
}

/// Lines.
#[derive(Debug, Serialize, JsonSchema)]
pub struct LogAnswer {
    /// The lines.
    pub logs: Vec<LogEntry>,
    /// Where to go on.
    pub offset: String,
    /// Where the first of these lines is.
    pub first_log_offset: String,
}

/// A line.
#[derive(Debug, Serialize, JsonSchema)]
pub struct LogEntry {
    /// When it was written.
    pub time: String,
    /// On which node.
    pub hostname: String,
    /// By which program.
    pub unit: String,
    /// The line.
    pub msg: String,
}
