//! Accounts inside a service. Their passwords go out to callers who may connect, and to nobody else.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::wire::common::{Object, Secret};

/// An account.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct ServiceUser {
    /// Its name.
    pub username: String,
    /// Empty for callers who may not connect.
    pub password: String,
    /// `primary` for the administrator, else `normal`.
    #[serde(rename = "type")]
    pub kind: String,
    /// Empty: accounts have passwords.
    pub access_cert: String,
    /// Empty: accounts have passwords.
    pub access_key: String,
    /// Empty: the type knows one way only. Some clients stop where it is missing or null.
    pub authentication: String,
}

/// One account.
#[derive(Debug, Serialize, JsonSchema)]
pub struct ServiceUserAnswer {
    /// The account.
    pub user: ServiceUser,
}

/// An account to be made.
#[derive(Debug, Deserialize, JsonSchema)]
pub struct ServiceUserCreate {
    /// Its name.
    pub username: String,
    /// How it shows who it is; the type decides if it is absent.
    pub authentication: Option<String>,
    /// What it may, where a type knows that.
    pub access_control: Option<Object>,
}

/// An account to be changed.
#[derive(Debug, Deserialize, JsonSchema)]
pub struct ServiceUserUpdate {
    /// What to do.
    pub operation: ServiceUserOperation,
    /// With `reset-credentials`: the new password; a random one if it is absent.
    pub new_password: Option<Secret>,
    /// With `set-access-control`: what it may.
    pub access_control: Option<Object>,
}

/// What is done with an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ServiceUserOperation {
    /// A new password.
    ResetCredentials,
    /// Other rights.
    SetAccessControl,
    /// A new certificate was taken.
    AcknowledgeRenewal,
}
