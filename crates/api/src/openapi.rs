//! The OpenAPI 3.1 document of a table of routes ("OpenAPI Specification v3.1.0").
//!
//! It is made of the same table as the router, so it can neither forget a route nor describe another body than the one
//! that is parsed. Its order is stable: the committed file differs only when the API does.

use schemars::generate::{SchemaGenerator, SchemaSettings};
use serde_json::{Map, Value, json};

use crate::failure::Errors;
use crate::route::{Access, Route, Shape};

/// Where named schemas stand in the document.
const SCHEMAS: &str = "/components/schemas";

/// The whole document.
pub fn document(routes: &[Route]) -> Value {
    let settings = || {
        let mut settings = SchemaSettings::draft2020_12();
        settings.definitions_path = SCHEMAS.into();
        settings.meta_schema = None;
        settings
    };
    let mut requests = settings().for_deserialize().into_generator();
    let mut answers = settings().for_serialize().into_generator();
    let failure = answers.subschema_for::<Errors>();
    let mut paths: Map<String, Value> = Map::new();
    for route in routes {
        let operation = operation(route, &mut requests, &mut answers, failure.as_value());
        let path = paths.entry(route.pattern()).or_insert_with(|| json!({}));
        if let Value::Object(path) = path {
            path.insert(route.method().word().to_ascii_lowercase(), operation);
        }
    }
    let mut schemas: Map<String, Value> = Map::new();
    schemas.extend(requests.take_definitions(true));
    schemas.extend(answers.take_definitions(true));
    json!({
        "openapi": "3.1.0",
        "info": {"title": "Farshore", "version": env!("CARGO_PKG_VERSION"), "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"}},
        "paths": paths,
        "components": {"schemas": schemas, "securitySchemes": security_schemes()},
    })
}

/// Names that stand for one shape in requests and for another in answers: a document cannot hold both.
pub fn ambiguous(routes: &[Route]) -> Vec<String> {
    let named = |settings: SchemaSettings, shape: fn(&Route) -> Option<Shape>| {
        let mut generator = settings.into_generator();
        for write in routes.iter().filter_map(shape) {
            write(&mut generator);
        }
        generator.take_definitions(true)
    };
    let requests = named(SchemaSettings::draft2020_12().for_deserialize(), Route::request);
    let answers = named(SchemaSettings::draft2020_12().for_serialize(), Route::answer);
    let differs =
        |(name, schema): (String, Value)| (answers.get(&name).is_some_and(|other| *other != schema)).then_some(name);
    requests.into_iter().filter_map(differs).collect()
}

fn security_schemes() -> Value {
    json!({
        "token": {"type": "http", "scheme": "bearer", "description": "A token of POST /v1/userauth or /v1/access_token"},
        "aivenv1": {"type": "apiKey", "in": "header", "name": "authorization", "description": "aivenv1 TOKEN"},
    })
}

fn operation(route: &Route, requests: &mut SchemaGenerator, answers: &mut SchemaGenerator, failure: &Value) -> Value {
    let content = |schema: &Value| json!({"application/json": {"schema": schema}});
    let success = match route.answer() {
        Some(shape) => json!({"description": "It is done", "content": content(shape(answers).as_value())}),
        None => json!({"description": "It is done"}),
    };
    let mut operation = json!({
        "operationId": route.name(),
        "summary": route.summary(),
        "responses": {"200": success, "default": {"description": "It is not done", "content": content(failure)}},
        "security": match route.access() {
            Access::Public => json!([]),
            Access::Machine => json!([{}, {"token": []}, {"aivenv1": []}]),
            Access::Authenticated | Access::Project(_) => json!([{"token": []}, {"aivenv1": []}]),
        },
    });
    let Value::Object(fields) = &mut operation else { return operation };
    let parameters = parameters(route);
    if !parameters.is_empty() {
        fields.insert("parameters".to_string(), Value::Array(parameters));
    }
    if let Some(shape) = route.request() {
        let body = json!({"required": true, "content": content(shape(requests).as_value())});
        fields.insert("requestBody".to_string(), body);
    }
    if let Access::Project(permission) = route.access() {
        fields.insert("x-permission".to_string(), Value::String(permission.to_string()));
    }
    operation
}

fn parameters(route: &Route) -> Vec<Value> {
    let path = route.path_parameters().map(|name| {
        let schema = json!({"type": "string"});
        json!({"name": name, "in": "path", "required": true, "schema": schema})
    });
    let query = route.query_parameters().iter().map(|parameter| {
        let schema = json!({"type": "string"});
        json!({"name": parameter.name, "in": "query", "description": parameter.summary, "schema": schema})
    });
    path.chain(query).collect()
}
