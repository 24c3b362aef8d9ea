//! What runs and reconcilers have in common: a service's options, what its region holds, when its next backup is due.

use farshore_store::services::{self, Service};
use farshore_store::{Tx, backups, copies, windows};
use farshore_types::{Error, Plan, Result, ServiceId, ServiceType, Timestamp};
use serde_json::{Value, json};

use crate::config::{Config, Limits, Schema};
use crate::hosts::{Stock, StoredBackup};
use crate::policy::{retention, schedule};
use crate::{Control, catalog};

/// The options of a service.
pub fn config(service: &Service) -> Result<Config> {
    match &service.user_config {
        Value::Object(map) => Ok(Config::from_map(map.clone())),
        _ => Err(Error::corrupt(format!("the options of service {} are no object", service.id))),
    }
}

/// Keeps what was read in a region, unless the service has nothing there any more: then it was read too late.
pub fn keep_stock(tx: &mut Tx<'_>, service: &ServiceId, region: &str, stock: &Stock, now: Timestamp) -> Result<()> {
    let own = services::get(tx, service)?.is_some_and(|row| row.stored_in() == region);
    if !own && !copies::of_service(tx, service)?.iter().any(|copy| copy.region == region) {
        return Ok(());
    }
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

fn backup(stored: &StoredBackup) -> backups::Backup {
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

/// When the next backup of a service is due after one that was just taken; `None` where it takes none, or is off.
pub fn next_backup(control: &Control, service: &Service, now: Timestamp) -> Result<Option<Timestamp>> {
    let service_type: ServiceType = service.service_type.parse()?;
    if !service.powered || !farshore_types::backup_policy::has_backups(service_type) {
        return Ok(None);
    }
    let newest = control.store.read(|tx| backups::of_region(tx, &service.id, service.stored_in(), 1))?;
    let last = newest.first().map_or(now, |backup| backup.taken_at.max(now));
    let times = (service.backup_hour, service.backup_minute);
    Ok(Some(schedule::next(last, times, interval_hours(control, service)?)))
}

/// The fact of a service whose disk is full.
pub const DISK_FULL: &str = "disk_full";

/// The fact of a service whose server crashes again and again.
pub const CRASH_LOOP: &str = "crash_loop";

/// The fact of a service that holds which of its runs was last told to wait for long.
pub const RUN_WAITS: &str = "run_waits";

/// The fact of a service whose newest backup is too old, since it was told.
pub const BACKUP_LATE: &str = "backup_late";

/// Whether the newest backup of a service is known to be too old.
pub fn backup_is_late(service: &Service) -> bool {
    service.facts.get(BACKUP_LATE).is_some()
}

/// The fact of a service that holds when its schedule was changed, in microseconds.
const SCHEDULE_SINCE: &str = "schedule_since_us";

/// Notes that the schedule of a service is another one from now on.
pub fn begin_schedule(service: &mut Service, now: Timestamp) {
    if let Value::Object(facts) = &mut service.facts {
        facts.insert(SCHEDULE_SINCE.to_string(), json!(now.micros()));
    }
}

/// Since when the schedule of a service is what it is.
pub fn schedule_since(service: &Service) -> Timestamp {
    let changed = service.facts.get(SCHEDULE_SINCE).and_then(Value::as_i64).map(Timestamp::from_micros);
    changed.unwrap_or(service.created_at)
}

/// Hours from one backup of a service to the next.
pub fn interval_hours(control: &Control, service: &Service) -> Result<u32> {
    let service_type: ServiceType = service.service_type.parse()?;
    let plans = catalog::plans(control, service_type);
    Ok(retention::interval_hours(Plan::find(&plans, service_type, &service.plan)?, &config(service)?))
}

/// The options of a type under this platform's limits.
pub fn schema(control: &Control, service_type: ServiceType) -> Schema {
    let limits = Limits { additional_backup_regions_max: control.settings.backup_regions_max };
    Schema::of(service_type, &limits)
}
