//! Databases inside a service, as its engine has them: those made with SQL are seen, too. Nothing is kept here, so nothing can be lost.

use farshore_control::{hosts, services};
use farshore_types::Result;
use farshore_types::access::Permission;

use crate::call::Call;
use crate::route::{Access, Method, Route, route};
use crate::wire::common::Message;
use crate::wire::service::database::{Database, DatabaseCreate, DatabasesAnswer};

const ALL: &str = "/v1/project/{project}/service/{service}/db";
const ONE: &str = "/v1/project/{project}/service/{service}/db/{database}";
const WRITE: Access = Access::Project(Permission::DataWrite);

pub(super) fn routes() -> Vec<Route> {
    vec![
        route(
            Method::Get,
            ALL,
            "ServiceDatabaseList",
            Access::Project(Permission::ServicesRead),
            "The databases of a service",
        )
        .answered_by(list),
        route(Method::Post, ALL, "ServiceDatabaseCreate", WRITE, "Makes a database").taking(create),
        route(Method::Delete, ONE, "ServiceDatabaseDelete", WRITE, "Removes a database").answered_by(delete),
    ]
}

fn list(call: &Call) -> Result<DatabasesAnswer> {
    let all = services::databases(call.control()?, call.project()?, call.service()?)?;
    let database =
        |one: hosts::Database| Database { database_name: one.name, lc_collate: one.collate, lc_ctype: one.ctype };
    Ok(DatabasesAnswer { databases: all.into_iter().map(database).collect() })
}

fn create(call: &Call, asked: DatabaseCreate) -> Result<Message> {
    let asked = hosts::Database { name: asked.database, collate: asked.lc_collate, ctype: asked.lc_ctype };
    services::create_database(call.control()?, &call.actor()?, call.project()?, call.service()?, &asked)?;
    Ok(Message { message: "Created".to_string() })
}

fn delete(call: &Call) -> Result<Message> {
    let database = call.path("database")?;
    services::drop_database(call.control()?, &call.actor()?, call.project()?, call.service()?, database)?;
    Ok(Message { message: "Deleted".to_string() })
}
