//! What an update or a fork makes of the options that there are.

use farshore_control::config::{Config, Limits, Purpose, Schema};
use farshore_types::{ServiceType, Timestamp};
use serde_json::{Value, json};

use crate::{created, schema, updated};

fn json_of(config: &Config) -> Value {
    Value::Object(config.map().clone())
}

#[test]
fn an_update_merges_by_key_null_resets_and_what_is_left_out_stays() {
    let current =
        created(&json!({"backup_hour": 3, "pg": {"jit": true, "work_mem": null}, "work_mem": 4})).unwrap_err();
    assert!(current.to_string().contains("user_config.pg.work_mem is not an option"));
    let current = created(&json!({"backup_hour": 3, "pg": {"jit": true, "temp_file_limit": 5}})).unwrap();
    let all = json!({"backup_hour": 3, "pg": {"jit": true, "temp_file_limit": 5}});
    let table = [
        (json!({}), all.clone()),
        (json!({"pg": {}}), all.clone()),
        (json!({"backup_hour": 4}), json!({"backup_hour": 4, "pg": {"jit": true, "temp_file_limit": 5}})),
        (json!({"backup_hour": null}), json!({"pg": {"jit": true, "temp_file_limit": 5}})),
        (json!({"pg": {"jit": null}}), json!({"backup_hour": 3, "pg": {"temp_file_limit": 5}})),
        (json!({"pg": null}), json!({"backup_hour": 3})),
        (json!({"backup_minute": null}), all),
    ];
    for (given, expect) in table {
        let after = updated(&current, &given).unwrap();
        assert_eq!(json_of(&after), expect, "{given}");
        assert_eq!(updated(&after, &given).unwrap(), after, "the same update again: {given}");
    }
}

#[test]
fn what_only_a_creation_sets_can_be_repeated_and_not_changed() {
    let fork = json!({"service_to_fork_from": "a", "recovery_target_time": "2025-07-01 15:16:22"});
    let current = created(&fork).unwrap();
    assert_eq!(updated(&current, &fork).unwrap(), current);
    assert!(updated(&current, &json!({"project_to_fork_from": null})).is_ok());
    for (given, expect) in [
        (
            json!({"service_to_fork_from": "b"}),
            "user_config.service_to_fork_from cannot become \"b\", it can be set only when the service is created",
        ),
        (
            json!({"service_to_fork_from": null}),
            "user_config.service_to_fork_from cannot become null, it can be set only when the service is created",
        ),
        (
            json!({"admin_password": "hunter2-hunter2"}),
            "user_config.admin_password cannot become the value, it can be set only when the service is created",
        ),
    ] {
        assert_eq!(updated(&current, &given).unwrap_err().to_string(), expect);
    }
    let cassandra = schema(ServiceType::Cassandra);
    let current = cassandra.validate(&json!({"cassandra": {"datacenter": "one"}}), Purpose::Create).unwrap();
    let given = json!({"cassandra": {"datacenter": "two"}});
    assert!(cassandra.validate(&given, Purpose::Update { current: &current }).is_err());
}

#[test]
fn a_fork_takes_over_all_but_what_made_its_source() {
    let source = created(&json!({
        "service_to_fork_from": "older", "recovery_target_time": "2025-07-01 15:16:22", "admin_username": "boss",
        "admin_password": "hunter2-hunter2", "backup_hour": 3, "pg_version": "15", "pg": {"jit": false},
    }))
    .unwrap();
    let given = json!({"service_to_fork_from": "src", "backup_hour": null, "pg": {"temp_file_limit": 7}});
    let fork = schema(ServiceType::Pg).validate(&given, Purpose::Fork { source: &source }).unwrap();
    let expect = json!({"service_to_fork_from": "src", "pg_version": "15", "pg": {"jit": false, "temp_file_limit": 7}});
    assert_eq!(json_of(&fork), expect);
    assert_eq!(fork.fork_source(), Some("src"));
    assert_eq!(fork.recovery_target_time().unwrap(), None);
}

#[test]
fn the_number_of_additional_regions_is_a_setting() {
    let limits = Limits { additional_backup_regions_max: 2 };
    let wide = Schema::of(ServiceType::Pg, &limits);
    let two = json!({"additional_backup_regions": ["local-south", "local-east"]});
    assert!(wide.validate(&two, Purpose::Create).is_ok());
    assert!(created(&two).is_err());
    let config = created(&json!({"additional_backup_regions": ["local-south"]})).unwrap();
    assert_eq!(config.texts("additional_backup_regions"), ["local-south"]);
    assert!(
        updated(&config, &json!({"additional_backup_regions": []}))
            .unwrap()
            .texts("additional_backup_regions")
            .is_empty()
    );
    assert_eq!(updated(&config, &json!({"additional_backup_regions": null})).unwrap(), Config::default());
}

#[test]
fn options_become_settings_as_the_server_reads_them() {
    let config = created(&json!({
        "work_mem": 16, "backup_hour": 3, "shared_buffers_percentage": 30,
        "pg": {
            "jit": false, "autovacuum_vacuum_scale_factor": 0.05, "deadlock_timeout": 1000, "temp_file_limit": -1,
            "log_min_duration_statement": 0, "timezone": "Asia/Tokyo", "track_io_timing": "on", "bgwriter_flush_after": 512,
        },
    }))
    .unwrap();
    let mut settings = schema(ServiceType::Pg).settings(&config);
    settings.sort();
    let expect = [
        ("autovacuum_vacuum_scale_factor", "0.05"),
        ("bgwriter_flush_after", "512kB"),
        ("deadlock_timeout", "1000ms"),
        ("jit", "off"),
        ("log_min_duration_statement", "0"),
        ("temp_file_limit", "-1"),
        ("timezone", "Asia/Tokyo"),
        ("track_io_timing", "on"),
        ("work_mem", "16MB"),
    ];
    assert_eq!(settings, expect.map(|(name, value)| (name.to_string(), value.to_string())));
    assert!(schema(ServiceType::Pg).settings(&Config::default()).is_empty());
}

#[test]
fn a_change_says_whether_the_server_must_restart() {
    let before = created(&json!({"pg": {"jit": true, "max_prepared_transactions": 5}})).unwrap();
    let pg = schema(ServiceType::Pg);
    for (given, expect) in [
        (json!({"pg": {"jit": false}}), vec![]),
        (json!({"pg": {"max_prepared_transactions": 5}}), vec![]),
        (json!({"pg": {"max_prepared_transactions": 6}}), vec!["pg.max_prepared_transactions"]),
        (json!({"pg": {"max_prepared_transactions": null}}), vec!["pg.max_prepared_transactions"]),
        (json!({"shared_buffers_percentage": 40}), vec!["shared_buffers_percentage"]),
    ] {
        let after = updated(&before, &given).unwrap();
        assert_eq!(pg.restarts(&before, &after), expect, "{given}");
    }
}

#[test]
fn secrets_are_kept_apart_and_come_back_unchanged() {
    let config = created(&json!({"admin_password": "hunter2-hunter2", "backup_hour": 3})).unwrap();
    let (open, secret) = schema(ServiceType::Pg).secrets_apart(&config);
    assert_eq!(json_of(&open), json!({"backup_hour": 3}));
    assert!(!open.to_text().contains("hunter2"));
    assert_eq!(open.joined(&secret), config);
    assert_eq!(Config::from_text(&config.to_text()).unwrap(), config);
    assert!(Config::from_text("[]").is_err());
    assert!(Config::from_text("{").is_err());
}

#[test]
fn what_is_read_from_the_options_is_typed() {
    let config = created(&json!({
        "pg_service_to_fork_from": "src", "service_to_fork_from": "", "project_to_fork_from": "other",
        "recovery_target_time": "2025-07-01 15:16:22", "shared_buffers_percentage": 25, "pg": {"jit": true},
    }))
    .unwrap();
    assert_eq!((config.fork_source(), config.fork_project()), (Some("src"), Some("other")));
    let expect: Timestamp = "2025-07-01T15:16:22Z".parse().unwrap();
    assert_eq!(config.recovery_target_time().unwrap(), Some(expect));
    assert_eq!(config.number("shared_buffers_percentage"), Some(25.0));
    assert_eq!((config.flag("pg.jit"), config.integer("backup_hour")), (Some(true), None));
}
