//! Extensions that the owner of a database may make, for one service or for each version that is installed.

use schemars::JsonSchema;
use serde::Serialize;

/// An extension that the owner of a database may make.
#[derive(Debug, Serialize, JsonSchema)]
pub struct ExtensionEntry {
    /// Its name.
    pub name: String,
    /// Its versions, the oldest first.
    pub versions: Vec<String>,
}

/// Extensions.
#[derive(Debug, Serialize, JsonSchema)]
pub struct ExtensionsAnswer {
    /// By name.
    pub extensions: Vec<ExtensionEntry>,
}

/// Extensions of one version.
#[derive(Debug, Serialize, JsonSchema)]
pub struct ExtensionsOfVersion {
    /// The major version.
    pub version: String,
    /// By name.
    pub extensions: Vec<ExtensionEntry>,
}

/// Extensions by version.
#[derive(Debug, Serialize, JsonSchema)]
pub struct ExtensionsOfVersionsAnswer {
    /// Versions of PostgreSQL that are installed, the oldest first.
    pub pg: Vec<ExtensionsOfVersion>,
}
