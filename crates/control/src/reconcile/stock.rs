//! What regions hold, read again and again, so that it can be shown without asking them.

use farshore_types::{RegionName, Result};

use super::{each_service, regions_of};
use crate::Control;
use crate::upkeep::keep_stock;

/// Reads what a region holds of every service. One region at a time, so that one which hangs keeps nothing from the others.
pub fn refresh(control: &Control, region: &RegionName) -> Result<()> {
    each_service(control, "reading a region", |service| {
        if !regions_of(control, &service)?.contains(region) {
            return Ok(());
        }
        let (stock, now) = (control.hosts.stock(region, &service.id)?, control.clock.now());
        control.store.write(|tx| keep_stock(tx, &service.id, region.as_str(), &stock, now))
    })
}
