//! Who may log in to the platform: made on its own machine, by whoever administers it. An invitation that was waiting for the address
//! becomes a membership in the same transaction.

use farshore_store::members::{self, Member};
use farshore_store::users::{self, User};
use farshore_store::{Tx, invitations, taken};
use farshore_types::{Error, Result};

use crate::access::{hashed, new_user};
use crate::projects::PROJECTS_MAX;
use crate::{Control, events};

/// People that are listed at once.
pub const LISTED_MAX: u32 = 10_000;

/// Adds a person; without a password only tokens let in. `Conflict` if there is one with this address.
pub fn create(control: &Control, email: &str, real_name: &str, password: Option<&str>) -> Result<User> {
    let password_hash = password.map(|password| hashed(control, password)).transpose()?;
    let user = User { password_hash, ..new_user(control, email, real_name)? };
    let inserted = control.store.write(|tx| {
        users::insert(tx, &user)?;
        accept(tx, control, &user)
    });
    inserted.map_err(|error| match taken(&error, "users_email") {
        true => Error::conflict(format!("user {} already exists", user.email)),
        false => error,
    })?;
    Ok(user)
}

/// Everybody who may log in, in the order of their addresses.
pub fn list(control: &Control) -> Result<Vec<User>> {
    control.store.read(|tx| users::list(tx, LISTED_MAX))
}

/// Makes memberships of all invitations of a new user. That they are no more than a project may have was checked when they were made.
fn accept(tx: &mut Tx<'_>, control: &Control, user: &User) -> Result<()> {
    for open in invitations::of_email(tx, &user.email, PROJECTS_MAX)? {
        members::set(
            tx,
            &Member { project_id: open.project_id.clone(), user_id: user.id.clone(), role: open.role.clone() },
        )?;
        let text = format!("{}, invited by {}, is a member with the role {}", user.email, open.invited_by, open.role);
        events::record(tx, control, &open.project_id, &user.email, "project_user_accept", None, &text)?;
    }
    invitations::remove_of_email(tx, &user.email)
}
