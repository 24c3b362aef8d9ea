//! Projects, their members, their certificate authority.
//!
//! Nobody is billed; what the documented shape says about money is there and empty.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::wire::common::{Object, TechEmail, Time};

/// A project.
#[derive(Debug, Clone, Default, Serialize, JsonSchema)]
pub struct Project {
    /// Its name.
    pub project_name: String,
    /// The account it belongs to.
    pub account_id: String,
    /// That account's name.
    pub account_name: String,
    /// The organization it belongs to.
    pub organization_id: String,
    /// Where services go that name no region.
    pub default_cloud: String,
    /// Who is told about technical matters.
    pub tech_emails: Vec<TechEmail>,
    /// Names and values of the operator.
    pub tags: BTreeMap<String, String>,
    /// Switches; none today.
    pub features: Object,
    /// A card with nothing on it: nobody is billed.
    pub card_info: CardInfo,
    /// `0.00`.
    pub available_credits: String,
    /// `0.00`.
    pub estimated_balance: String,
    /// Empty.
    pub billing_address: String,
    /// `USD`.
    pub billing_currency: String,
    /// Empty.
    pub billing_emails: Vec<TechEmail>,
    /// Null.
    pub billing_extra_text: Option<String>,
    /// Empty.
    pub billing_group_id: String,
    /// Empty.
    pub billing_group_name: String,
    /// Empty.
    pub country: String,
    /// Empty.
    pub country_code: String,
    /// `no_payment_expected`.
    pub payment_method: String,
    /// Empty.
    pub tenant_id: String,
    /// Null.
    pub trial_expiration_time: Option<Time>,
    /// Empty.
    pub vat_id: String,
}

/// What the documented shape says about a credit card; all of it is empty. Some clients stop where it is null.
#[derive(Debug, Clone, Default, Serialize, JsonSchema)]
pub struct CardInfo {
    /// Empty.
    pub brand: String,
    /// Empty.
    pub card_id: String,
    /// Empty.
    pub country: String,
    /// Empty.
    pub country_code: String,
    /// 0.
    pub exp_month: u32,
    /// 0.
    pub exp_year: u32,
    /// Empty.
    pub last4: String,
    /// Empty.
    pub name: String,
    /// Empty.
    pub user_email: String,
}

/// One project.
#[derive(Debug, Serialize, JsonSchema)]
pub struct ProjectAnswer {
    /// The project.
    pub project: Project,
}

/// The caller's projects.
#[derive(Debug, Serialize, JsonSchema)]
pub struct ProjectsAnswer {
    /// The projects; clients take the first for their default.
    pub projects: Vec<Project>,
    /// Project to role.
    pub project_membership: BTreeMap<String, String>,
    /// Project to roles.
    pub project_memberships: BTreeMap<String, Vec<String>>,
}

/// A project to be made.
#[derive(Debug, Deserialize, JsonSchema)]
pub struct ProjectCreate {
    /// Its name.
    pub project: String,
    /// Where services go that name no region.
    pub cloud: Option<String>,
    /// The account it belongs to.
    pub account_id: Option<String>,
    /// The account or unit it belongs to, for newer clients.
    pub parent_id: Option<String>,
    /// Takes over tags and contacts of this one.
    pub copy_from_project: Option<String>,
    /// Who is told about technical matters.
    pub tech_emails: Option<Vec<TechEmail>>,
    /// Names and values of the operator.
    pub tags: Option<BTreeMap<String, String>>,
}

/// A project to be changed; what is absent stays.
#[derive(Debug, Deserialize, JsonSchema)]
pub struct ProjectUpdate {
    /// Its new name.
    pub project_name: Option<String>,
    /// The account it belongs to.
    pub account_id: Option<String>,
    /// Where services go that name no region.
    pub cloud: Option<String>,
    /// Who is told about technical matters.
    pub tech_emails: Option<Vec<TechEmail>>,
    /// Names and values of the operator.
    pub tags: Option<BTreeMap<String, String>>,
}

/// Who is a member, and who is invited.
#[derive(Debug, Serialize, JsonSchema)]
pub struct ProjectUsersAnswer {
    /// The members.
    pub users: Vec<Member>,
    /// The invited.
    pub invitations: Vec<Invitation>,
    /// Members through a group; none today.
    pub group_users: Vec<Member>,
}

/// A member.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Member {
    /// The name under which the user logs in.
    pub user_email: String,
    /// As people call the user.
    pub real_name: String,
    /// The role.
    pub member_type: String,
    /// Ways to log in.
    pub auth: Vec<String>,
    /// Since when.
    pub create_time: Time,
    /// False: nobody is billed.
    pub billing_contact: bool,
    /// Empty.
    pub team_id: String,
    /// Empty.
    pub team_name: String,
}

/// Somebody who has been invited.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Invitation {
    /// Who.
    pub invited_user_email: String,
    /// By whom.
    pub inviting_user_email: String,
    /// When.
    pub invite_time: Time,
    /// The role.
    pub member_type: String,
}

/// Somebody to be invited.
#[derive(Debug, Deserialize, JsonSchema)]
pub struct MemberInvite {
    /// Who.
    pub user_email: String,
    /// The role.
    pub member_type: Option<String>,
}

/// A member to be given another role.
#[derive(Debug, Deserialize, JsonSchema)]
pub struct MemberUpdate {
    /// The role.
    pub member_type: String,
}

/// The authority that signs the certificates of the project's servers.
#[derive(Debug, Serialize, JsonSchema)]
pub struct CaAnswer {
    /// PEM.
    pub certificate: String,
}
