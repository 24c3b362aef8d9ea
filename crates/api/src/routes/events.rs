//! What happened in a project.

use farshore_control::events;
use farshore_types::Result;
use farshore_types::access::Permission;

use crate::call::Call;
use crate::route::{Access, Method, Route, route};
use crate::wire::common::Time;
use crate::wire::event::{Event, EventsAnswer};

const EVENTS: &str = "/v1/project/{project}/events";
/// Events of an answer, if nobody says how many.
const LIMIT: u32 = 100;

pub(super) fn routes() -> Vec<Route> {
    let summary = "What happened in a project, the newest first";
    vec![
        route(Method::Get, EVENTS, "ProjectGetEventLogs", Access::Project(Permission::EventsRead), summary)
            .answered_by(list)
            .query("limit", "At most so many, 1 to 1000"),
    ]
}

fn list(call: &Call) -> Result<EventsAnswer> {
    let limit = call.parsed_query::<u32>("limit")?.unwrap_or(LIMIT).max(1);
    let event = |event: farshore_control::rows::Event| Event {
        id: event.id,
        time: Time(event.at),
        create_time: Time(event.at),
        actor: event.actor,
        event_type: event.event_type,
        event_desc: event.text,
        service_name: event.service_name.unwrap_or_default(),
    };
    let events = events::list(call.control()?, call.project()?, limit)?;
    Ok(EventsAnswer { events: events.into_iter().map(event).collect() })
}
