//! Names and values that an operator gives to projects and services.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// All tags.
#[derive(Debug, Serialize, JsonSchema)]
pub struct TagsAnswer {
    /// Name to value.
    pub tags: BTreeMap<String, String>,
}

/// Tags to be set. A null removes one.
#[derive(Debug, Deserialize, JsonSchema)]
pub struct TagsChange {
    /// Name to value.
    pub tags: BTreeMap<String, Option<String>>,
}
