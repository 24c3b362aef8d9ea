//! What the sessions of a service do, and what was counted of queries.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::wire::common::Object;

/// Which queries.
#[derive(Debug, Deserialize, JsonSchema)]
pub struct QueryRequest {
    /// At most so many; the server has its own limit.
    pub limit: Option<u32>,
    /// Accepted and not used: the longest come first.
    pub order_by: Option<String>,
}

/// Which statistics.
#[derive(Debug, Deserialize, JsonSchema)]
pub struct StatisticsRequest {
    /// At most so many; the server has its own limit.
    pub limit: Option<u32>,
    /// After so many others.
    pub offset: Option<u32>,
    /// `COLUMN:asc` or `COLUMN:desc`; those that ran most often come first if it is left out.
    pub order_by: Option<String>,
}

/// Queries.
#[derive(Debug, Serialize, JsonSchema)]
pub struct QueriesAnswer {
    /// Each with the columns that the engine's own views give it.
    pub queries: Vec<Object>,
}
