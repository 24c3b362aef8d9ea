//! Runs: the long jobs behind what was asked for. Ours.

use farshore_control::services;
use farshore_types::Result;
use farshore_types::access::Permission;

use crate::call::Call;
use crate::route::{Access, Method, Route, route};
use crate::shape;
use crate::wire::run::{RunAnswer, RunsAnswer};

const ONE: &str = "/v1/project/{project}/run/{id}";
const OF_SERVICE: &str = "/v1/project/{project}/service/{service}/run";
const RETRY: &str = "/v1/project/{project}/run/{id}/retry";
const READ: Access = Access::Project(Permission::ServicesRead);
const WRITE: Access = Access::Project(Permission::ServicesWrite);

pub(super) fn routes() -> Vec<Route> {
    vec![
        route(Method::Get, ONE, "RunGet", READ, "A run, and how far it is").answered_by(get),
        route(Method::Post, RETRY, "RunRetry", WRITE, "Sends on a run that is stuck").answered_by(retry),
        route(Method::Get, OF_SERVICE, "ServiceRunList", READ, "The newest runs of a service").answered_by(of_service),
    ]
}

fn get(call: &Call) -> Result<RunAnswer> {
    let (control, project) = (call.control()?, call.project()?);
    let (run, _) = services::run(control, project, call.path("id")?)?;
    let living = services::list(control, project)?;
    let name = living.iter().find(|service| service.id.as_str() == run.subject).map(|service| service.name.as_str());
    // The id of a service begins with its name, which those that were terminated have no more.
    let began = run.subject.rsplit_once('-').map_or(run.subject.as_str(), |(name, _)| name);
    Ok(RunAnswer { run: shape::run::run(&run, name.unwrap_or(began)) })
}

fn retry(call: &Call) -> Result<RunAnswer> {
    services::retry(call.control()?, &call.actor()?, call.project()?, call.path("id")?)?;
    get(call)
}

fn of_service(call: &Call) -> Result<RunsAnswer> {
    let (control, name) = (call.control()?, call.service()?);
    let row = services::get(control, call.project()?, name)?;
    let runs = services::runs(control, &row)?;
    Ok(RunsAnswer { runs: runs.iter().map(|run| shape::run::run(run, name)).collect() })
}
