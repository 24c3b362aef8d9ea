//! The one organization of a platform: newer clients look for the account in it.

use schemars::JsonSchema;
use serde::Serialize;

use crate::wire::common::Time;

/// An organization.
#[derive(Debug, Serialize, JsonSchema)]
pub struct OrganizationAnswer {
    /// Names it.
    pub organization_id: String,
    /// Its name.
    pub organization_name: String,
    /// Its account.
    pub account_id: String,
    /// When the platform was started first.
    pub create_time: Time,
    /// The same: nothing of it changes.
    pub update_time: Time,
    /// `business`; a part of the documented shape.
    pub tier: String,
}
