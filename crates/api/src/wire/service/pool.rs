//! Connection pools. They are part of the documented shapes and not offered.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A pool.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct ConnectionPool {
    /// Its name.
    pub pool_name: String,
    /// The database behind it.
    pub database: String,
    /// The account behind it.
    pub username: Option<String>,
    /// When a connection goes back: `session`, `transaction`, `statement`.
    pub pool_mode: String,
    /// Connections to the database.
    pub pool_size: u32,
    /// Where clients connect.
    pub connection_uri: String,
}

/// A pool to be made.
#[derive(Debug, Deserialize, JsonSchema)]
pub struct ConnectionPoolCreate {
    /// Its name.
    pub pool_name: String,
    /// The database behind it.
    pub database: String,
    /// The account behind it.
    pub username: Option<String>,
    /// When a connection goes back.
    pub pool_mode: Option<String>,
    /// Connections to the database.
    pub pool_size: Option<u32>,
}

/// A pool to be changed; what is absent stays.
#[derive(Debug, Deserialize, JsonSchema)]
pub struct ConnectionPoolUpdate {
    /// The database behind it.
    pub database: Option<String>,
    /// The account behind it.
    pub username: Option<String>,
    /// When a connection goes back.
    pub pool_mode: Option<String>,
    /// Connections to the database.
    pub pool_size: Option<u32>,
}
