//! The one organization of a platform, and its one account: newer clients look for the account in it.

use schemars::JsonSchema;
use serde::Serialize;

use crate::wire::common::{Object, Time};

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

/// All organizations.
#[derive(Debug, Serialize, JsonSchema)]
pub struct OrganizationsAnswer {
    /// The one.
    pub organizations: Vec<OrganizationAnswer>,
}

/// One account.
#[derive(Debug, Serialize, JsonSchema)]
pub struct AccountAnswer {
    /// The account.
    pub account: Account,
}

/// All accounts.
#[derive(Debug, Serialize, JsonSchema)]
pub struct AccountsAnswer {
    /// The one.
    pub accounts: Vec<Account>,
}

/// An account. Nobody owns it, and it has no teams: who may do what is said by the members of projects.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Account {
    /// Names it.
    pub account_id: String,
    /// Its name.
    pub account_name: String,
    /// Empty: there are no teams.
    pub account_owner_team_id: String,
    /// When the platform was started first.
    pub create_time: Time,
    /// The same: nothing of it changes.
    pub update_time: Time,
    /// Switches; none today.
    pub features: Object,
    /// False: there are no teams.
    pub is_account_owner: bool,
    /// False: there are no teams.
    pub is_account_member: bool,
    /// Its organization.
    pub organization_id: String,
    /// Empty: nobody is billed.
    pub primary_billing_group_id: String,
    /// Itself.
    pub root_account_id: String,
    /// Empty.
    pub tenant_id: String,
}
