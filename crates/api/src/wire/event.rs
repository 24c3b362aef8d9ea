//! What happened in a project.

use schemars::JsonSchema;
use serde::Serialize;

use super::common::Time;

/// Events, the newest first.
#[derive(Debug, Serialize, JsonSchema)]
pub struct EventsAnswer {
    /// The events.
    pub events: Vec<Event>,
}

/// An event.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Event {
    /// Names it.
    pub id: String,
    /// When.
    pub time: Time,
    /// The same, for other clients.
    pub create_time: Time,
    /// Who, or what part of the platform.
    pub actor: String,
    /// Its kind.
    pub event_type: String,
    /// For people.
    pub event_desc: String,
    /// About which service; empty for the project's own.
    pub service_name: String,
}
