//! What keeps the platform as it shall be: idempotent, without input, called again and again. After a crash there is nothing special to do.

mod retention;
mod schedule;
mod stock;
mod supervise;

pub use retention::{expire, shred};
pub use schedule::due_backups;
pub use stock::refresh;
pub use supervise::supervise;

use farshore_store::services::{self, Service};
use farshore_types::Result;

use crate::Control;

/// Services that are read at once.
const PAGE: u32 = 200;

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
