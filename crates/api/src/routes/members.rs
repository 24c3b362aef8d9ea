//! Members of a project. Who is invited and has a user here is a member at once; an address without one waits for it.

use farshore_control::members::{self, Invitation};
use farshore_types::access::{Permission, Role};
use farshore_types::{Error, Result};

use crate::call::Call;
use crate::route::{Access, Method, Route, route};
use crate::shape;
use crate::wire::account::project::{MemberInvite, MemberUpdate, ProjectUsersAnswer};
use crate::wire::common::Message;

const ALL: &str = "/v1/project/{project}/users";
const INVITE: &str = "/v1/project/{project}/invite";
const INVITED: &str = "/v1/project/{project}/invite/{user_email}";
const ONE: &str = "/v1/project/{project}/user/{user_email}";
const READ: Access = Access::Project(Permission::MembersRead);
const WRITE: Access = Access::Project(Permission::MembersWrite);

pub(super) fn routes() -> Vec<Route> {
    vec![
        route(Method::Get, ALL, "ProjectUserList", READ, "The members of a project").answered_by(list),
        route(
            Method::Post,
            INVITE,
            "ProjectInvite",
            WRITE,
            "Makes a user a member, or invites an address that has none yet",
        )
        .taking(invite),
        route(Method::Delete, INVITED, "ProjectInviteDelete", WRITE, "Takes an open invitation back")
            .answered_by(uninvite),
        route(Method::Put, ONE, "ProjectUserUpdate", WRITE, "Gives a member another role").taking(update),
        route(Method::Delete, ONE, "ProjectUserRemove", WRITE, "Ends a membership").answered_by(remove),
    ]
}

fn list(call: &Call) -> Result<ProjectUsersAnswer> {
    let users = members::list(call.control()?, call.project()?)?;
    let users = users.into_iter().map(shape::project::member).collect();
    let invited = members::invited(call.control()?, call.project()?)?;
    let invitations = invited.into_iter().map(shape::project::invitation).collect();
    Ok(ProjectUsersAnswer { users, invitations, group_users: Vec::new() })
}

fn invite(call: &Call, asked: MemberInvite) -> Result<Message> {
    let role: Role = asked.member_type.as_deref().unwrap_or(Role::Developer.name()).parse()?;
    let email = &asked.user_email;
    let message = match members::invite(call.control()?, call.user()?, call.project()?, email, role)? {
        Invitation::Accepted => format!("{email} is a member with the role {role}"),
        Invitation::Open => format!(
            "{email} is invited with the role {role}, and a member as soon as there is such a user: \
             farshore person create --email {email}, on the platform's machine"
        ),
    };
    Ok(Message { message })
}

fn uninvite(call: &Call) -> Result<Message> {
    members::uninvite(call.control()?, call.user()?, call.project()?, call.path("user_email")?)?;
    Ok(Message { message: "Taken back".to_string() })
}

fn update(call: &Call, asked: MemberUpdate) -> Result<Message> {
    let (email, role) = (call.path("user_email")?, asked.member_type.parse::<Role>()?);
    let all = members::list(call.control()?, call.project()?)?;
    if !all.iter().any(|member| member.email.eq_ignore_ascii_case(email)) {
        return Err(Error::missing(format!("{email:?} is no member of this project")).hint("invite the user first"));
    }
    members::set(call.control()?, call.user()?, call.project()?, email, role)?;
    Ok(Message { message: format!("{email} has the role {role}") })
}

fn remove(call: &Call) -> Result<Message> {
    members::remove(call.control()?, call.user()?, call.project()?, call.path("user_email")?)?;
    Ok(Message { message: "Removed".to_string() })
}
