//! The schedule: a time that was missed is caught up once.

use farshore_store::services;
use farshore_types::{Clock, SystemClock, Timestamp};
use serde_json::json;

use super::site::{Site, pause};
use super::support::{installed, wait_until};

const HOUR_US: i64 = 3_600_000_000;
/// Longer than two looks at the schedule.
const LOOKS_MS: u64 = 11_000;

#[test]
fn a_backup_that_was_due_days_ago_is_taken_once() {
    if !installed() {
        return;
    }
    let site = Site::new("", &[]);
    site.create("shop", "startup-4", &json!({ "user_config": { "backup_interval_hours": 6 } }));
    site.settle_running("shop");
    let (id, now) = (site.id("shop").parse().unwrap(), SystemClock::new().now().micros());
    let taken = site.events("shop", "service_backup");
    let due = || site.store().read(|tx| services::get(tx, &id)).unwrap().unwrap().next_backup_at.unwrap().micros();
    assert!(due() > now, "the first one is not due again at once");
    let missed = Timestamp::from_micros(now - 72 * HOUR_US);
    site.store()
        .write(|tx| {
            let mut service = services::get(tx, &id)?.unwrap();
            service.next_backup_at = Some(missed);
            services::update(tx, &service)
        })
        .unwrap();
    wait_until("the missed backup is taken", || site.events("shop", "service_backup") > taken);
    pause(LOOKS_MS);
    site.settle_running("shop");
    assert_eq!(site.events("shop", "service_backup"), taken + 1);
    assert!(due() > now && due() <= now + 10 * HOUR_US, "the next one is due in its turn");
    site.finish();
}
