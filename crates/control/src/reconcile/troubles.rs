//! What is wrong with a node for longer than a moment: told once when it begins, and once when it is over.

use farshore_store::services::{self, Service};
use farshore_types::Result;
use serde_json::{Value, json};

use crate::hosts::NodeView;
use crate::upkeep::{CRASH_LOOP, DISK_FULL};
use crate::{Control, events};

/// A trouble: the fact of the service that says that it was told, and whether it is there now.
struct Trouble {
    fact: &'static str,
    begins: (&'static str, String),
    ends: (&'static str, String),
    now: Option<bool>,
}

impl Trouble {
    fn has_changed(&self, service: &Service) -> bool {
        self.now.is_some_and(|now| now != service.facts.get(self.fact).is_some())
    }
}

/// Tells what has changed since it was told last. What cannot be said now is as it was.
pub fn tell(control: &Control, service: &Service, view: &NodeView) -> Result<()> {
    for trouble in [disk(service, view), crashes(service, view)].iter().filter(|trouble| trouble.has_changed(service)) {
        control.store.write(|tx| {
            let Some(mut row) = services::get(tx, &service.id)?.filter(|row| row.deleted_at.is_none()) else {
                return Ok(());
            };
            if !trouble.has_changed(&row) {
                return Ok(());
            }
            let Value::Object(facts) = &mut row.facts else { return Ok(()) };
            let (event, text) = match facts.remove(trouble.fact) {
                Some(_) => &trouble.ends,
                None => {
                    facts.insert(trouble.fact.to_string(), json!(true));
                    &trouble.begins
                }
            };
            services::update(tx, &row)?;
            events::record(tx, control, &row.project_id, "farshore", event, Some(&row.name), text)
        })?;
    }
    Ok(())
}

/// That a disk has room is said only once it was measured.
fn disk(service: &Service, view: &NodeView) -> Trouble {
    let name = &service.name;
    let full = format!("The disk of service {name} is full: it takes no writes until it is given more");
    Trouble {
        fact: DISK_FULL,
        begins: ("service_disk_full", full),
        ends: ("service_disk_room", format!("The disk of service {name} has room again")),
        now: Some(view.disk_full).filter(|full| *full || view.disk_bytes.is_some()),
    }
}

fn crashes(service: &Service, view: &NodeView) -> Trouble {
    let name = &service.name;
    let crashing = format!("The server of service {name} crashes again and again, and is started again each time");
    let steady = format!("The server of service {name} has answered for some minutes without a crash");
    Trouble {
        fact: CRASH_LOOP,
        begins: ("service_node_crashing", crashing),
        ends: ("service_node_steady", steady),
        now: view.crash_loop,
    }
}
