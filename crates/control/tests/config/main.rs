//! What the options of services accept, refuse and do, through the public face of the crate.

mod definitions;
mod hostile;
mod messages;
mod updates;

use farshore_control::config::{Config, Limits, Purpose, Schema};
use farshore_types::{Result, ServiceType};
use serde_json::Value;

/// The options of a type as documented.
fn schema(service_type: ServiceType) -> Schema {
    Schema::of(service_type, &Limits::default())
}

/// The options of a new PostgreSQL service.
fn created(given: &Value) -> Result<Config> {
    schema(ServiceType::Pg).validate(given, Purpose::Create)
}

/// The options of a PostgreSQL service after an update.
fn updated(current: &Config, given: &Value) -> Result<Config> {
    schema(ServiceType::Pg).validate(given, Purpose::Update { current })
}
