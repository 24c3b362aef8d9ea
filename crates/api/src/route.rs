//! One route as data: what is asked, who may, what goes in, what comes out, and the function that does it.
//!
//! The shapes of request and answer are taken from the handler's own signature, so the OpenAPI document cannot differ from
//! what is parsed and written.

use std::sync::Arc;

use farshore_types::Result;
use farshore_types::access::Permission;
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::answer::Answer;
use crate::call::{Call, PROJECT};

/// The methods of the API.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Method {
    /// Reads.
    Get,
    /// Makes, or asks a question that needs a body.
    Post,
    /// Changes.
    Put,
    /// Changes parts.
    Patch,
    /// Removes.
    Delete,
}

impl Method {
    /// As it stands in a request.
    pub fn word(self) -> &'static str {
        match self {
            Method::Get => "GET",
            Method::Post => "POST",
            Method::Put => "PUT",
            Method::Patch => "PATCH",
            Method::Delete => "DELETE",
        }
    }
}

/// Who may use a route.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Anybody, without a token.
    Public,
    /// Anybody, without a token, while the server listens on this machine alone; else as [`Access::Authenticated`].
    Machine,
    /// Whoever holds a valid token; what is shown is the caller's own.
    Authenticated,
    /// Who has this permission in the project that the path names.
    Project(Permission),
}

/// A value that a route reads from the query. All are optional.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct QueryParameter {
    /// Its name.
    pub name: &'static str,
    /// What it does, with its unit and limits.
    pub summary: &'static str,
}

/// Writes a type's schema; the named parts go into the generator.
pub type Shape = fn(&mut SchemaGenerator) -> Schema;

type Handler = Arc<dyn Fn(&Call) -> Result<Answer> + Send + Sync>;

/// A route. Made by [`route`] and one of the `answered_by`, `taking`, `raw`.
#[derive(Clone)]
pub struct Route {
    method: Method,
    pattern: &'static str,
    name: &'static str,
    access: Access,
    summary: &'static str,
    query: Vec<QueryParameter>,
    request: Option<Shape>,
    answer: Option<Shape>,
    handler: Handler,
}

/// A route whose handler is not known yet.
#[derive(Debug, Clone, Copy)]
pub struct Draft {
    method: Method,
    pattern: &'static str,
    name: &'static str,
    access: Access,
    summary: &'static str,
}

/// Begins a route: `name` is its operation in the document (`ServiceCreate`), `summary` one sentence for a reader.
pub fn route(
    method: Method,
    pattern: &'static str,
    name: &'static str,
    access: Access,
    summary: &'static str,
) -> Draft {
    Draft { method, pattern, name, access, summary }
}

impl Draft {
    /// The handler reads no body.
    pub fn answered_by<A: Serialize + JsonSchema + 'static>(self, handler: fn(&Call) -> Result<A>) -> Route {
        let handler = move |call: &Call| Answer::json(&handler(call)?);
        self.finished(None, Some(shape::<A>), Arc::new(handler))
    }

    /// The handler gets the body, parsed; who sends a wrong one never reaches it.
    pub fn taking<B, A>(self, handler: fn(&Call, B) -> Result<A>) -> Route
    where
        B: DeserializeOwned + JsonSchema + 'static,
        A: Serialize + JsonSchema + 'static,
    {
        let handler = move |call: &Call| Answer::json(&handler(call, call.body::<B>()?)?);
        self.finished(Some(shape::<B>), Some(shape::<A>), Arc::new(handler))
    }

    /// The handler makes the whole answer, which is no JSON or has no shape of ours.
    pub fn raw(self, handler: fn(&Call) -> Result<Answer>) -> Route {
        self.finished(None, None, Arc::new(handler))
    }

    fn finished(self, request: Option<Shape>, answer: Option<Shape>, handler: Handler) -> Route {
        let Draft { method, pattern, name, access, summary } = self;
        Route { method, pattern, name, access, summary, query: Vec::new(), request, answer, handler }
    }
}

fn shape<T: JsonSchema>(generator: &mut SchemaGenerator) -> Schema {
    generator.subschema_for::<T>()
}

impl Route {
    /// Names a value that the handler reads from the query.
    pub fn query(mut self, name: &'static str, summary: &'static str) -> Self {
        self.query.push(QueryParameter { name, summary });
        self
    }

    /// The method.
    pub fn method(&self) -> Method {
        self.method
    }

    /// The path, with `{name}` for its variable parts. This, and never the path itself, stands in logs.
    pub fn pattern(&self) -> &'static str {
        self.pattern
    }

    /// The name of the operation.
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// Who may.
    pub fn access(&self) -> Access {
        self.access
    }

    /// One sentence for a reader.
    pub fn summary(&self) -> &'static str {
        self.summary
    }

    /// What is read from the query.
    pub fn query_parameters(&self) -> &[QueryParameter] {
        &self.query
    }

    /// The shape of the body, if one is read.
    pub fn request(&self) -> Option<Shape> {
        self.request
    }

    /// The shape of the answer, if it is JSON of ours.
    pub fn answer(&self) -> Option<Shape> {
        self.answer
    }

    /// The names of the path's variable parts, in their order.
    pub fn path_parameters(&self) -> impl Iterator<Item = &'static str> {
        self.pattern.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'))
    }

    /// Runs the handler; blocks.
    pub fn run(&self, call: &Call) -> Result<Answer> {
        (self.handler)(call)
    }
}

/// What is wrong with a table, a sentence each: names or paths twice, a project's permission without a project.
pub fn faults(routes: &[Route]) -> Vec<String> {
    let mut faults = Vec::new();
    for (index, route) in routes.iter().enumerate() {
        let place = format!("{} {}", route.method.word(), route.pattern);
        let earlier = routes.get(..index).unwrap_or_default();
        if earlier.iter().any(|other| other.name == route.name) {
            faults.push(format!("{place}: the name {} stands twice", route.name));
        }
        if earlier.iter().any(|other| (other.method, other.pattern) == (route.method, route.pattern)) {
            faults.push(format!("{place} stands twice"));
        }
        let needs_project = matches!(route.access, Access::Project(_));
        if needs_project && !route.path_parameters().any(|name| name == PROJECT) {
            faults.push(format!("{place} needs a right in a project, but its path names none"));
        }
        if !needs_project && route.path_parameters().any(|name| name == PROJECT) {
            faults.push(format!("{place} names a project, but needs no right in it"));
        }
        if route.summary.is_empty() {
            faults.push(format!("{place} has no summary"));
        }
    }
    faults
}
