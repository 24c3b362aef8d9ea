//! Whether a user may do something in a project.

use farshore_store::projects::{self, Project};
use farshore_store::{Tx, members, users};
use farshore_types::access::{Permission, Role};
use farshore_types::{Error, Result};

use crate::Control;

/// Characters that are shown of a name that may be anything.
const SHOWN_CHARS: usize = 64;

/// A project, as one of its members sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Membership {
    /// The project.
    pub project: Project,
    /// What the member is there.
    pub role: Role,
}

/// Refuses what the user's role in the project does not include (`Denied`), and everything in projects that the user is not a
/// member of (`Missing`, as if they were not there).
pub fn may(control: &Control, user: &str, project: &str, permission: Permission) -> Result<()> {
    control.store.read(|tx| member(tx, user, project))?.role.must_be_allowed(permission)
}

/// The project and the user's role there; `Missing` alike if there is no such project and if the user is no member.
pub fn member(tx: &mut Tx<'_>, user: &str, project: &str) -> Result<Membership> {
    let user = users::by_email(tx, user)?;
    let found = projects::by_name(tx, project)?;
    let (Some(user), Some(found)) = (user, found) else { return Err(no_project(project)) };
    let member = members::get(tx, &found.id, &user.id)?.ok_or_else(|| no_project(project))?;
    Ok(Membership { role: member.role.parse()?, project: found })
}

/// The answer for projects that are not there.
pub fn no_project(name: &str) -> Error {
    let shown: String = name.chars().take(SHOWN_CHARS).flat_map(char::escape_default).collect();
    Error::missing(format!("Project {shown} does not exist"))
}
