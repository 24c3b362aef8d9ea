//! What is refused, and that the answer names the option, the value and what is allowed.

use farshore_control::config::Purpose;
use farshore_types::ServiceType;
use serde_json::{Value, json};

use crate::{created, schema};

/// Each of these is refused with exactly that message.
fn refused(table: &[(Value, &str)]) {
    for (given, expect) in table {
        let error = created(given).err().map(|error| error.to_string());
        assert_eq!(error.as_deref(), Some(*expect), "{given}");
    }
}

#[test]
fn a_refusal_names_the_option_the_value_and_what_is_allowed() {
    refused(&[
        (
            json!({"backup_hour": 99}),
            "user_config.backup_hour cannot be 99, allowed is an integer from 0 to 23 or null",
        ),
        (
            json!({"backup_hour": "3"}),
            "user_config.backup_hour cannot be \"3\", allowed is an integer from 0 to 23 or null",
        ),
        (
            json!({"backup_hour": 3.5}),
            "user_config.backup_hour cannot be 3.5, allowed is an integer from 0 to 23 or null",
        ),
        (
            json!({"backup_interval_hours": 5}),
            "user_config.backup_interval_hours cannot be 5, allowed is one of 3, 4, 6, 8, 12, 24 or null",
        ),
        (
            json!({"backup_retention_days": 0}),
            "user_config.backup_retention_days cannot be 0, allowed is an integer from 1 to 30 or null",
        ),
        (
            json!({"pg_version": "12"}),
            "user_config.pg_version cannot be \"12\", allowed is one of 13, 14, 15, 16, 17, 18 or null",
        ),
        (
            json!({"pg_version": 15}),
            "user_config.pg_version cannot be 15, allowed is one of 13, 14, 15, 16, 17, 18 or null",
        ),
        (json!({"backup_hours": 3}), "user_config.backup_hours is not an option, the nearest one is backup_hour"),
        (json!({"colour": 3}), "user_config.colour is not an option"),
        (json!({"pg": {"jitt": true}}), "user_config.pg.jitt is not an option, the nearest one is jit"),
        (json!({"timezone": "UTC"}), "user_config.timezone is not an option, it stands in pg"),
        (json!({"pg": {"jit": 1}}), "user_config.pg.jit cannot be 1, allowed is true or false or null"),
        (json!({"pg": []}), "user_config.pg cannot be [], allowed is an object or null"),
        (
            json!({"pg": {"wal_sender_timeout": 4999}}),
            "user_config.pg.wal_sender_timeout cannot be 4999, allowed is an integer from 5000 to 10800000, or 0 or null",
        ),
        (
            json!({"additional_backup_regions": ["a", "b"]}),
            "user_config.additional_backup_regions cannot be [\"a\",\"b\"], allowed is a list of at most 1, \
             without repetitions, each a string of at most 256 characters like ^[-a-z0-9]+$ or null",
        ),
        (
            json!({"ip_filter": []}),
            "user_config.ip_filter cannot be [], allowed is a list of 1 to 200, without repetitions, each an address or a \
             network such as 10.0.0.0/8 (everybody is 0.0.0.0/0 and ::/0) or null",
        ),
        (
            json!({"admin_username": "postgres"}),
            "user_config.admin_username cannot be \"postgres\", allowed is the name of an account that the server does not \
             keep for itself, at most 63 characters like ^[_A-Za-z0-9][-._A-Za-z0-9]*$ or null",
        ),
    ]);
}

#[test]
fn a_refusal_says_why_an_option_cannot_be_had_now_or_with_others() {
    refused(&[
        (
            json!({"service_to_fork_from": "a", "recovery_target_time": "2025-07-01"}),
            "user_config.recovery_target_time cannot be \"2025-07-01\", allowed is a moment such as 2026-11-21 10:15:00, \
             2026-11-21T10:15:00Z or 2026-11-21T10:15:00+00:00 or null",
        ),
        (
            json!({"recovery_target_time": "2025-07-01 15:16:22"}),
            "user_config.recovery_target_time needs service_to_fork_from: it says how a fork is made",
        ),
        (
            json!({"service_to_fork_from": "a", "pg_service_to_fork_from": "b"}),
            "user_config.pg_service_to_fork_from names another service than service_to_fork_from",
        ),
        (
            json!({"pg_read_replica": true}),
            "user_config.pg_read_replica cannot be true: read replicas are not offered yet, make a fork instead",
        ),
        (
            json!({"synchronous_replication": "quorum"}),
            "user_config.synchronous_replication cannot be \"quorum\": there are no standbys yet that could confirm a commit",
        ),
        (
            json!({"backup_hour": 24, "backup_minute": 60}),
            "user_config.backup_hour cannot be 24, allowed is an integer from 0 to 23 or null; \
             user_config.backup_minute cannot be 60, allowed is an integer from 0 to 59 or null",
        ),
        (json!([]), "user_config must be an object"),
    ]);
}

#[test]
fn a_secret_stands_in_no_error() {
    for value in [json!("short"), json!("with space and 'quote'"), json!(["hunter2-hunter2"]), json!({"a": "hunter2"})]
    {
        let error = created(&json!({"admin_password": value})).unwrap_err().to_string();
        assert!(error.starts_with("user_config.admin_password cannot be the value, allowed is a string of 8 to 256"));
        assert!(!error.contains("short") && !error.contains("hunter2") && !error.contains("with space"), "{error}");
    }
}

#[test]
fn an_answer_stays_short_whatever_is_given() {
    let many: serde_json::Map<String, Value> = (0..1000).map(|at| (format!("unknown{at}"), json!(at))).collect();
    let error = created(&Value::Object(many)).unwrap_err().to_string();
    assert!(error.ends_with("; and 990 more") && error.len() < 2000, "{error}");
    let long = "x".repeat(1_000_000);
    for given in [json!({"backup_hour": long}), json!({long.clone(): 1}), json!({"pg": {"timezone": long}})] {
        let error = created(&given).unwrap_err().to_string();
        assert!(error.len() < 1000 && error.contains("..."), "{error}");
    }
    let error = created(&json!({"bad\nname\u{1b}": 1})).unwrap_err().to_string();
    assert!(!error.contains(char::is_control), "{error:?}");
}

#[test]
fn what_is_documented_is_accepted_as_it_is_written_there() {
    let table = [
        (ServiceType::Pg, json!({})),
        (ServiceType::Pg, json!({"backup_hour": 0, "backup_minute": 59})),
        (ServiceType::Pg, json!({"ip_filter": ["0.0.0.0/0", "2001:db8::/32", "10.1.2.3"]})),
        (ServiceType::Pg, json!({"pg_version": "15", "work_mem": 1024, "shared_buffers_percentage": 20})),
        (ServiceType::Pg, json!({"shared_buffers_percentage": 33.5})),
        (ServiceType::Pg, json!({"pg": {"timezone": "Europe/Helsinki", "autovacuum_vacuum_scale_factor": 1}})),
        (ServiceType::Pg, json!({"pg": {"wal_sender_timeout": 0}})),
        (ServiceType::Pg, json!({"synchronous_replication": "off", "pg_read_replica": false})),
        (ServiceType::Pg, json!({"service_to_fork_from": "", "project_to_fork_from": ""})),
        (ServiceType::Pg, json!({"service_to_fork_from": "a", "recovery_target_time": "2023-02-01 11:38:49"})),
        (ServiceType::Pg, json!({"service_to_fork_from": "a", "recovery_target_time": "2025-07-01T15:16:22+00:00"})),
        (ServiceType::Pg, json!({"pg_service_to_fork_from": "a", "recovery_target_time": "2025-07-01T15:16:22Z"})),
        (ServiceType::Pg, json!({"service_to_fork_from": "a", "recovery_basebackup_name": "2026-11-21_10:15.1+a"})),
        (ServiceType::Pg, json!({"backup_retention_days": 30, "backup_interval_hours": 3})),
        (ServiceType::Cassandra, json!({"cassandra": {"datacenter": "dc-1"}, "service_to_join_with": "other"})),
        (ServiceType::Redis, json!({"redis_persistence": "off"})),
        (ServiceType::M3db, json!({"namespaces": [{"name": "default", "type": "unaggregated", "retention": "48h"}]})),
        (ServiceType::Mysql, json!({"binlog_retention_period": 600, "mysql_version": "8"})),
    ];
    for (service_type, given) in table {
        let config = schema(service_type).validate(&given, Purpose::Create).unwrap();
        assert_eq!(Value::Object(config.map().clone()), given, "{service_type}");
    }
}

#[test]
fn what_is_wrong_inside_a_list_is_named_by_its_place() {
    let given = json!({"namespaces": [{"name": "a"}, {"name": "a b", "kind": 1}]});
    let error = schema(ServiceType::M3db).validate(&given, Purpose::Create).unwrap_err().to_string();
    assert!(error.contains("user_config.namespaces.1.kind is not an option"), "{error}");
    assert!(error.contains("user_config.namespaces.1.name cannot be \"a b\""), "{error}");
    for given in [json!({"ip_filter": ["10.0.0.0/8", "10.0.0.0/8"]}), json!({"ip_filter": [null]})] {
        assert!(created(&given).is_err(), "{given}");
    }
}
