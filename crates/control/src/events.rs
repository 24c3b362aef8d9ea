//! What happened in a project, for people: who did what to which service. Written in the transaction of its cause, together with the
//! letters that tell of it.

use std::sync::Arc;

use farshore_store::events::{self, Event};
use farshore_store::{Tx, id, projects};
use farshore_types::{Entropy, Result};

use crate::access::no_project;
use crate::{Control, notifications};

/// Events that are shown at once.
pub const SHOWN_MAX: u32 = 1000;

/// Writes events where no [`Control`] can be taken along.
#[derive(Clone)]
pub struct Recorder {
    entropy: Arc<dyn Entropy>,
    /// Whether there is a mail server.
    sends: bool,
}

impl Recorder {
    /// Of a platform.
    pub fn of(control: &Control) -> Recorder {
        Recorder { entropy: control.entropy.clone(), sends: control.post.is_some() }
    }

    /// One whose events are shown, and sent to nobody.
    pub fn silent(control: &Control) -> Recorder {
        Recorder { entropy: control.entropy.clone(), sends: false }
    }

    /// See [`record`].
    #[allow(clippy::too_many_arguments, reason = "these are the columns of an event, and every call names them all")]
    pub fn record(
        &self,
        tx: &mut Tx<'_>,
        project_id: &str,
        actor: &str,
        event_type: &str,
        service_name: Option<&str>,
        text: &str,
    ) -> Result<()> {
        let event = self.event(tx, (project_id, actor), event_type, service_name, text)?;
        events::insert(tx, &event)?;
        match self.sends {
            true => notifications::write(tx, self.entropy.as_ref(), &event),
            false => Ok(()),
        }
    }

    /// Writes that somebody is invited, and the letter that says so.
    pub fn record_invitation(
        &self,
        tx: &mut Tx<'_>,
        project_id: &str,
        actor: &str,
        email: &str,
        text: &str,
    ) -> Result<()> {
        let event = self.event(tx, (project_id, actor), notifications::INVITED, None, text)?;
        events::insert(tx, &event)?;
        match self.sends {
            true => notifications::invite(tx, self.entropy.as_ref(), &event, email),
            false => Ok(()),
        }
    }

    fn event(
        &self,
        tx: &Tx<'_>,
        (project_id, actor): (&str, &str),
        event_type: &str,
        service_name: Option<&str>,
        text: &str,
    ) -> Result<Event> {
        Ok(Event {
            id: id::new(tx.now(), self.entropy.as_ref())?,
            project_id: project_id.to_string(),
            at: tx.now(),
            actor: actor.to_string(),
            event_type: event_type.to_string(),
            service_name: service_name.map(str::to_string),
            text: text.to_string(),
        })
    }
}

/// Writes an event in the caller's transaction, and the letters that tell of it.
#[allow(clippy::too_many_arguments, reason = "these are the columns of an event, and every call names them all")]
pub fn record(
    tx: &mut Tx<'_>,
    control: &Control,
    project_id: &str,
    actor: &str,
    event_type: &str,
    service_name: Option<&str>,
    text: &str,
) -> Result<()> {
    Recorder::of(control).record(tx, project_id, actor, event_type, service_name, text)
}

/// The newest events of a project, newest first.
pub fn list(control: &Control, project: &str, limit: u32) -> Result<Vec<Event>> {
    control.store.read(|tx| {
        let project = projects::by_name(tx, project)?.ok_or_else(|| no_project(project))?;
        events::of_project(tx, &project.id, limit.min(SHOWN_MAX))
    })
}
