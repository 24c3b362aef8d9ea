//! Links between services, and endpoints outside, of which there are none.

use farshore_control::integrations::{self, NewIntegration};
use farshore_control::{rows, services};
use farshore_types::access::Permission;
use farshore_types::{Error, Result};

use crate::call::Call;
use crate::route::{Access, Method, Route, route};
use crate::shape;
use crate::wire::common::Message;
use crate::wire::integration::{
    EndpointAnswer, EndpointCreate, EndpointTypesAnswer, EndpointsAnswer, IntegrationAnswer, IntegrationCreate,
    IntegrationTypesAnswer, IntegrationUpdate, IntegrationsAnswer,
};

const TYPES: &str = "/v1/project/{project}/integration_types";
const ALL: &str = "/v1/project/{project}/integration";
const ONE: &str = "/v1/project/{project}/integration/{id}";
const OF_SERVICE: &str = "/v1/project/{project}/service/{service}/integration";
const ENDPOINTS: &str = "/v1/project/{project}/integration_endpoint";
const ENDPOINT: &str = "/v1/project/{project}/integration_endpoint/{id}";
const ENDPOINT_TYPES: &str = "/v1/project/{project}/integration_endpoint_types";
const READ: Access = Access::Project(Permission::IntegrationsRead);
const WRITE: Access = Access::Project(Permission::IntegrationsWrite);
const NO_ENDPOINT: &str = "Refused: endpoints outside are not offered";

pub(super) fn routes() -> Vec<Route> {
    vec![
        route(Method::Get, TYPES, "ListIntegrationTypes", READ, "The kinds of links").answered_by(types),
        route(Method::Get, ALL, "ServiceIntegrationListAll", READ, "All links of a project").answered_by(list),
        route(Method::Post, ALL, "ServiceIntegrationCreate", WRITE, "Makes a link").taking(create),
        route(Method::Get, ONE, "ServiceIntegrationGet", READ, "A link").answered_by(get),
        route(Method::Put, ONE, "ServiceIntegrationUpdate", WRITE, "Changes options of a link").taking(update),
        route(Method::Delete, ONE, "ServiceIntegrationDelete", WRITE, "Ends a link").answered_by(delete),
        route(Method::Get, OF_SERVICE, "ServiceIntegrationList", READ, "The links of a service")
            .answered_by(of_service),
        route(Method::Get, ENDPOINT_TYPES, "ListIntegrationEndpointTypes", READ, "The kinds of endpoints: none")
            .answered_by(endpoint_types),
        route(Method::Get, ENDPOINTS, "ServiceIntegrationEndpointList", READ, "The endpoints: none")
            .answered_by(endpoints),
        route(Method::Post, ENDPOINTS, "ServiceIntegrationEndpointCreate", WRITE, NO_ENDPOINT).taking(create_endpoint),
        route(Method::Delete, ENDPOINT, "ServiceIntegrationEndpointDelete", WRITE, NO_ENDPOINT)
            .answered_by(delete_endpoint),
    ]
}

fn types(_: &Call) -> Result<IntegrationTypesAnswer> {
    let integration_types = integrations::types().iter().map(shape::integration::kind).collect();
    Ok(IntegrationTypesAnswer { integration_types })
}

fn list(call: &Call) -> Result<IntegrationsAnswer> {
    shown(call, &integrations::list(call.control()?, call.project()?, None)?)
}

fn of_service(call: &Call) -> Result<IntegrationsAnswer> {
    shown(call, &integrations::list(call.control()?, call.project()?, Some(call.service()?))?)
}

fn create(call: &Call, asked: IntegrationCreate) -> Result<IntegrationAnswer> {
    let project = call.project()?;
    for (key, other) in [("source_project", &asked.source_project), ("dest_project", &asked.dest_project)] {
        if other.as_ref().is_some_and(|other| other != project) {
            return Err(Error::invalid(format!("{key}: links between projects are not offered")));
        }
    }
    let new = NewIntegration {
        integration_type: asked.integration_type,
        source_service: asked.source_service,
        dest_service: asked.dest_service,
        source_endpoint: asked.source_endpoint_id,
        dest_endpoint: asked.dest_endpoint_id,
        user_config: asked.user_config.unwrap_or_default(),
    };
    one(call, &integrations::create(call.control()?, call.user()?, project, &new)?)
}

fn get(call: &Call) -> Result<IntegrationAnswer> {
    one(call, &integrations::get(call.control()?, call.project()?, call.path("id")?)?)
}

fn update(call: &Call, asked: IntegrationUpdate) -> Result<IntegrationAnswer> {
    let (control, project, id) = (call.control()?, call.project()?, call.path("id")?);
    one(call, &integrations::update(control, call.user()?, project, id, &asked.user_config)?)
}

fn delete(call: &Call) -> Result<Message> {
    integrations::delete(call.control()?, call.user()?, call.project()?, call.path("id")?)?;
    Ok(Message { message: "Deleted".to_string() })
}

fn one(call: &Call, found: &rows::Integration) -> Result<IntegrationAnswer> {
    let services = services::list(call.control()?, call.project()?)?;
    Ok(IntegrationAnswer { service_integration: shape::integration::integration(found, call.project()?, &services) })
}

fn shown(call: &Call, found: &[rows::Integration]) -> Result<IntegrationsAnswer> {
    let (services, project) = (services::list(call.control()?, call.project()?)?, call.project()?);
    let shown = found.iter().map(|one| shape::integration::integration(one, project, &services));
    Ok(IntegrationsAnswer { service_integrations: shown.collect() })
}

fn endpoint_types(_: &Call) -> Result<EndpointTypesAnswer> {
    Ok(EndpointTypesAnswer { endpoint_types: Vec::new() })
}

fn endpoints(_: &Call) -> Result<EndpointsAnswer> {
    Ok(EndpointsAnswer { service_integration_endpoints: Vec::new() })
}

fn create_endpoint(_: &Call, asked: EndpointCreate) -> Result<EndpointAnswer> {
    let shown: String = asked.endpoint_type.chars().take(64).collect();
    Err(Error::invalid(format!("endpoint_type: {shown:?} is not offered: there are no endpoints outside")))
}

fn delete_endpoint(call: &Call) -> Result<Message> {
    let shown: String = call.path("id")?.chars().take(64).collect();
    Err(Error::missing(format!("endpoint {shown:?} does not exist: there are no endpoints outside")))
}
