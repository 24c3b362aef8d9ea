//! Backups of a service: which there are, and one now.

use farshore_control::services;
use farshore_types::Result;
use farshore_types::access::Permission;

use crate::call::Call;
use crate::route::{Access, Method, Route, route};
use crate::shape;
use crate::wire::run::RunAnswer;
use crate::wire::service::backup::BackupsAnswer;

const BACKUPS: &str = "/v1/project/{project}/service/{service}/backups";
const LIST: &str = "The backups of a service, and the moments to which it can be brought back";
const TAKE: &str = "Takes a backup now, beside the schedule; answers the run that does it";

pub(super) fn routes() -> Vec<Route> {
    vec![
        route(Method::Get, BACKUPS, "ServiceBackupsGet", Access::Project(Permission::ServicesRead), LIST)
            .answered_by(list),
        route(Method::Post, BACKUPS, "ServiceBackupCreate", Access::Project(Permission::ConfigurationWrite), TAKE)
            .answered_by(take),
    ]
}

fn list(call: &Call) -> Result<BackupsAnswer> {
    let control = call.control()?;
    let row = services::get(control, call.project()?, call.service()?)?;
    shape::backup::answer(control, &services::overview(control, row)?)
}

fn take(call: &Call) -> Result<RunAnswer> {
    let (control, project, name) = (call.control()?, call.project()?, call.service()?);
    let id = services::back_up(control, &call.actor()?, project, name)?;
    let (run, _) = services::run(control, project, &id)?;
    Ok(RunAnswer { run: shape::run::run(&run, name) })
}
