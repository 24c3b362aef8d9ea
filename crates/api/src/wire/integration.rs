//! Links between services, and to endpoints outside.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::common::Object;

/// A link. What does not apply is null and not an empty text: Terraform takes a text for an endpoint, and would make the link anew.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct Integration {
    /// Names it.
    pub service_integration_id: String,
    /// What it does.
    pub integration_type: String,
    /// For people.
    pub description: String,
    /// Whether it is wanted.
    pub enabled: bool,
    /// Whether it works.
    pub active: bool,
    /// The project of its source.
    pub source_project: String,
    /// The service at its source; null if it begins at an endpoint.
    pub source_service: Option<String>,
    /// The type of that service.
    pub source_service_type: Option<String>,
    /// The name of the endpoint at its source.
    pub source_endpoint: Option<String>,
    /// The endpoint at its source.
    pub source_endpoint_id: Option<String>,
    /// The project of its destination.
    pub dest_project: String,
    /// The service at its destination; null if it ends at an endpoint.
    pub dest_service: Option<String>,
    /// The type of that service.
    pub dest_service_type: Option<String>,
    /// The name of the endpoint at its destination.
    pub dest_endpoint: Option<String>,
    /// The endpoint at its destination.
    pub dest_endpoint_id: Option<String>,
    /// Its options.
    pub user_config: Object,
    /// How it is.
    pub integration_status: IntegrationStatus,
}

/// How a link is.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct IntegrationStatus {
    /// For programs.
    pub state: IntegrationState,
    /// For people.
    pub status_user_desc: String,
}

/// How a link is, for programs.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct IntegrationState {
    /// `inactive`.
    pub status: String,
    /// None.
    pub errors: Vec<String>,
    /// Node to how the link is there: none.
    pub nodes: Object,
}

/// A link to be made.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
pub struct IntegrationCreate {
    /// What it does.
    pub integration_type: String,
    /// The project of its source; the one in the path if it is absent.
    pub source_project: Option<String>,
    /// The service at its source.
    pub source_service: Option<String>,
    /// The endpoint at its source.
    pub source_endpoint_id: Option<String>,
    /// The project of its destination; the one in the path if it is absent.
    pub dest_project: Option<String>,
    /// The service at its destination.
    pub dest_service: Option<String>,
    /// The endpoint at its destination.
    pub dest_endpoint_id: Option<String>,
    /// Its options.
    pub user_config: Option<Object>,
}

/// New options of a link or an endpoint; null resets one.
#[derive(Debug, Deserialize, JsonSchema)]
pub struct IntegrationUpdate {
    /// The options.
    pub user_config: Object,
}

/// One link.
#[derive(Debug, Serialize, JsonSchema)]
pub struct IntegrationAnswer {
    /// The link.
    pub service_integration: Integration,
}

/// Links.
#[derive(Debug, Serialize, JsonSchema)]
pub struct IntegrationsAnswer {
    /// The links.
    pub service_integrations: Vec<Integration>,
}

/// Kinds of links.
#[derive(Debug, Serialize, JsonSchema)]
pub struct IntegrationTypesAnswer {
    /// The kinds.
    pub integration_types: Vec<IntegrationType>,
}

/// A kind of link.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct IntegrationType {
    /// Its name.
    pub integration_type: String,
    /// What it is for its destination.
    pub dest_description: String,
    /// The type of its destination.
    pub dest_service_type: String,
    /// Types of its destination, for newer clients.
    pub dest_service_types: Vec<String>,
    /// What it is for its source.
    pub source_description: String,
    /// Types of its source.
    pub source_service_types: Vec<String>,
    /// The JSON schema of its options.
    pub user_config_schema: Object,
}

/// An endpoint.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct Endpoint {
    /// Names it.
    pub endpoint_id: String,
    /// Its name for people.
    pub endpoint_name: String,
    /// What it is.
    pub endpoint_type: String,
    /// What it was made with.
    pub endpoint_config: Object,
    /// Its options.
    pub user_config: Object,
}

/// An endpoint to be made.
#[derive(Debug, Deserialize, JsonSchema)]
pub struct EndpointCreate {
    /// Its name for people.
    pub endpoint_name: String,
    /// What it is.
    pub endpoint_type: String,
    /// Its options.
    pub user_config: Option<Object>,
}

/// One endpoint.
#[derive(Debug, Serialize, JsonSchema)]
pub struct EndpointAnswer {
    /// The endpoint.
    pub service_integration_endpoint: Endpoint,
}

/// Endpoints.
#[derive(Debug, Serialize, JsonSchema)]
pub struct EndpointsAnswer {
    /// The endpoints.
    pub service_integration_endpoints: Vec<Endpoint>,
}

/// Kinds of endpoints.
#[derive(Debug, Serialize, JsonSchema)]
pub struct EndpointTypesAnswer {
    /// The kinds.
    pub endpoint_types: Vec<EndpointType>,
}

/// A kind of endpoint.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct EndpointType {
    /// Its name.
    pub endpoint_type: String,
    /// For people.
    pub title: String,
    /// Types that can be linked to it.
    pub service_types: Vec<String>,
    /// The JSON schema of its options.
    pub user_config_schema: Object,
}
