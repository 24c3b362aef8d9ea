//! What regions hold, read again and again, so that it can be shown without asking them.

use farshore_store::{Tx, backups, windows};
use farshore_types::{Result, ServiceId, Timestamp};
use serde_json::json;

use super::each_service;
use crate::Control;
use crate::hosts::Stock;

/// Reads what every service's region holds.
pub fn refresh(control: &Control) -> Result<()> {
    each_service(control, "reading a region", |service| {
        let region = control.settings.region(&service.region)?.name.clone();
        let (stock, now) = (control.hosts.stock(&region, &service.id)?, control.clock.now());
        control.store.write(|tx| keep_stock(tx, &service.id, region.as_str(), &stock, now))
    })
}

/// Keeps what was read in a region.
pub fn keep_stock(tx: &mut Tx<'_>, service: &ServiceId, region: &str, stock: &Stock, now: Timestamp) -> Result<()> {
    let backups: Vec<backups::Backup> = stock.backups.iter().map(backup).collect();
    backups::replace_all(tx, service, region, &backups)?;
    let window = |&(from_at, to_at): &(Timestamp, Timestamp)| windows::Window {
        from_at,
        to_at,
        at_risk_bytes: 0,
        at_risk_us: 0,
        checked_at: now,
    };
    let windows: Vec<windows::Window> = stock.windows.iter().map(window).collect();
    windows::replace_all(tx, service, region, &windows)
}

fn backup(stored: &crate::hosts::StoredBackup) -> backups::Backup {
    backups::Backup {
        name: stored.name.clone(),
        taken_at: stored.taken_at,
        sequence: u64::from(stored.sequence),
        raw_bytes: stored.raw_bytes,
        stored_bytes: stored.stored_bytes,
        full: stored.full,
        verified_at: None,
        details: json!({ "flags": stored.flags }),
    }
}
