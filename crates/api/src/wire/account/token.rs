//! Access tokens. The whole of one is shown once, when it is made; later its first characters name it.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::wire::common::Time;

/// A token to be made.
#[derive(Debug, Deserialize, JsonSchema)]
pub struct TokenCreate {
    /// What it is for.
    pub description: Option<String>,
    /// Whether each use begins its age anew.
    pub extend_when_used: Option<bool>,
    /// Its age at the end, in seconds; null for no end.
    pub max_age_seconds: Option<u64>,
}

/// A token to be described otherwise.
#[derive(Debug, Deserialize, JsonSchema)]
pub struct TokenUpdate {
    /// What it is for.
    pub description: String,
}

/// A new token.
#[derive(Debug, Serialize, JsonSchema)]
pub struct TokenCreateAnswer {
    /// The whole token, shown this once.
    pub full_token: String,
    /// What is known of it.
    #[serde(flatten)]
    pub token: Token,
}

/// All tokens of the caller.
#[derive(Debug, Serialize, JsonSchema)]
pub struct TokensAnswer {
    /// The tokens.
    pub tokens: Vec<Token>,
}

/// A token, without what makes it one.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Token {
    /// Its first characters; they name it.
    pub token_prefix: String,
    /// What it is for.
    pub description: Option<String>,
    /// When it was made.
    pub create_time: Time,
    /// Whether it was made on request rather than by a login.
    pub created_manually: bool,
    /// Whether this very call uses it.
    pub currently_active: bool,
    /// When it ends; null for never.
    pub expiry_time: Option<Time>,
    /// Whether each use begins its age anew.
    pub extend_when_used: bool,
    /// Its age at the end, in seconds.
    pub max_age_seconds: Option<u64>,
    /// Its last use.
    pub last_used_time: Option<Time>,
    /// Where its last use came from.
    pub last_ip: Option<String>,
    /// What its last user called itself.
    pub last_user_agent: Option<String>,
    /// Null: it may do all that its user may.
    pub scopes: Option<Vec<String>>,
}
