//! Links between services, and the kinds of them.

use farshore_control::integrations::{IntegrationOption, IntegrationType, OptionKind};
use farshore_control::rows;
use serde_json::{Map, Value, json};

use crate::wire::common::Object;
use crate::wire::integration::{Integration, IntegrationState, IntegrationStatus, IntegrationType as Kind};

/// A link of a project among its services.
pub(crate) fn integration(one: &rows::Integration, project: &str, services: &[rows::Service]) -> Integration {
    let type_of = |name: &Option<String>| {
        let found = services.iter().find(|service| Some(&service.name) == name.as_ref());
        found.map(|service| service.service_type.clone())
    };
    Integration {
        service_integration_id: one.id.clone(),
        integration_type: one.integration_type.clone(),
        description: String::new(),
        enabled: true,
        active: false,
        source_project: project.to_string(),
        source_service_type: type_of(&one.source_service),
        source_service: one.source_service.clone(),
        source_endpoint: None,
        source_endpoint_id: one.source_endpoint.clone(),
        dest_project: project.to_string(),
        dest_service_type: type_of(&one.dest_service),
        dest_service: one.dest_service.clone(),
        dest_endpoint: None,
        dest_endpoint_id: one.dest_endpoint.clone(),
        user_config: one.user_config.as_object().cloned().unwrap_or_default(),
        integration_status: IntegrationStatus { state: inactive(), status_user_desc: "not active".to_string() },
    }
}

fn inactive() -> IntegrationState {
    IntegrationState { status: "inactive".to_string(), errors: Vec::new(), nodes: Object::new() }
}

/// A kind of link.
pub(crate) fn kind(kind: &IntegrationType) -> Kind {
    let names = |types: &[farshore_types::ServiceType]| types.iter().map(|one| one.name().to_string()).collect();
    let dests: Vec<String> = names(kind.dests);
    Kind {
        integration_type: kind.name.to_string(),
        dest_description: kind.dest_description.to_string(),
        dest_service_type: dests.first().cloned().unwrap_or_default(),
        dest_service_types: dests,
        source_description: kind.source_description.to_string(),
        source_service_types: names(kind.sources),
        user_config_schema: schema(kind.options),
    }
}

fn schema(options: &[IntegrationOption]) -> Object {
    let property = |option: &IntegrationOption| {
        let value = match option.kind {
            OptionKind::Word => json!({
                "type": ["string", "null"], "maxLength": 128, "pattern": "^[a-zA-Z0-9_.-]+$", "title": option.description,
            }),
            OptionKind::Integer(least, most) => json!({
                "type": ["integer", "null"], "minimum": least, "maximum": most, "title": option.description,
            }),
        };
        (option.name.to_string(), value)
    };
    let properties: Map<String, Value> = options.iter().map(property).collect();
    let mut schema = Object::new();
    schema.insert("type".to_string(), Value::from("object"));
    schema.insert("additionalProperties".to_string(), Value::from(false));
    schema.insert("properties".to_string(), Value::Object(properties));
    schema
}
