//! A password becomes a token.

use std::net::IpAddr;

use farshore_store::users;
use farshore_types::{Error, Result};

use super::users::folded;
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
