//! Taking over a database from elsewhere.

use schemars::JsonSchema;
use serde::Serialize;

use crate::wire::common::Object;

/// How it goes.
#[derive(Debug, Serialize, JsonSchema)]
pub struct MigrationAnswer {
    /// As a whole.
    pub migration: Migration,
    /// For each database.
    pub migration_detail: Vec<Object>,
}

/// How it goes as a whole.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Migration {
    /// `done`, `failed`, `running`, `syncing`, or `none`.
    pub status: String,
    /// By which means; empty if there is none.
    pub method: String,
    /// What went wrong.
    pub error: Option<String>,
}
