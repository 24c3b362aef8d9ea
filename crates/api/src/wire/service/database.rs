//! Databases inside a service, for the types that have them.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A database to be made.
#[derive(Debug, Deserialize, JsonSchema)]
pub struct DatabaseCreate {
    /// Its name.
    pub database: String,
    /// Its order of texts.
    pub lc_collate: Option<String>,
    /// Its classes of characters.
    pub lc_ctype: Option<String>,
}

/// All databases.
#[derive(Debug, Serialize, JsonSchema)]
pub struct DatabasesAnswer {
    /// The databases.
    pub databases: Vec<Database>,
}

/// A database.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Database {
    /// Its name.
    pub database_name: String,
    /// Its order of texts. Left out where there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lc_collate: Option<String>,
    /// Its classes of characters. Left out where there are none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lc_ctype: Option<String>,
}
