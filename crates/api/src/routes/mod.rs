//! The table of routes, one file of handlers for each noun.

#![allow(clippy::needless_pass_by_value, reason = "a body belongs to its handler, whether or not parts of it are kept")]

mod accounts;
mod alerts;
mod backups;
mod catalog;
mod databases;
mod deleted;
mod events;
mod extensions;
mod integrations;
mod maintenance;
mod members;
mod metrics;
mod network;
mod observe;
mod pools;
mod projects;
mod regions;
mod runs;
mod service_users;
mod services;
mod tags;
mod tasks;
mod tokens;
mod users;

use farshore_types::Result;

use crate::answer::Answer;
use crate::call::Call;
use crate::route::{Access, Method, Route, route};

/// All routes.
pub fn table() -> Vec<Route> {
    let summary = "This document. It answers as soon as the server is ready";
    let mut table = vec![route(Method::Get, "/openapi.json", "OpenApi", Access::Public, summary).raw(openapi)];
    for routes in [
        users::routes(),
        tokens::routes(),
        accounts::routes(),
        projects::routes(),
        members::routes(),
        tags::routes(),
        catalog::routes(),
        services::routes(),
        deleted::routes(),
        backups::routes(),
        regions::routes(),
        observe::routes(),
        extensions::routes(),
        alerts::routes(),
        databases::routes(),
        service_users::routes(),
        pools::routes(),
        maintenance::routes(),
        tasks::routes(),
        integrations::routes(),
        network::routes(),
        events::routes(),
        runs::routes(),
        metrics::routes(),
    ] {
        table.extend(routes);
    }
    table
}

fn openapi(call: &Call) -> Result<Answer> {
    Ok(Answer::bytes("application/json", call.document().to_vec()))
}
