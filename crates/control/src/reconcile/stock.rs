//! What regions hold, read again and again, so that it can be shown without asking them.

use farshore_types::Result;

use super::each_service;
use crate::Control;
use crate::upkeep::keep_stock;

/// Reads what every service's region holds.
pub fn refresh(control: &Control) -> Result<()> {
    each_service(control, "reading a region", |service| {
        let region = control.settings.region(&service.region)?.name.clone();
        let (stock, now) = (control.hosts.stock(&region, &service.id)?, control.clock.now());
        control.store.write(|tx| keep_stock(tx, &service.id, region.as_str(), &stock, now))
    })
}
