//! Tags of projects and services.

use std::collections::BTreeMap;

use farshore_control::tags::{self, On};
use farshore_types::Result;
use farshore_types::access::Permission;

use crate::call::Call;
use crate::route::{Access, Method, Route, route};
use crate::wire::common::Message;
use crate::wire::tag::{TagsAnswer, TagsChange};

const OF_PROJECT: &str = "/v1/project/{project}/tags";
const OF_SERVICE: &str = "/v1/project/{project}/service/{service}/tags";
const READ: Access = Access::Project(Permission::ServicesRead);
const PROJECT_WRITE: Access = Access::Project(Permission::ProjectWrite);
const SERVICE_WRITE: Access = Access::Project(Permission::ConfigurationWrite);

pub(super) fn routes() -> Vec<Route> {
    vec![
        route(Method::Get, OF_PROJECT, "ProjectTagsList", READ, "The tags of a project").answered_by(of_project),
        route(Method::Patch, OF_PROJECT, "ProjectTagsUpdate", PROJECT_WRITE, "Sets and removes tags of a project")
            .taking(merge_project),
        route(Method::Put, OF_PROJECT, "ProjectTagsReplace", PROJECT_WRITE, "Replaces all tags of a project")
            .taking(replace_project),
        route(Method::Get, OF_SERVICE, "ServiceTagsList", READ, "The tags of a service").answered_by(of_service),
        route(Method::Patch, OF_SERVICE, "ServiceTagsUpdate", SERVICE_WRITE, "Sets and removes tags of a service")
            .taking(merge_service),
        route(Method::Put, OF_SERVICE, "ServiceTagsReplace", SERVICE_WRITE, "Replaces all tags of a service")
            .taking(replace_service),
    ]
}

fn of_project(call: &Call) -> Result<TagsAnswer> {
    Ok(TagsAnswer { tags: tags::list(call.control()?, call.project()?, On::Project)? })
}

fn of_service(call: &Call) -> Result<TagsAnswer> {
    Ok(TagsAnswer { tags: tags::list(call.control()?, call.project()?, On::Service(call.service()?))? })
}

fn merge_project(call: &Call, asked: TagsChange) -> Result<Message> {
    merge(call, On::Project, &asked)
}

fn merge_service(call: &Call, asked: TagsChange) -> Result<Message> {
    merge(call, On::Service(call.service()?), &asked)
}

fn replace_project(call: &Call, asked: TagsChange) -> Result<Message> {
    replace(call, On::Project, asked)
}

fn replace_service(call: &Call, asked: TagsChange) -> Result<Message> {
    replace(call, On::Service(call.service()?), asked)
}

fn merge(call: &Call, on: On<'_>, asked: &TagsChange) -> Result<Message> {
    tags::merge(call.control()?, call.user()?, call.project()?, on, &asked.tags)?;
    Ok(done())
}

fn replace(call: &Call, on: On<'_>, asked: TagsChange) -> Result<Message> {
    let given: BTreeMap<String, String> =
        asked.tags.into_iter().filter_map(|(name, value)| Some((name, value?))).collect();
    tags::replace(call.control()?, call.user()?, call.project()?, on, &given)?;
    Ok(done())
}

fn done() -> Message {
    Message { message: "The tags are changed".to_string() }
}
