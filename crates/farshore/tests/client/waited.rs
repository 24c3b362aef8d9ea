//! Waiting: progress while it lasts, and an end that fits what happened.

use std::sync::atomic::{AtomicU32, Ordering};

use serde_json::json;

use crate::canned::{Canned, refusal, run, service};

#[test]
fn a_service_that_is_being_made_is_waited_for_with_bytes_rate_and_time_left() {
    let looks = AtomicU32::new(0);
    let platform = Canned::start(move |asked| {
        let last = looks.load(Ordering::Relaxed) >= 8;
        match (asked.method.as_str(), asked.path.as_str()) {
            ("POST", _) => (200, json!({"service": service("REBUILDING")})),
            (_, "/project/main/service/pg-1") => {
                let look = looks.fetch_add(1, Ordering::Relaxed);
                // In the middle the platform is started again.
                match look {
                    3 => refusal("Stopping", 503),
                    _ => (200, json!({"service": service(if last { "RUNNING" } else { "REBUILDING" })})),
                }
            }
            _ => (200, json!({"runs": [run("r1", if last { "done" } else { "running" }, None)]})),
        }
    });
    let ended = platform.run("service create pg-1 --type pg --plan startup-4 --wait");
    let errors = ended.errors.clone();
    let out = ended.good();
    assert!(
        errors.contains("create pg-1: step 2 of 4, restore: 500 MB of 2.00 GB (25 %), 100 MB/s, 15 s left\n"),
        "{errors}"
    );
    assert!(
        out.starts_with("Service pg-1 is being made in local-north.\nService pg-1 is running in local-north.\n"),
        "{out}"
    );
}

#[test]
fn a_run_that_fails_ends_the_wait_with_its_reason() {
    for (line, state, code) in [
        ("service wait pg-1", "failed", 1),
        ("service wait pg-1", "stuck", 1),
        ("run watch r1", "failed", 1),
        ("run watch r1", "cancelled", 1),
    ] {
        let platform = Canned::start(move |asked| match asked.path.as_str() {
            "/project/main/service/pg-1" => (200, json!({"service": service("REBUILDING")})),
            "/project/main/run/r1" => (200, json!({"run": run("r1", state, Some("no space left"))})),
            _ => (200, json!({"runs": [run("r1", state, Some("no space left"))]})),
        });
        let ended = platform.run(line);
        assert_eq!(ended.code, code, "{line}: {ended:?}");
        let reason = if state == "cancelled" { "was cancelled" } else { "no space left" };
        assert!(ended.errors.contains("create pg-1") && ended.errors.contains(reason), "{line}: {ended:?}");
    }
}

#[test]
fn a_wait_that_is_over_too_early_says_that_the_work_goes_on() {
    let platform = Canned::start(|asked| match asked.path.ends_with("/run") {
        true => (200, json!({"runs": [run("r1", "running", None)]})),
        false => (200, json!({"service": service("REBUILDING")})),
    });
    let ended = platform.run("service wait pg-1 --timeout-s 1");
    assert!(ended.code == 1 && ended.errors.contains("service pg-1 is not over after 1.0 s"), "{ended:?}");
    assert!(ended.errors.contains("it goes on"), "{ended:?}");
}

#[test]
fn a_service_that_is_gone_is_not_waited_for() {
    let platform = Canned::start(|_| refusal("Service pg-1 does not exist", 404));
    let ended = platform.run("service wait pg-1");
    assert!(ended.code == 1 && ended.errors.starts_with("error: Service pg-1 does not exist"), "{ended:?}");
    assert_eq!(platform.asked().len(), 1);
}
