//! Links between services: what is accepted, what is refused and why.

use farshore_control::integrations::{self, NewIntegration};
use farshore_types::ErrorKind;
use serde_json::{Map, Value};

use crate::support::{ADMIN, add_service, newest_event, platform, refused};

fn asked(integration_type: &str, source: &str, dest: &str) -> NewIntegration {
    NewIntegration {
        integration_type: integration_type.to_string(),
        source_service: Some(source.to_string()),
        dest_service: Some(dest.to_string()),
        ..NewIntegration::default()
    }
}

fn options(text: &str) -> Map<String, Value> {
    serde_json::from_str(text).unwrap()
}

#[test]
fn a_link_is_made_listed_changed_and_ended() {
    let platform = platform();
    let control = &platform.control;
    for name in ["db", "figures", "other"] {
        add_service(control, "main", name, "pg");
    }
    let wanted =
        NewIntegration { user_config: options(r#"{"retention_days":30}"#), ..asked("metrics", "db", "figures") };
    let made = integrations::create(control, ADMIN, "main", &wanted).unwrap();
    assert_eq!(newest_event(control, "main").2, "Linked db to figures: metrics");
    assert_eq!(integrations::get(control, "main", &made.id).unwrap(), made);
    let of = |service: Option<&str>| integrations::list(control, "main", service).unwrap().len();
    assert_eq!([of(None), of(Some("db")), of(Some("figures")), of(Some("other"))], [1, 1, 1, 0]);
    refused(integrations::create(control, ADMIN, "main", &wanted), ErrorKind::Conflict, "already exists");
    let update = |patch: &str| integrations::update(control, ADMIN, "main", &made.id, &options(patch));
    assert_eq!(update("{}").unwrap().user_config, Value::Object(options(r#"{"retention_days":30}"#)));
    assert_eq!(update(r#"{"retention_days":null}"#).unwrap().user_config, Value::Object(Map::new()));
    refused(update(r#"{"colour":1}"#), ErrorKind::Invalid, "is not an option of metrics");
    integrations::delete(control, ADMIN, "main", &made.id).unwrap();
    refused(integrations::delete(control, ADMIN, "main", &made.id), ErrorKind::Missing, &made.id);
    refused(integrations::get(control, "main", &made.id), ErrorKind::Missing, &made.id);
    assert_eq!(of(None), 0);
}

#[test]
fn what_cannot_be_linked_is_refused_with_its_reason() {
    let platform = platform();
    let control = &platform.control;
    add_service(control, "main", "db", "pg");
    add_service(control, "main", "db2", "pg");
    let endpoint = NewIntegration { dest_endpoint: Some("e".to_string()), ..asked("logs", "db", "db2") };
    let half = NewIntegration { dest_service: None, ..asked("logs", "db", "db2") };
    let table = [
        (asked("telepathy", "db", "db2"), "is not a type of integration"),
        (asked("metrics", "db", "none"), "service \"none\" does not exist"),
        (asked("metrics", "none", "db"), "service \"none\" does not exist"),
        (asked("metrics", "db", "db"), "linked to itself"),
        (asked("logs", "db", "db2"), "cannot be the destination of logs"),
        (asked("kafka_mirrormaker", "db", "db2"), "cannot be the source"),
        (asked("read_replica", "db", "db2"), "read replicas cannot be created yet"),
        (endpoint, "endpoints outside are not offered"),
        (half, "needs a source and a destination"),
    ];
    for (wanted, words) in table {
        refused(integrations::create(control, ADMIN, "main", &wanted), ErrorKind::Invalid, words);
    }
    refused(integrations::create(control, ADMIN, "none", &asked("metrics", "db", "db2")), ErrorKind::Missing, "none");
    refused(integrations::list(control, "main", Some("none")), ErrorKind::Missing, "none");
}
