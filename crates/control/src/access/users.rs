//! Users, their passwords, and the end of all their tokens.

use farshore_store::users::{self, User};
use farshore_store::{Tx, id, tokens};
use farshore_types::{Error, Result};

use super::passwords;
use crate::Control;

/// Tokens of one user.
pub const TOKENS_MAX: u32 = 500;
/// Bytes of the longest address. (RFC 3696, errata 1690.)
pub const EMAIL_BYTES_MAX: usize = 254;
/// Characters of the longest name.
const REAL_NAME_CHARS_MAX: usize = 200;

/// A user by the name under which one logs in.
pub fn user(control: &Control, email: &str) -> Result<User> {
    control.store.read(|tx| found(tx, email))
}

/// Gives a user a password and ends all tokens: for whoever administers the machine.
pub fn set_password(control: &Control, email: &str, new: &str) -> Result<()> {
    let password_hash = Some(hashed(control, new)?);
    control.store.write(|tx| {
        let user = found(tx, email)?;
        end_tokens(tx, control, User { password_hash, ..user })
    })
}

/// Ends all tokens of a user, the one in use too.
pub fn expire_tokens(control: &Control, email: &str) -> Result<()> {
    control.store.write(|tx| {
        let user = found(tx, email)?;
        end_tokens(tx, control, user)
    })
}

fn end_tokens(tx: &mut Tx<'_>, control: &Control, user: User) -> Result<()> {
    tokens::delete_all(tx, &user.id)?;
    users::update(tx, &User { tokens_valid_from: control.clock.now(), ..user }).map(drop)
}

/// The user with this address, however it is written; `Missing` if there is none.
pub(crate) fn found(tx: &mut Tx<'_>, email: &str) -> Result<User> {
    let email = folded(email);
    users::by_email(tx, &email)?.ok_or_else(|| Error::missing(format!("user {email:?} does not exist")))
}

/// What is kept of a new password.
pub(crate) fn hashed(control: &Control, password: &str) -> Result<String> {
    passwords::hash(password, control.entropy.as_ref())
}

/// An address as it is kept; `Invalid` if it is none.
pub(crate) fn address(email: &str) -> Result<String> {
    let email = folded(email);
    let refused = |c: char| c.is_whitespace() || c.is_control() || c == '@';
    let is_part = |part: &str| !part.is_empty() && !part.contains(refused);
    let well_formed = email.len() <= EMAIL_BYTES_MAX
        && email.split_once('@').is_some_and(|(name, domain)| is_part(name) && is_part(domain));
    if !well_formed {
        return Err(Error::invalid(format!("{email:?} is not an e-mail address")).hint("write NAME@DOMAIN"));
    }
    Ok(email)
}

/// A user that is not in the store yet.
pub(crate) fn new_user(control: &Control, email: &str, real_name: &str) -> Result<User> {
    let email = address(email)?;
    if real_name.chars().count() > REAL_NAME_CHARS_MAX || real_name.contains(char::is_control) {
        let hint = format!("use at most {REAL_NAME_CHARS_MAX} characters on one line");
        return Err(Error::invalid("the name of the user is too long, or has control characters").hint(hint));
    }
    let now = control.clock.now();
    Ok(User {
        id: id::new(now, control.entropy.as_ref())?,
        email,
        real_name: real_name.to_string(),
        password_hash: None,
        created_at: now,
        tokens_valid_from: now,
    })
}

/// An address as it is kept: lower case, cut where it is longer than any can be.
pub(super) fn folded(email: &str) -> String {
    email.trim().chars().take(EMAIL_BYTES_MAX + 1).flat_map(char::to_lowercase).collect()
}
