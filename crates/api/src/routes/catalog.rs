//! What can be created here. Every question can be asked without a project, too.

use farshore_control::catalog;
use farshore_types::access::Permission;
use farshore_types::{Error, Result, ServiceType};

use crate::call::Call;
use crate::route::{Access, Method, Route, route};
use crate::shape;
use crate::wire::catalog::{PlanAnswer, PlanPriceAnswer, ServiceTypeEntry, ServiceTypesAnswer, ServiceVersionsAnswer};
use crate::wire::cloud::CloudsAnswer;

const CLOUDS: &str = "/v1/project/{project}/clouds";
const TYPES: &str = "/v1/project/{project}/service_types";
const TYPE: &str = "/v1/project/{project}/service-types/{service_type}";
const PLAN: &str = "/v1/project/{project}/service-types/{service_type}/plans/{plan}";
const PRICE: &str = "/v1/project/{project}/pricing/service-types/{service_type}/plans/{plan}/clouds/{cloud}";
const ACCOUNT_VERSIONS: &str = "/v1/account/{account}/service_versions";
const READ: Access = Access::Project(Permission::ServicesRead);
const ANYBODY: Access = Access::Authenticated;

pub(super) fn routes() -> Vec<Route> {
    let versions_of_account = "The versions of all types";
    vec![
        route(Method::Get, "/v1/clouds", "ListClouds", ANYBODY, "The regions").answered_by(clouds),
        route(Method::Get, CLOUDS, "ListProjectClouds", READ, "The regions").answered_by(clouds),
        route(Method::Get, "/v1/service_types", "ListPublicServiceTypes", ANYBODY, "The types with their plans")
            .answered_by(types),
        route(Method::Get, TYPES, "ListProjectServiceTypes", READ, "The types with their plans").answered_by(types),
        route(Method::Get, TYPE, "ProjectGetServiceType", READ, "A type with its plans").answered_by(service_type),
        route(Method::Get, PLAN, "ProjectServicePlanSpecsGet", READ, "A plan").answered_by(plan),
        route(Method::Get, PRICE, "ProjectServicePlanPriceGet", READ, "What a plan costs in a region: nothing")
            .answered_by(price),
        route(Method::Get, "/v1/service_versions", "ListServiceVersions", ANYBODY, "The versions of all types")
            .answered_by(versions),
        route(Method::Get, ACCOUNT_VERSIONS, "ListAccountServiceVersions", ANYBODY, versions_of_account)
            .answered_by(versions),
    ]
}

fn clouds(call: &Call) -> Result<CloudsAnswer> {
    Ok(CloudsAnswer { clouds: catalog::clouds(call.control()?).iter().map(shape::catalog::cloud).collect() })
}

fn types(call: &Call) -> Result<ServiceTypesAnswer> {
    let control = call.control()?;
    let entry = |offered: catalog::OfferedType| {
        (offered.service_type.name().to_string(), shape::catalog::service_type(control, &offered))
    };
    Ok(ServiceTypesAnswer { service_types: catalog::types(control).into_iter().map(entry).collect() })
}

fn service_type(call: &Call) -> Result<ServiceTypeEntry> {
    let control = call.control()?;
    let offered = catalog::offered_type(control, type_in_path(call)?);
    Ok(shape::catalog::service_type(control, &offered))
}

fn plan(call: &Call) -> Result<PlanAnswer> {
    Ok(shape::catalog::plan_answer(&plan_in_path(call)?))
}

fn price(call: &Call) -> Result<PlanPriceAnswer> {
    let region = call.control()?.settings.region(call.path("cloud")?)?;
    Ok(shape::catalog::price(&plan_in_path(call)?, region))
}

fn versions(_: &Call) -> Result<ServiceVersionsAnswer> {
    Ok(ServiceVersionsAnswer { service_versions: catalog::versions()?.iter().map(shape::catalog::version).collect() })
}

/// What is not there is not there: such a path is answered with 404.
fn type_in_path(call: &Call) -> Result<ServiceType> {
    let text = call.path("service_type")?;
    text.parse().map_err(|error: Error| error.with_kind(farshore_types::ErrorKind::Missing))
}

fn plan_in_path(call: &Call) -> Result<catalog::OfferedPlan> {
    let found = catalog::plan(call.control()?, type_in_path(call)?, call.path("plan")?);
    found.map_err(|error| error.with_kind(farshore_types::ErrorKind::Missing))
}
