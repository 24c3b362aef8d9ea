//! Options that decide what a server is started with: they are in effect on a service that runs, and on what is made from it.

use serde_json::json;

use super::client::sql;
use super::site::Site;
use super::support::installed;

#[test]
fn the_share_of_memory_for_pages_is_in_effect_after_a_change_and_in_a_fork() {
    if !installed() {
        return;
    }
    let site = Site::new("", &["the log of service"]);
    let share = |percent: u32| json!({ "user_config": { "shared_buffers_percentage": percent } });
    site.create("shop", "startup-4", &share(20));
    let uri = site.settle_running("shop");
    assert_eq!(sql(&uri, "SHOW shared_buffers"), "819MB");
    site.change("shop", &share(30));
    assert_eq!(sql(&site.settle_running("shop"), "SHOW shared_buffers"), "1228MB");
    site.create(
        "fork",
        "startup-4",
        &json!({ "user_config": { "service_to_fork_from": "shop", "pg": { "max_worker_processes": 9 } } }),
    );
    let fork = site.settle_running("fork");
    assert_eq!(sql(&fork, "SHOW shared_buffers"), "1228MB");
    assert_eq!(sql(&fork, "SHOW max_worker_processes"), "9");
    site.change("fork", &json!({ "user_config": { "pg": { "max_worker_processes": 10 } } }));
    assert_eq!(sql(&site.settle_running("fork"), "SHOW max_worker_processes"), "10");
    assert_eq!(sql(&site.uri("fork"), "SELECT count(*) FROM pg_settings WHERE pending_restart"), "0");
    site.finish();
}
