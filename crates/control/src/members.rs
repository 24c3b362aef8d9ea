//! Who is a member of a project, and as what. A project always keeps an owner.
//!
//! Whoever has a user is a member at once. An address without one is invited: it becomes a member when the user is made.

use farshore_store::users::{self, User};
use farshore_store::{Tx, invitations, members, projects};
use farshore_types::access::Role;
use farshore_types::{Error, Result, Timestamp};

use crate::access::{address, found, no_project};
use crate::{Control, events};

/// Members of one project, and those who are invited.
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

/// Somebody who has no user yet, as it is shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Invited {
    /// Who.
    pub email: String,
    /// By whom.
    pub invited_by: String,
    /// The role to come.
    pub role: Role,
    /// When.
    pub at: Timestamp,
}

/// What became of an invitation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Invitation {
    /// There is such a user: a member at once.
    Accepted,
    /// Waits until there is one.
    Open,
}

/// All members of a project, in the order of their addresses.
pub fn list(control: &Control, project: &str) -> Result<Vec<Member>> {
    control.store.read(|tx| {
        let id = project_id(tx, project)?;
        of(tx, &id)
    })
}

/// All open invitations of a project, in the order of their addresses.
pub fn invited(control: &Control, project: &str) -> Result<Vec<Invited>> {
    let open = control.store.read(|tx| {
        let id = project_id(tx, project)?;
        invitations::of_project(tx, &id, MEMBERS_MAX)
    })?;
    let shown = |one: invitations::Invitation| {
        Ok(Invited { role: one.role.parse()?, email: one.email, invited_by: one.invited_by, at: one.created_at })
    };
    open.into_iter().map(shown).collect()
}

/// Makes a user a member; an address without one is invited. A second invitation of the same address replaces the first.
pub fn invite(control: &Control, actor: &str, project: &str, email: &str, role: Role) -> Result<Invitation> {
    let email = address(email)?;
    control.store.write(|tx| {
        let id = project_id(tx, project)?;
        if let Some(user) = users::by_email(tx, &email)? {
            set_in(tx, control, actor, (&id, project), &user, role)?;
            return Ok(Invitation::Accepted);
        }
        let open = invitations::of_project(tx, &id, MEMBERS_MAX)?;
        if !open.iter().any(|one| one.email == email) {
            must_have_room(tx, &id, project)?;
        }
        let (role, invited_by) = (role.name().to_string(), actor.to_string());
        let text = format!("Invited {email} with the role {role}");
        let one = invitations::Invitation {
            project_id: id.clone(),
            email: email.clone(),
            role,
            invited_by,
            created_at: tx.now(),
        };
        invitations::put(tx, &one)?;
        events::Recorder::of(control).record_invitation(tx, &id, actor, &email, &text)?;
        Ok(Invitation::Open)
    })
}

/// Takes an open invitation back. `Missing` if there is none.
pub fn uninvite(control: &Control, actor: &str, project: &str, email: &str) -> Result<()> {
    let missing = || {
        let hint = "avn project invite-list says who is invited; avn project user-remove ends a membership";
        Error::missing(format!("{email:?} has no open invitation to project {project}")).hint(hint)
    };
    let email = address(email).map_err(|_| missing())?;
    control.store.write(|tx| {
        let id = project_id(tx, project)?;
        if !invitations::remove(tx, &id, &email)? {
            return Err(missing());
        }
        let text = format!("Took back the invitation of {email}");
        events::record(tx, control, &id, actor, "project_user_uninvite", None, &text)
    })
}

/// Makes a user a member, or gives a member another role. `Missing` if there is no such user; `Conflict` if no owner would be left.
pub fn set(control: &Control, actor: &str, project: &str, email: &str, role: Role) -> Result<()> {
    control.store.write(|tx| {
        let id = project_id(tx, project)?;
        let user = found(tx, email).map_err(|error| {
            error.hint("invite the user, or make one on the platform's machine: farshore person create")
        })?;
        set_in(tx, control, actor, (&id, project), &user, role)
    })
}

/// The project comes as its id and its name.
fn set_in(
    tx: &mut Tx<'_>,
    control: &Control,
    actor: &str,
    (id, project): (&str, &str),
    user: &User,
    role: Role,
) -> Result<()> {
    let all = of(tx, id)?;
    let before = all.iter().find(|member| member.email == user.email);
    if before.is_some_and(|member| member.role == role) {
        return Ok(());
    }
    if before.is_none() {
        must_have_room(tx, id, project)?;
    }
    if role != Role::Owner {
        must_keep_an_owner(&all, &user.email, project)?;
    }
    let member =
        members::Member { project_id: id.to_string(), user_id: user.id.clone(), role: role.name().to_string() };
    members::set(tx, &member)?;
    let text = format!("Made {} a member with the role {role}", user.email);
    events::record(tx, control, id, actor, "project_user_set", None, &text)
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

fn must_have_room(tx: &mut Tx<'_>, id: &str, project: &str) -> Result<()> {
    let members = members::of_project(tx, id, MEMBERS_MAX)?.len();
    let there = members + invitations::of_project(tx, id, MEMBERS_MAX)?.len();
    if u32::try_from(there).unwrap_or(u32::MAX) < MEMBERS_MAX {
        return Ok(());
    }
    let what = format!("project {project} has {MEMBERS_MAX} members and invitations, the most there may be");
    Err(Error::conflict(what).hint("remove a member, or take an invitation back"))
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
