//! The client against the platform itself: a service through its life, as a person types it.

use std::process::Command;

use serde_json::Value;

use crate::canned::{Ended, bare};
use crate::support::cluster::run;
use crate::up::Up;

#[test]
fn a_person_takes_a_service_through_its_life() {
    let up = Up::start();
    assert!(up.good("project list").contains("main"));
    assert!(up.good("cloud list").contains("local-south"));
    // The folder says where and who, on the platform's own machine.
    let mut here = bare("project list --data");
    assert!(Ended::of(here.arg(up.folder.path().join("d"))).good().contains("main"));
    up.good("service create pg-1 --type pg --plan startup-4 --cloud local-north --wait --timeout-s 300");
    up.sql("pg-1", "CREATE TABLE notes AS SELECT generate_series(1, 1000) AS n");
    let told = up.good("service get pg-1");
    assert!(told.starts_with("Service pg-1 is running in local-north.\nYou would lose "), "{told}");
    up.good("backup create pg-1 --wait --timeout-s 300");
    assert!(!up.json("backup list pg-1")["backups"].as_array().unwrap().is_empty());
    assert!(up.good("run list pg-1").contains("backup"));

    up.good("user create pg-1 dora");
    assert!(up.good("user list pg-1").contains("dora"));
    up.good("user delete pg-1 dora");

    let keys = up.folder.path().join("keys");
    let mut access = up.farshore("--json backup access pg-1 --to");
    let access: Value = serde_json::from_str(&run(access.arg(keys))).unwrap();
    let mut shell = Command::new("sh");
    run(shell.args(["-ec", access["command"].as_str().unwrap()]).current_dir(up.folder.path()));
    assert!(up.folder.path().join("pg-1.dump").metadata().unwrap().len() > 0);

    up.good("service create f --fork-from pg-1 --cloud local-north --wait --timeout-s 300");
    assert_eq!(up.sql("f", "SELECT count(*) FROM notes"), "1000");
    let id = up.json("service get pg-1")["service"]["service_id"].as_str().unwrap().to_string();
    assert!(up.good("service terminate pg-1 --force").contains(&id));
    assert!(up.good("service list --deleted").contains(&id));
    up.good(&format!("service undelete {id} --wait --timeout-s 300"));
    assert_eq!(up.sql("pg-1", "SELECT count(*) FROM notes"), "1000");
}
