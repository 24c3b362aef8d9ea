//! Services that were terminated: they can be brought back while their backups are kept. Ours.

use farshore_control::services;
use farshore_types::Result;
use farshore_types::access::Permission;

use crate::call::Call;
use crate::route::{Access, Method, Route, route};
use crate::shape;
use crate::wire::common::Time;
use crate::wire::deleted::{DeletedService, DeletedServicesAnswer};
use crate::wire::service::answer::ServiceAnswer;

const ALL: &str = "/v1/project/{project}/deleted-services";
const UNDELETE: &str = "/v1/project/{project}/deleted-services/{id}/undelete";
const READ: Access = Access::Project(Permission::ServicesRead);
const WRITE: Access = Access::Project(Permission::ServicesWrite);

pub(super) fn routes() -> Vec<Route> {
    vec![
        route(Method::Get, ALL, "DeletedServiceList", READ, "Terminated services that can be brought back")
            .answered_by(list),
        route(Method::Post, UNDELETE, "DeletedServiceUndelete", WRITE, "Brings a terminated service back")
            .answered_by(undelete),
    ]
}

fn list(call: &Call) -> Result<DeletedServicesAnswer> {
    let control = call.control()?;
    let kept_us = i64::try_from(control.settings.undelete_window.as_micros()).unwrap_or(i64::MAX);
    let found = services::deleted(control, call.project()?)?;
    let shown = found.into_iter().filter_map(|row| {
        let deleted_at = row.deleted_at?;
        Some(DeletedService {
            service_id: row.id.to_string(),
            service_name: row.name,
            service_type: row.service_type,
            plan: row.plan,
            cloud_name: row.region,
            create_time: Time(row.created_at),
            delete_time: Time(deleted_at),
            kept_until: Time(deleted_at.plus_micros(kept_us)),
        })
    });
    Ok(DeletedServicesAnswer { services: shown.collect() })
}

fn undelete(call: &Call) -> Result<ServiceAnswer> {
    let row = services::undelete(call.control()?, &call.actor()?, call.project()?, call.path("id")?)?;
    Ok(ServiceAnswer { service: shape::service::service(call, row)? })
}
