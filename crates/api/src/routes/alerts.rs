//! Alerts of projects and services: there are none, because no limits are watched.

use farshore_control::services;
use farshore_types::Result;
use farshore_types::access::Permission;

use crate::call::Call;
use crate::route::{Access, Method, Route, route};
use crate::wire::alert::AlertsAnswer;

const READ: Access = Access::Project(Permission::ServicesRead);
const OF_PROJECT: &str = "/v1/project/{project}/alerts";
const OF_SERVICE: &str = "/v1/project/{project}/service/{service}/alerts";

pub(super) fn routes() -> Vec<Route> {
    vec![
        route(Method::Get, OF_PROJECT, "ProjectAlertsList", READ, "Alerts of a project: none").answered_by(of_project),
        route(Method::Get, OF_SERVICE, "ServiceAlertsList", READ, "Alerts of a service: none").answered_by(of_service),
    ]
}

fn of_project(_: &Call) -> Result<AlertsAnswer> {
    Ok(AlertsAnswer::default())
}

fn of_service(call: &Call) -> Result<AlertsAnswer> {
    services::get(call.control()?, call.project()?, call.service()?)?;
    Ok(AlertsAnswer::default())
}
