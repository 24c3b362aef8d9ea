//! The definitions themselves: which type has which options, and that every one of them is whole.

use std::collections::BTreeSet;

use farshore_control::config::{Applies, Config, Definition, Kind, Purpose};
use farshore_types::ServiceType;
use farshore_types::ServiceType::*;

use crate::schema;

/// Every definition of a type with its path, those inside objects and lists too.
pub fn all(service_type: ServiceType) -> Vec<(String, Definition)> {
    let mut found = Vec::new();
    for definition in schema(service_type).definitions() {
        collect("", definition, &mut found);
    }
    found
}

fn collect(prefix: &str, definition: &Definition, found: &mut Vec<(String, Definition)>) {
    let path = format!("{prefix}{}", definition.name);
    found.push((path.clone(), *definition));
    let inner = match definition.kind {
        Kind::Object(inner) => inner,
        Kind::List { items: Kind::Object(inner), .. } => *inner,
        _ => return,
    };
    for definition in inner {
        collect(&format!("{path}."), definition, found);
    }
}

#[test]
fn every_type_has_the_keys_that_decide_about_its_backups_and_forks() {
    let common = ["ip_filter", "static_ips"];
    let backups = [
        "additional_backup_regions",
        "backup_interval_hours",
        "backup_retention_days",
        "service_to_fork_from",
        "project_to_fork_from",
        "recovery_basebackup_name",
    ];
    let hour = ["backup_hour", "backup_minute"];
    let moment = ["recovery_target_time"];
    let pg = [
        "pg_version",
        "admin_username",
        "admin_password",
        "pg_service_to_fork_from",
        "pg_read_replica",
        "pg",
        "shared_buffers_percentage",
        "work_mem",
        "synchronous_replication",
        "pglookout",
    ];
    let mysql = ["mysql_version", "admin_username", "admin_password", "binlog_retention_period"];
    let table: [(ServiceType, Vec<&[&str]>); 15] = [
        (Pg, vec![&backups, &hour, &moment, &pg]),
        (Mysql, vec![&backups, &hour, &moment, &mysql]),
        (Opensearch, vec![&backups, &["opensearch_version"]]),
        (Cassandra, vec![&backups, &hour, &["cassandra_version", "cassandra", "service_to_join_with"]]),
        (Redis, vec![&backups, &hour, &["redis_version", "redis_persistence"]]),
        (Influxdb, vec![&backups]),
        (Flink, vec![&backups, &["flink_version"]]),
        (M3db, vec![&backups, &["m3db_version", "m3_version", "namespaces"]]),
        (M3aggregator, vec![&["m3aggregator_version", "m3_version"]]),
        (M3coordinator, vec![&["m3coordinator_version", "m3_version"]]),
        (Grafana, vec![&backups]),
        (Clickhouse, vec![&backups, &hour]),
        (Kafka, vec![&["kafka_version"]]),
        (KafkaConnect, vec![]),
        (KafkaMirrormaker, vec![]),
    ];
    for (service_type, groups) in table {
        let expect: BTreeSet<&str> = common.into_iter().chain(groups.concat()).collect();
        let found: BTreeSet<&str> = schema(service_type).definitions().iter().map(|one| one.name).collect();
        assert_eq!(found, expect, "{service_type}");
        assert_eq!(found.len(), schema(service_type).definitions().len(), "{service_type} names an option twice");
    }
}

#[test]
fn only_what_makes_a_service_is_fixed_at_its_creation() {
    for service_type in ServiceType::ALL {
        for (path, definition) in all(service_type) {
            let expect = path.contains("fork_from")
                || path.starts_with("recovery_")
                || path.starts_with("admin_")
                || ["cassandra.datacenter", "service_to_join_with"].contains(&path.as_str());
            assert_eq!(definition.create_only, expect, "{service_type} {path}");
        }
    }
}

#[test]
fn every_option_can_be_read_by_people_and_every_secret_stands_at_the_top() {
    for service_type in ServiceType::ALL {
        for (path, definition) in all(service_type) {
            assert!(!definition.title.is_empty() && !definition.title.ends_with('.'), "{service_type} {path}");
            let is_setting = matches!(definition.applies, Applies::Setting { .. });
            assert!(is_setting || definition.description.ends_with('.'), "{service_type} {path}");
            assert!(!definition.secret || !path.contains('.'), "{service_type} {path}");
            let recorded = definition.explanation().contains("no effect yet");
            assert_eq!(recorded, definition.applies == Applies::Recorded, "{service_type} {path}");
            assert!(!definition.kind.allowed().is_empty());
        }
    }
}

#[test]
fn what_is_taken_for_options_that_are_left_out_is_itself_accepted() {
    for service_type in ServiceType::ALL {
        let schema = schema(service_type);
        let filled = schema.with_fallbacks(&Config::default());
        let given = serde_json::Value::Object(filled.map().clone());
        assert_eq!(schema.validate(&given, Purpose::Create).unwrap(), filled, "{service_type}");
        assert_eq!(filled.texts("ip_filter"), ["0.0.0.0/0", "::/0"]);
        let set = schema.validate(&serde_json::json!({"ip_filter": ["10.0.0.0/8"]}), Purpose::Create).unwrap();
        assert_eq!(schema.with_fallbacks(&set).texts("ip_filter"), ["10.0.0.0/8"], "what is set wins");
    }
}

#[test]
fn bounds_are_in_order_and_choices_are_not_repeated() {
    for service_type in ServiceType::ALL {
        for (path, definition) in all(service_type) {
            let good = match definition.kind {
                Kind::Text(text) => text.length_min <= text.length_max && text.length_max > 0,
                Kind::Integer { min, max, also } => min < max && also.is_none_or(|also| !(min..=max).contains(&also)),
                Kind::Number { min, max } => min < max,
                Kind::Choice(_) | Kind::Version(_) => {
                    let choices = definition.kind.choices().unwrap();
                    choices.len() == choices.iter().collect::<BTreeSet<_>>().len() && !choices.is_empty()
                }
                Kind::IntegerChoice(numbers) => numbers.is_sorted() && !numbers.is_empty(),
                Kind::List { items_min, items_max, .. } => items_max > 0 && items_min <= items_max,
                Kind::Object(inner) => !inner.is_empty(),
                Kind::Boolean => true,
            };
            assert!(good, "{service_type} {path}: {:?}", definition.kind);
        }
    }
}
