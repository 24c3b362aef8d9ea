//! Who is a member of a project, and as what. A project always keeps an owner.
//!
//! There are no open invitations: whoever is made a member is one at once.

use farshore_store::{Tx, members, projects};
use farshore_types::access::Role;
use farshore_types::{Error, Result, Timestamp};

use crate::access::{found, no_project};
use crate::{Control, events};

/// Members of one project.
pub const MEMBERS_MAX: u32 = 1000;

/// A member, as it is shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// The name under which the user logs in.
    pub email: String,
    /// As people call the user.
    pub real_name: String,
    /// The role.
    pub role: Role,
    /// When the user was made.
    pub created_at: Timestamp,
}

/// All members of a project, in the order of their addresses.
pub fn list(control: &Control, project: &str) -> Result<Vec<Member>> {
    control.store.read(|tx| {
        let id = project_id(tx, project)?;
        of(tx, &id)
    })
}

/// Makes a user a member, or gives a member another role. `Missing` if there is no such user; `Conflict` if no owner would be left.
pub fn set(control: &Control, actor: &str, project: &str, email: &str, role: Role) -> Result<()> {
    control.store.write(|tx| {
        let id = project_id(tx, project)?;
        let user = found(tx, email)
            .map_err(|error| error.hint("make the user first, on the machine of the platform: farshore user create"))?;
        let all = of(tx, &id)?;
        let before = all.iter().find(|member| member.email == user.email);
        if before.is_some_and(|member| member.role == role) {
            return Ok(());
        }
        if before.is_none() && u32::try_from(all.len()).unwrap_or(u32::MAX) >= MEMBERS_MAX {
            return Err(Error::conflict(format!("project {project} has {MEMBERS_MAX} members, the most there may be")));
        }
        if role != Role::Owner {
            must_keep_an_owner(&all, &user.email, project)?;
        }
        let member = members::Member { project_id: id.clone(), user_id: user.id, role: role.name().to_string() };
        members::set(tx, &member)?;
        let text = format!("Made {} a member with the role {role}", user.email);
        events::record(tx, control, &id, actor, "project_user_set", None, &text)
    })
}

/// Ends a membership. `Missing` if there is none; `Conflict` if no owner would be left.
pub fn remove(control: &Control, actor: &str, project: &str, email: &str) -> Result<()> {
    control.store.write(|tx| {
        let id = project_id(tx, project)?;
        let missing = || Error::missing(format!("{email:?} is no member of project {project}"));
        let user = found(tx, email).map_err(|_| missing())?;
        must_keep_an_owner(&of(tx, &id)?, &user.email, project)?;
        if !members::remove(tx, &id, &user.id)? {
            return Err(missing());
        }
        let text = format!("Removed the member {}", user.email);
        events::record(tx, control, &id, actor, "project_user_remove", None, &text)
    })
}

fn of(tx: &mut Tx<'_>, project_id: &str) -> Result<Vec<Member>> {
    let shown = members::of_project(tx, project_id, MEMBERS_MAX)?;
    let member = |one: members::Shown| {
        let role = one.member.role.parse()?;
        Ok(Member { email: one.email, real_name: one.real_name, role, created_at: one.created_at })
    };
    shown.into_iter().map(member).collect()
}

fn must_keep_an_owner(all: &[Member], email: &str, project: &str) -> Result<()> {
    let mut owners = all.iter().filter(|member| member.role == Role::Owner);
    match (owners.next(), owners.next()) {
        (Some(only), None) if only.email == email => {
            Err(Error::conflict(format!("{email} is the only owner of project {project}"))
                .hint("make another owner first"))
        }
        _ => Ok(()),
    }
}

fn project_id(tx: &mut Tx<'_>, project: &str) -> Result<String> {
    Ok(projects::by_name(tx, project)?.ok_or_else(|| no_project(project))?.id)
}
