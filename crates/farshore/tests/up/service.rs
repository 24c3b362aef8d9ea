//! A real service under a platform that is stopped, killed, and stopped with all its databases.

use std::net::TcpStream;

use rustix::process::Signal;
use serde_json::Value;

use super::support::{Up, World, installed, succeeds, wait_until};

const SERVICE: &str = "/v1/project/main/service/shop";

/// Whether the service is running and its server takes connections.
fn answers(up: &Up) -> Option<u16> {
    let (_, body) = up.get(SERVICE);
    let service: Value = serde_json::from_str(&body).ok()?;
    let service = &service["service"];
    let port: u16 = service["service_uri_params"]["port"].as_str()?.parse().ok()?;
    (service["state"] == "RUNNING" && takes_connections(port)).then_some(port)
}

fn takes_connections(port: u16) -> bool {
    TcpStream::connect(("127.0.0.1", port)).is_ok()
}

/// The moments at which the load of its processor was measured.
fn measured(up: &Up) -> Vec<String> {
    let (status, body) = up.ask("POST", &format!("{SERVICE}/metrics"), r#"{"period":"hour"}"#);
    assert_eq!(status, 200, "{body}");
    let answer: Value = serde_json::from_str(&body).unwrap();
    let rows = answer["metrics"]["disk_usage"]["data"]["rows"].as_array().cloned().unwrap_or_default();
    rows.iter().filter(|row| !row[1].is_null()).map(|row| row[0].to_string()).collect()
}

#[test]
fn a_service_outlives_its_platform_and_comes_back_after_all_databases_were_stopped() {
    if !installed() {
        return;
    }
    let world = World::new();
    let _databases = world.stopping_databases();
    let up = world.up();
    let asked = r#"{"service_name":"shop","service_type":"pg","plan":"hobbyist"}"#;
    let (status, body) = up.ask("POST", "/v1/project/main/service", asked);
    assert_eq!(status, 200, "{body}");
    wait_until("the service runs", || answers(&up).is_some());
    let port = answers(&up).unwrap();
    wait_until("something was measured", || !measured(&up).is_empty());
    let before = measured(&up);
    assert!(up.end(Signal::TERM));
    assert!(takes_connections(port), "a stop of the platform stops no database");
    let up = world.up();
    let after = measured(&up);
    assert!(before.iter().all(|moment| after.contains(moment)), "the chart goes on: {before:?} {after:?}");
    wait_until("the service is found again", || answers(&up) == Some(port));
    assert!(!up.end(Signal::KILL));
    assert!(takes_connections(port), "the death of the platform stops no database");
    assert!(succeeds(&mut world.command(&["down"])).contains("Stopped"));
    assert!(!takes_connections(port));
    let up = world.up();
    wait_until("the service is started again", || answers(&up) == Some(port));
    let (status, body) = up.ask("DELETE", SERVICE, "");
    assert_eq!(status, 200, "{body}");
    wait_until("the node is gone", || !takes_connections(port));
    wait_until("its folder is gone", || {
        std::fs::read_dir(world.data().join("host/local-north/nodes")).unwrap().next().is_none()
    });
}
