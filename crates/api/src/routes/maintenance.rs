//! Maintenance, and taking over a database from elsewhere: nothing waits, and nothing is under way.

use farshore_control::services;
use farshore_types::Result;
use farshore_types::access::Permission;

use crate::call::Call;
use crate::route::{Access, Method, Route, route};
use crate::wire::common::Message;
use crate::wire::service::migration::{Migration, MigrationAnswer};

const START: &str = "/v1/project/{project}/service/{service}/maintenance/start";
const MIGRATION: &str = "/v1/project/{project}/service/{service}/migration";

pub(super) fn routes() -> Vec<Route> {
    let configure = Access::Project(Permission::ConfigurationWrite);
    vec![
        route(Method::Put, START, "ServiceMaintenanceStart", configure, "Does now what waits for maintenance")
            .answered_by(start),
        route(
            Method::Get,
            MIGRATION,
            "ServiceGetMigrationStatus",
            Access::Project(Permission::ServicesRead),
            "How a takeover goes",
        )
        .answered_by(migration),
    ]
}

fn start(call: &Call) -> Result<Message> {
    services::get(call.control()?, call.project()?, call.service()?)?;
    Ok(Message { message: "No maintenance is waiting".to_string() })
}

fn migration(call: &Call) -> Result<MigrationAnswer> {
    services::get(call.control()?, call.project()?, call.service()?)?;
    let migration = Migration { status: "none".to_string(), method: String::new(), error: None };
    Ok(MigrationAnswer { migration, migration_detail: Vec::new() })
}
