//! A token becomes a user.

use std::net::IpAddr;

use farshore_store::tokens::{self, Token, Use};
use farshore_store::users::{self, User};
use farshore_types::{Error, Result, Timestamp};

use super::session::Session;
use super::tokens::{hash, later};
use crate::Control;

/// A use is written down at most once in so many seconds.
const TOUCH_INTERVAL_S: i64 = 60;
/// Characters that are kept of what a client calls itself.
const USER_AGENT_CHARS_MAX: usize = 200;

/// Whose token this is. Its use is noted, and begins its age anew where it was made so.
///
/// `Denied`, with one text for all reasons: nobody's, revoked, ended, or void since all tokens of the user were.
pub fn authenticate(control: &Control, token: &str, address: IpAddr, user_agent: &str) -> Result<Session> {
    let hash = hash(token);
    let now = control.clock.now();
    let found = control.store.read(|tx| {
        let Some(token) = tokens::by_hash(tx, &hash)? else { return Ok(None) };
        Ok(users::get(tx, &token.user_id)?.map(|user| (token, user)))
    })?;
    let (token, user) = found.filter(|(token, user)| is_valid(token, user, now)).ok_or_else(refused)?;
    if is_due(&token, now) {
        note_use(control, &token, address, user_agent, now)?;
    }
    Ok(Session { user_id: user.id, email: user.email, token_prefix: token.prefix })
}

fn refused() -> Error {
    Error::denied("the token is not valid: it has expired, was revoked, or never existed").hint("log in again")
}

fn is_valid(token: &Token, user: &User, now: Timestamp) -> bool {
    token.created_at >= user.tokens_valid_from && token.expires_at.is_none_or(|end| now < end)
}

/// Whether the last note is old enough. Tokens that would not live long enough to be noted again are noted more often.
fn is_due(token: &Token, now: Timestamp) -> bool {
    let Some(last) = token.last_used_at else { return true };
    let extended = token.max_age_s.filter(|_| token.extend);
    let interval_s = extended.map_or(TOUCH_INTERVAL_S, |age| TOUCH_INTERVAL_S.min(age / 2));
    // Also when the clock was set back behind the last note.
    now >= later(last, interval_s) || now < last
}

/// Notes a use. The caller is let in also where that cannot be written: a full disk must not keep out who could free it.
fn note_use(control: &Control, token: &Token, address: IpAddr, user_agent: &str, now: Timestamp) -> Result<()> {
    let extended = token.max_age_s.filter(|_| token.extend).map(|age| later(now, age));
    let used = Use {
        at: now,
        ip: Some(address.to_canonical().to_string()),
        user_agent: Some(user_agent.chars().filter(|c| !c.is_control()).take(USER_AGENT_CHARS_MAX).collect()),
        expires_at: extended.or(token.expires_at),
    };
    match control.store.write(|tx| tokens::touch(tx, &token.id, &used)) {
        Ok(true) => Ok(()),
        Ok(false) => Err(refused()),
        Err(error) => {
            tracing::warn!(token = %token.prefix, %error, "the use of a token could not be written down");
            Ok(())
        }
    }
}
