//! What keeps the platform as it shall be: idempotent, without input, called again and again. After a crash there is nothing special to do.

mod copies;
mod late;
mod outbox;
mod regions;
mod retention;
mod schedule;
mod stock;
mod supervise;
mod troubles;
mod waits;

pub use copies::{copy, end_copies};
pub use late::late_backups;
pub use outbox::deliver;
pub use regions::{probe, sweep_nodes};
pub use retention::{expire, shred};
pub use schedule::due_backups;
pub use stock::refresh;
pub use supervise::supervise;
pub use waits::waiting_runs;

use farshore_store::copies::of_service as copies_of;
use farshore_store::services::{self, Service};
use farshore_types::{RegionName, Result};

use crate::Control;

/// Services that are read at once.
const PAGE: u32 = 200;

/// Regions in which backups of a service are kept, the first one first; those that do not answer are left out.
fn regions_of(control: &Control, service: &Service) -> Result<Vec<RegionName>> {
    let copies = control.store.read(|tx| copies_of(tx, &service.id))?;
    let names = std::iter::once(service.stored_in().to_string()).chain(copies.into_iter().map(|copy| copy.region));
    let up = names.filter(|name| !control.regions.is_down(name));
    up.map(|name| Ok(control.settings.region(&name)?.name.clone())).collect()
}

/// Calls a function for every living service; a failure with one keeps nothing from the others, and is logged.
fn each_service(control: &Control, what: &str, mut each: impl FnMut(Service) -> Result<()>) -> Result<()> {
    let mut after = None;
    loop {
        let page = control.store.read(|tx| services::live_after(tx, after.as_ref(), PAGE))?;
        let Some(last) = page.last() else { return Ok(()) };
        after = Some(last.id.clone());
        for service in page {
            let (id, outcome) = (service.id.clone(), each(service));
            if let Err(error) = outcome {
                tracing::info!(service = %id, %error, "{what} is tried again later");
            }
        }
    }
}
