//! Connection pools: part of the documented API, and not offered. The sentence says so, whatever is asked.

use farshore_types::access::Permission;
use farshore_types::{Error, Result};

use crate::call::Call;
use crate::route::{Access, Method, Route, route};
use crate::wire::common::Nothing;
use crate::wire::service::pool::{ConnectionPoolCreate, ConnectionPoolUpdate};

const ALL: &str = "/v1/project/{project}/service/{service}/connection_pool";
const ONE: &str = "/v1/project/{project}/service/{service}/connection_pool/{pool_name}";
const WRITE: Access = Access::Project(Permission::DataWrite);
const SUMMARY: &str = "Refused: connection pools are not offered";

pub(super) fn routes() -> Vec<Route> {
    vec![
        route(Method::Post, ALL, "ServicePGBouncerCreate", WRITE, SUMMARY).taking(create),
        route(Method::Put, ONE, "ServicePGBouncerUpdate", WRITE, SUMMARY).taking(update),
        route(Method::Delete, ONE, "ServicePGBouncerDelete", WRITE, SUMMARY).answered_by(delete),
    ]
}

fn create(_: &Call, _: ConnectionPoolCreate) -> Result<Nothing> {
    refused()
}

fn update(_: &Call, _: ConnectionPoolUpdate) -> Result<Nothing> {
    refused()
}

fn delete(_: &Call) -> Result<Nothing> {
    refused()
}

fn refused() -> Result<Nothing> {
    Err(Error::invalid("a connection pool is not offered by this platform")
        .hint("connect through service_uri, or run PgBouncer beside your program"))
}
