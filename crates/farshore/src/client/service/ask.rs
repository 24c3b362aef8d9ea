//! What several verbs ask about a service.

use farshore_types::Result;
use serde_json::Value;

use crate::client::answers::{Service, part};
use crate::client::caller::Client;

/// A service, as it is answered and as it is read.
pub fn service(client: &Client, name: &str) -> Result<(Value, Service)> {
    let answer = client.api.get(&client.path(&["service", name])?)?;
    let service = part(&answer, "service")?;
    Ok((answer, service))
}

/// The schema of the options of a type.
pub fn schema(client: &Client, service_type: &str) -> Result<Value> {
    let answer = client.api.get(&client.path(&["service-types", service_type])?)?;
    Ok(answer.get("user_config_schema").cloned().unwrap_or(Value::Null))
}
