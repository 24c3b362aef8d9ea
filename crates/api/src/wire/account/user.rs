//! Users and their login. Passwords come in as secrets and never go out.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::project::Invitation;
use crate::wire::common::{Object, Secret, Time};

/// A login.
#[derive(Debug, Deserialize, JsonSchema)]
pub struct UserAuth {
    /// The user's name.
    pub email: String,
    /// The password.
    pub password: Secret,
    /// A one-time password.
    pub otp: Option<Secret>,
    /// Accepted and not used.
    pub tenant: Option<String>,
}

/// A login that succeeded.
#[derive(Debug, Serialize, JsonSchema)]
pub struct UserAuthAnswer {
    /// The new token, shown this once.
    pub token: String,
    /// Who logged in.
    pub user_email: String,
    /// `active`.
    pub state: String,
}

/// A change of one's own password.
#[derive(Debug, Deserialize, JsonSchema)]
pub struct UserPasswordChange {
    /// The present one.
    pub password: Secret,
    /// The new one.
    pub new_password: Secret,
}

/// A password that is changed.
#[derive(Debug, Serialize, JsonSchema)]
pub struct UserPasswordChangeAnswer {
    /// What was done.
    pub message: String,
    /// A new token, shown this once. The one that asked goes on, too.
    pub token: String,
}

/// The caller.
#[derive(Debug, Serialize, JsonSchema)]
pub struct UserAnswer {
    /// The caller.
    pub user: User,
}

/// A user.
#[derive(Debug, Serialize, JsonSchema)]
pub struct User {
    /// The name under which the user logs in.
    pub user: String,
    /// Names the user for ever.
    pub user_id: String,
    /// As people call the user.
    pub real_name: String,
    /// `active`.
    pub state: String,
    /// Older tokens are void.
    pub token_validity_begin: Option<Time>,
    /// When the user was made.
    pub create_time: Time,
    /// Names of projects in which the user is a member.
    pub projects: Vec<String>,
    /// Ways to log in: `password`.
    pub auth: Vec<String>,
    /// Project to role.
    pub project_membership: BTreeMap<String, String>,
    /// Project to roles.
    pub project_memberships: BTreeMap<String, Vec<String>>,
    /// Open invitations.
    pub invitations: Vec<Invitation>,
    /// Switches; none today.
    pub features: Object,
    /// Empty; a part of the documented shape.
    pub intercom: Object,
    /// Whether another system manages the user.
    pub managed_by_scim: bool,
}
