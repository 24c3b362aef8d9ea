//! Projects, each with its certificate authority. One that the caller is no member of is answered like one that is not there.

use farshore_control::projects::{self, NewProject, Patch};
use farshore_control::{contacts, pki, tags};
use farshore_types::Result;
use farshore_types::access::Permission;

use super::accounts::may_be_ours;
use crate::call::Call;
use crate::route::{Access, Method, Route, route};
use crate::shape;
use crate::wire::account::project::{CaAnswer, ProjectAnswer, ProjectCreate, ProjectUpdate, ProjectsAnswer};
use crate::wire::common::{Message, addresses};

const ALL: &str = "/v1/project";
const ONE: &str = "/v1/project/{project}";
const CA: &str = "/v1/project/{project}/kms/ca";
const READ: Access = Access::Project(Permission::ServicesRead);
const WRITE: Access = Access::Project(Permission::ProjectWrite);
const MINE: Access = Access::Authenticated;

pub(super) fn routes() -> Vec<Route> {
    vec![
        route(Method::Get, ALL, "ProjectList", MINE, "The projects in which the caller is a member").answered_by(list),
        route(Method::Post, ALL, "ProjectCreate", MINE, "Makes a project that the caller owns").taking(create),
        route(Method::Get, ONE, "ProjectGet", READ, "A project").answered_by(get),
        route(Method::Put, ONE, "ProjectUpdate", WRITE, "Renames a project, or gives it another default region")
            .taking(update),
        route(Method::Delete, ONE, "ProjectDelete", WRITE, "Deletes a project without services").answered_by(delete),
        route(Method::Get, CA, "ProjectKmsGetCA", READ, "The certificate that signs those of the services' servers")
            .answered_by(ca),
    ]
}

fn list(call: &Call) -> Result<ProjectsAnswer> {
    let control = call.control()?;
    let memberships = projects::list(control, call.user()?)?;
    let (project_membership, project_memberships) = shape::project::roles(&memberships);
    let shown = memberships.iter().map(|one| shape::project::project(control, &one.project));
    Ok(ProjectsAnswer { projects: shown.collect::<Result<_>>()?, project_membership, project_memberships })
}

fn create(call: &Call, asked: ProjectCreate) -> Result<ProjectAnswer> {
    let control = call.control()?;
    for parent in [&asked.account_id, &asked.parent_id] {
        may_be_ours(parent.as_deref())?;
    }
    let asked = NewProject {
        name: asked.project,
        region: asked.cloud,
        copy_from: asked.copy_from_project,
        tags: asked.tags.unwrap_or_default(),
        contacts: addresses(asked.tech_emails),
    };
    let project = projects::create(control, call.user()?, &asked)?;
    Ok(ProjectAnswer { project: shape::project::project(control, &project)? })
}

fn get(call: &Call) -> Result<ProjectAnswer> {
    let control = call.control()?;
    let membership = projects::get(control, call.user()?, call.project()?)?;
    Ok(ProjectAnswer { project: shape::project::project(control, &membership.project)? })
}

fn update(call: &Call, asked: ProjectUpdate) -> Result<ProjectAnswer> {
    let (control, name) = (call.control()?, call.project()?);
    may_be_ours(asked.account_id.as_deref())?;
    let contacts = addresses(asked.tech_emails);
    contacts::must_be_well_formed(contacts.as_deref().unwrap_or_default())?;
    let patch = Patch { name: asked.project_name, region: asked.cloud };
    let project = projects::update(control, call.user()?, name, &patch)?;
    if let Some(given) = &asked.tags {
        tags::replace(control, call.user()?, &project.name, tags::On::Project, given)?;
    }
    if let Some(given) = &contacts {
        contacts::replace(control, call.user()?, &project.name, tags::On::Project, given)?;
    }
    Ok(ProjectAnswer { project: shape::project::project(control, &project)? })
}

fn delete(call: &Call) -> Result<Message> {
    projects::delete(call.control()?, call.project()?)?;
    Ok(Message { message: "Deleted".to_string() })
}

fn ca(call: &Call) -> Result<CaAnswer> {
    let control = call.control()?;
    let membership = projects::get(control, call.user()?, call.project()?)?;
    Ok(CaAnswer { certificate: pki::ca_certificate(control, &membership.project.id)? })
}
