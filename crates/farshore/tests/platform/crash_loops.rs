//! A server that does not start any more, with the end of its log in its files alone: told, and not given up.

use std::fs;
use std::path::{Path, PathBuf};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};

use super::client::sql;
use super::site::Site;
use super::support::{installed, wait_until};

/// Takes the log away from a server, which goes on writing it, then kills the server; where the log is.
fn take_log(node: &Path) -> PathBuf {
    let (log, aside) = (node.join("data/pg_wal"), node.join("aside"));
    fs::create_dir(&aside).unwrap();
    move_segments(&log, &aside);
    let pid = fs::read_to_string(node.join("data/postmaster.pid")).unwrap();
    let pid = Pid::from_raw(pid.lines().next().unwrap().parse().unwrap()).unwrap();
    kill_process(pid, Signal::KILL).unwrap();
    aside
}

fn move_segments(from: &Path, to: &Path) {
    for entry in fs::read_dir(from).unwrap().map(Result::unwrap).filter(|entry| entry.path().is_file()) {
        fs::rename(entry.path(), to.join(entry.file_name())).unwrap();
    }
}

/// The newest run of the service.
fn newest_run(site: &Site) -> Value {
    let answer = site.ask("GET", "/v1/project/main/service/shop/run", &Value::Null);
    answer["runs"][0].clone()
}

#[test]
fn a_server_that_does_not_start_is_told_and_keeps_what_only_its_files_hold_also_when_it_was_to_be_powered_off() {
    if !installed() {
        return;
    }
    let site = Site::new("", &["crash", "does not run"]);
    site.create("shop", "startup-4", &json!({}));
    let uri = site.settle_running("shop");
    sql(&uri, "CREATE TABLE sold (n bigint)");
    sql(&uri, "INSERT INTO sold VALUES (1)");
    let node = site.node(&site.id("shop"));
    let aside = take_log(&node);
    wait_until("it is told", || site.events("shop", "service_node_crashing") == 1);
    let service = site.service("shop");
    assert_eq!(
        (&service["metadata"]["crash_loop"], &service["node_states"][0]["state"]),
        (&json!(true), &json!("timing_out"))
    );

    site.change("shop", &json!({ "powered": false }));
    wait_until("the power-off has failed once", || newest_run(&site)["error"].is_string());
    let said = newest_run(&site).to_string();
    assert!(!said.contains(site.world.data().to_str().unwrap()), "a path of this machine: {said}");
    site.change("shop", &json!({ "powered": true }));
    wait_until("nothing is done with it", || site.is_idle(&site.id("shop")));

    move_segments(&aside, &node.join("data/pg_wal"));
    fs::remove_dir(&aside).unwrap();
    wait_until("it answers", || site.service("shop")["node_states"][0]["state"] == "running");
    assert_eq!(sql(&uri, "SELECT count(*) FROM sold"), "1");
    assert_eq!(site.events("shop", "service_node_crashing"), 1);
    assert_eq!(
        (site.service("shop")["state"].as_str(), site.events("shop", "service_node_lost")),
        (Some("RUNNING"), 0)
    );
    // It has a run that did not go to its end, as it was to be.
    let id = site.id("shop");
    site.terminate("shop");
    wait_until("it is gone", || site.is_idle(&id) && !site.node(&id).exists());
    site.finish();
}
