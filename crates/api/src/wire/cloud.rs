//! Regions, which the API calls clouds.

use schemars::JsonSchema;
use serde::Serialize;

/// All regions.
#[derive(Debug, Serialize, JsonSchema)]
pub struct CloudsAnswer {
    /// The regions.
    pub clouds: Vec<Cloud>,
}

/// A region.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct Cloud {
    /// Its name.
    pub cloud_name: String,
    /// For people.
    pub cloud_description: String,
    /// The part of the world.
    pub geo_region: String,
    /// Degrees; null if nobody said.
    pub geo_latitude: Option<f64>,
    /// Degrees; null if nobody said.
    pub geo_longitude: Option<f64>,
    /// Whose machines they are.
    pub provider: String,
    /// The same for people.
    pub provider_description: String,
}
