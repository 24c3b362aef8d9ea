//! A disk that is full, and one that has grown.

use std::fs::File;
use std::path::Path;

use rustix::fs::{FallocateFlags, fallocate};
use serde_json::{Value, json};

use super::client::{sql, try_sql};
use super::site::{Site, times};
use super::support::{installed, succeeds, wait_until};

/// A plan with the least disk that there is.
const PLAN: &str = "[[plans]]\nservice_type = \"pg\"\nname = \"startup-tiny\"\ntier = \"startup\"\nmemory_mib = 1024\ncpu_count = 1\n\
                    disk_mib = 1024\ndisk_cap_mib = 4096\ndisk_step_mib = 1024\n";
const MIB: u64 = 1 << 20;
/// Rows of a MiB in all: each fills a page and cannot be compressed away.
const ROWS_PER_MIB: u64 = 128;

/// Takes room beside the data, as logs of the server would: filling a disk with rows alone is slow.
fn take_room(volume: &Path, bytes: u64) {
    let file = File::create(volume.join("log/taken")).unwrap();
    fallocate(&file, FallocateFlags::empty(), 0, bytes).unwrap();
}

fn is_read_only(uri: &str) -> bool {
    try_sql(uri, "INSERT INTO sold VALUES (0, '')").is_err_and(|error| error.contains("read-only transaction"))
}

fn warns(service: &Value) -> bool {
    let notices = service["service_notifications"].as_array().unwrap();
    notices.iter().any(|notice| notice["level"] == "warning" && notice["message"].as_str().unwrap().contains("full"))
}

#[test]
fn a_full_disk_closes_a_service_for_writing_until_it_is_given_more() {
    if !installed() {
        return;
    }
    let site = Site::new(PLAN, &["disk"]);
    site.create("shop", "startup-tiny", &json!({}));
    let uri = site.settle_running("shop");
    sql(&uri, "CREATE TABLE sold (n bigint, what text)");
    sql(&uri, "ALTER TABLE sold ALTER what SET STORAGE plain");
    let rows = ROWS_PER_MIB * u64::from(times(32, 400));
    let fill = "SELECT n, repeat(md5(n::text), 240) FROM generate_series(1, ";
    sql(&uri, &format!("INSERT INTO sold {fill}{rows}) n"));
    let volume = site.node(&site.id("shop"));
    let used = succeeds(std::process::Command::new("du").arg("-sB1").arg(&volume));
    let used: u64 = used.split_whitespace().next().unwrap().parse().unwrap();
    assert!(!warns(&site.service("shop")) && !is_read_only(&uri));
    take_room(&volume, (1024 * MIB).saturating_sub(used));
    wait_until("it is closed for writing", || is_read_only(&uri));
    wait_until("its owner is warned", || warns(&site.service("shop")));
    assert_eq!(sql(&uri, "SELECT count(*) FROM sold WHERE n > 0"), rows.to_string(), "it is still read");
    site.back_up("shop");
    site.settle_running("shop");
    site.change("shop", &json!({ "disk_space_mb": 2048 }));
    wait_until("it is open for writing", || !is_read_only(&uri));
    wait_until("nobody is warned any more", || !warns(&site.service("shop")));
    site.settle_running("shop");
    assert_eq!(site.service("shop")["disk_space_mb"], 2048);
    let data = site.world.data();
    let mut verify = super::support::program();
    verify.args(["vault", "verify", "--store"]).arg(data.join("regions/local-north"));
    verify.arg("--identity").arg(data.join("keys/local-north.key"));
    verify.arg("--backup").arg(site.backups("shop").last().unwrap());
    assert!(succeeds(&mut verify).contains("is whole"));
    site.finish();
}
