//! A run that is stuck is sent on, after somebody has removed what stood in its way.

use farshore_store::{projects, runs};
use farshore_types::{Error, Result};

use super::Actor;
use crate::access::no_project;
use crate::{Control, events};

/// Sends it on. `Conflict` if it is not stuck, or a later run has been asked for since.
pub fn retry(control: &Control, actor: &Actor, project: &str, id: &str) -> Result<()> {
    control.store.write(|tx| {
        let project = projects::by_name(tx, project)?.ok_or_else(|| no_project(project))?;
        let found = runs::get(tx, id)?.filter(|run| run.project == project.id);
        let run = found.ok_or_else(|| Error::missing(format!("run {id} does not exist")))?;
        farshore_runs::retry(tx, id, &control.signal)?;
        let text = format!("The {} that was stuck ({id}) is sent on", run.kind);
        events::record(tx, control, &project.id, &actor.user, "service_run_retry", None, &text)
    })
}
