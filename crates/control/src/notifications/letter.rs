//! A letter, and the seam to whoever carries it.

use farshore_store::events::Event;
use farshore_store::outbox::Message;
use farshore_types::{Error, Result};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::table::Row;

/// One letter to one recipient. Nothing in it is secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Letter {
    /// The address.
    pub to: String,
    /// One line.
    pub subject: String,
    /// What it says.
    pub text: String,
    /// The project that it is about, by id.
    pub project_id: String,
    /// The event that it tells of.
    pub event: String,
}

/// Carries letters to a mail server.
pub trait Post: Send + Sync {
    /// Hands over one letter; `id` makes its `Message-ID`, the same with every try. Returns in bounded time. `Invalid`: it will never
    /// be accepted. Every other error: later, perhaps.
    fn send(&self, id: &str, letter: &Letter) -> Result<()>;
}

impl Letter {
    pub(super) fn of(event: &Event, row: &Row, project: &str, to: &str) -> Letter {
        let service = event.service_name.as_deref();
        let place = service.map_or(project.to_string(), |service| format!("{project}/{service}"));
        let advice = row.advice.replace("SERVICE", service.unwrap_or("SERVICE"));
        let mut text = format!("{}.\n\n{advice}\n\nProject: {project}\n", event.text.trim_end_matches('.'));
        if let Some(service) = service {
            text.push_str(&format!("Service: {service}\n"));
        }
        text.push_str(&format!("When:    {}\nEvent:   {}, by {}\n", event.at, event.event_type, event.actor));
        let subject = format!("Farshore {place}: {}", row.subject);
        Letter {
            to: to.to_string(),
            subject,
            text,
            project_id: event.project_id.clone(),
            event: event.event_type.clone(),
        }
    }

    pub(super) fn payload(&self) -> Value {
        json!(self)
    }

    /// The letter in a message of the outbox; `Corrupt` if there is none.
    pub fn read(message: &Message) -> Result<Letter> {
        Letter::deserialize(&message.payload)
            .map_err(|error| Error::corrupt(format!("message {} of the outbox is no letter: {error}", message.id)))
    }
}
