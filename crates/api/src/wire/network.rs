//! Addresses and networks of a project. Services listen at their hosts' addresses, so there are none.

use schemars::JsonSchema;
use serde::Serialize;

use super::common::Object;

/// Addresses that stay.
#[derive(Debug, Default, Serialize, JsonSchema)]
pub struct StaticIpsAnswer {
    /// None.
    pub static_ips: Vec<Object>,
}

/// Private networks.
#[derive(Debug, Default, Serialize, JsonSchema)]
pub struct VpcsAnswer {
    /// None.
    pub vpcs: Vec<Object>,
}
