//! The table of routes, one file of handlers for each noun.

use farshore_types::Result;

use crate::answer::Answer;
use crate::call::Call;
use crate::route::{Access, Method, Route, route};

/// All routes.
pub fn table() -> Vec<Route> {
    let summary = "This document. It answers as soon as the server is ready";
    vec![route(Method::Get, "/openapi.json", "OpenApi", Access::Public, summary).raw(openapi)]
}

fn openapi(call: &Call) -> Result<Answer> {
    Ok(Answer::bytes("application/json", call.document().to_vec()))
}
