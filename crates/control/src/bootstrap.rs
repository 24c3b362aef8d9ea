//! The first start of a platform: an administrator, the project `main`, a token.
//!
//! All of it is one transaction. If we die behind it and before the token is kept, nothing is lost but the token: another one is made on
//! the machine itself, see [`crate::access::create_token`].

use farshore_store::{settings, users};
use farshore_types::{Error, ProjectName, Result, Timestamp};

use crate::access::{self, NewToken};
use crate::{Control, projects};

/// The project that every platform begins with.
pub const FIRST_PROJECT: &str = "main";
/// What the first token is for.
const DESCRIPTION: &str = "made at the first start";
/// Remembers that it is done, so that what people deleted since does not come back.
const DONE: &str = "bootstrap";

/// Makes the administrator and the first project, which it owns, if this is the first start; the whole token then, shown this once.
pub fn bootstrap(control: &Control, email: &str) -> Result<Option<String>> {
    if control.store.read(|tx| settings::get(tx, DONE))?.is_some() {
        return Ok(None);
    }
    let name: ProjectName = FIRST_PROJECT.parse()?;
    let project = projects::new(control, &name, None)?;
    let user = access::new_user(control, email, "Administrator")?;
    control.store.write(|tx| {
        if settings::get(tx, DONE)?.is_some() {
            return Ok(None);
        }
        users::insert(tx, &user)?;
        projects::insert(tx, control, &project, &user)?;
        let asked = NewToken { description: DESCRIPTION.to_string(), max_age_s: None, extend: false };
        let issued = access::insert_token(tx, control, &user, &asked)?;
        settings::set(tx, DONE, user.email.as_bytes())?;
        Ok(Some(issued.full_token))
    })
}

/// When the first start was: its administrator is as old.
pub fn begun_at(control: &Control) -> Result<Timestamp> {
    let administrator = control.store.read(|tx| match settings::get(tx, DONE)? {
        Some(email) => users::by_email(tx, &String::from_utf8_lossy(&email)),
        None => Ok(None),
    })?;
    let begun = administrator.map(|user| user.created_at);
    begun.ok_or_else(|| Error::missing("the administrator of the first start is gone"))
}
