//! Extensions that `CREATE EXTENSION` can make.

use farshore_control::extensions;
use farshore_control::hosts::Extension;
use farshore_types::access::Permission;
use farshore_types::{Result, ServiceType};

use crate::call::Call;
use crate::route::{Access, Method, Route, route};
use crate::wire::service::extension::{
    ExtensionEntry, ExtensionsAnswer, ExtensionsOfVersion, ExtensionsOfVersionsAnswer,
};

const OF_PROJECT: &str = "/v1/project/{project}/pg/available-extensions";
const OF_SERVICE: &str = "/v1/project/{project}/service/{service}/pg/available-extensions";

pub(super) fn routes() -> Vec<Route> {
    let read = Access::Project(Permission::ServicesRead);
    vec![
        route(Method::Get, OF_PROJECT, "ProjectPGAvailableExtensions", read, "Extensions by version of PostgreSQL")
            .answered_by(of_project),
        route(Method::Get, OF_SERVICE, "PGServiceAvailableExtensions", read, "Extensions that a service can have")
            .answered_by(of_service),
    ]
}

fn of_project(call: &Call) -> Result<ExtensionsOfVersionsAnswer> {
    let found = extensions::of_type(call.control()?, ServiceType::Pg.name())?;
    let version = |(major, found): (u32, Vec<Extension>)| ExtensionsOfVersion {
        version: major.to_string(),
        extensions: found.into_iter().map(entry).collect(),
    };
    Ok(ExtensionsOfVersionsAnswer { pg: found.into_iter().map(version).collect() })
}

fn of_service(call: &Call) -> Result<ExtensionsAnswer> {
    let found = extensions::of_service(call.control()?, call.project()?, call.service()?)?;
    Ok(ExtensionsAnswer { extensions: found.into_iter().map(entry).collect() })
}

fn entry(extension: Extension) -> ExtensionEntry {
    ExtensionEntry { name: extension.name, versions: extension.versions }
}
