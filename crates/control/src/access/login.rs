//! A password becomes a token: by a login, and when it is changed.

use std::net::IpAddr;

use farshore_store::tokens as kept_tokens;
use farshore_store::users::{self, User};
use farshore_types::{Error, Result};

use super::session::Session;
use super::users::{TOKENS_MAX, folded, found};
use super::{passwords, tokens};
use crate::Control;

/// Makes a token for who knows the password: the whole token, shown this once.
///
/// `Denied` says no more than that the login failed, and takes as long for users that are not there. `Busy` says how many seconds to
/// wait. See [`crate::logins`].
pub fn login(control: &Control, email: &str, password: &str, address: IpAddr) -> Result<String> {
    let email = folded(email);
    let attempt = control.logins.begin(&email, address, control.clock.monotonic())?;
    let user = control.store.read(|tx| users::by_email(tx, &email))?;
    let kept = user.as_ref().and_then(|user| user.password_hash.as_deref());
    let right = passwords::verify(password, kept)?;
    let Some(user) = user.filter(|_| right) else {
        return Err(Error::denied("wrong e-mail address or password"));
    };
    attempt.succeeded();
    let issued = control.store.write(|tx| {
        // The password may have been changed since it was read.
        let still = users::get(tx, &user.id)?.filter(|now| now.password_hash == user.password_hash);
        let user = still.ok_or_else(|| Error::denied("wrong e-mail address or password"))?;
        tokens::insert(tx, control, &user, &tokens::session())
    })?;
    Ok(issued.full_token)
}

/// Changes one's own password, and ends all tokens but the one in use; gives a new one, as a login does, for clients that change over to
/// it. The present password is not asked for where there is none yet.
///
/// `Denied` if the present one is wrong, which counts and delays as a failed login does.
pub fn change_password(
    control: &Control,
    session: &Session,
    present: &str,
    new: &str,
    address: IpAddr,
) -> Result<String> {
    let before = control.store.read(|tx| found(tx, &session.email))?;
    let attempt = control.logins.begin(&before.email, address, control.clock.monotonic())?;
    if let Some(kept) = &before.password_hash
        && !passwords::verify(present, Some(kept))?
    {
        return Err(Error::denied("the present password is wrong"));
    }
    attempt.succeeded();
    let password_hash = Some(passwords::hash(new, control.entropy.as_ref())?);
    let issued = control.store.write(|tx| {
        let user = found(tx, &session.email)?;
        if user.password_hash != before.password_hash {
            return Err(Error::conflict("the password was changed at the same time").hint("try again"));
        }
        users::update(tx, &User { password_hash, ..user.clone() })?;
        for token in kept_tokens::of_user(tx, &user.id, TOKENS_MAX)? {
            if token.prefix != session.token_prefix {
                kept_tokens::delete(tx, &user.id, &token.prefix)?;
            }
        }
        tokens::insert(tx, control, &user, &tokens::session())
    })?;
    Ok(issued.full_token)
}
