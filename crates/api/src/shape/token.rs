//! Access tokens as they are listed: by their first characters, never whole.

use farshore_control::access;
use farshore_control::rows;

use crate::wire::account::token::Token;
use crate::wire::common::Time;

/// `active` is the prefix of the token that this very call uses.
pub(crate) fn token(token: &rows::Token, active: &str) -> Token {
    Token {
        token_prefix: token.prefix.clone(),
        description: Some(token.description.clone()),
        create_time: Time(token.created_at),
        created_manually: !access::is_session(token),
        currently_active: token.prefix == active,
        expiry_time: token.expires_at.map(Time),
        extend_when_used: token.extend,
        max_age_seconds: token.max_age_s.and_then(|age| u64::try_from(age).ok()),
        last_used_time: token.last_used_at.map(Time),
        last_ip: token.last_ip.clone(),
        last_user_agent: token.last_user_agent.clone(),
        scopes: None,
    }
}
