//! The bodies that known clients send, as they were recorded: each is understood.

use farshore_api::wire::account::{project, token, user};
use farshore_api::wire::service::{database, log, maintenance, metric, pool, request, task, user as service_user};
use farshore_api::wire::{integration, tag};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

fn read<T: DeserializeOwned>(body: &Value) -> T {
    serde_json::from_value(body.clone()).unwrap_or_else(|error| panic!("{body}: {error}"))
}

#[test]
fn the_creation_of_a_service_is_understood_from_every_client() {
    let from_avn = json!({
        "cloud": null, "plan": "startup-4", "service_integrations": [], "service_name": "pg-1", "service_type": "pg",
        "user_config": {}, "termination_protection": false, "static_ips": [],
    });
    let create: request::ServiceCreate = read(&from_avn);
    assert_eq!((create.cloud, create.plan.as_str()), (None, "startup-4"));
    let from_terraform = json!({
        "cloud": "local-north", "plan": "startup-4", "project_vpc_id": null, "service_integrations": [],
        "maintenance": {"dow": "sunday", "time": "10:00:00"}, "service_name": "pg-1", "service_type": "pg",
        "termination_protection": false, "disk_space_mb": 81920, "static_ips": [], "tech_emails": [{"email": "a@b.c"}],
        "user_config": {"service_to_fork_from": "pg-0", "recovery_target_time": "2026-11-20T10:00:00Z"},
    });
    let create: request::ServiceCreate = read(&from_terraform);
    assert_eq!(create.disk_space_mb, Some(81920));
    assert_eq!(create.user_config.unwrap()["service_to_fork_from"], "pg-0");
    let replica = json!({
        "plan": "p", "service_name": "s", "service_type": "pg",
        "service_integrations": [{"integration_type": "read_replica", "source_service": "pg-1"}],
    });
    let create: request::ServiceCreate = read(&replica);
    assert_eq!(create.service_integrations.unwrap()[0].source_service.as_deref(), Some("pg-1"));
}

#[test]
fn a_change_of_a_service_keeps_the_nulls_of_its_options() {
    let body = json!({"plan": "startup-4", "powered": true, "user_config": {"backup_hour": null}, "cloud": null});
    let update: request::ServiceUpdate = read(&body);
    let options = update.user_config.unwrap();
    assert!(options["backup_hour"].is_null() && options.len() == 1);
    assert_eq!((update.powered, update.cloud), (Some(true), None));
    let update: request::ServiceUpdate = read(&json!({"maintenance": {"dow": "never", "time": null}}));
    assert_eq!(update.maintenance.unwrap().dow, Some(maintenance::MaintenanceDay::Never));
}

#[test]
fn all_other_recorded_bodies_are_understood() {
    let login: user::UserAuth = read(&json!({"email": "a@b.c", "password": "hush", "otp": null}));
    assert_eq!(login.password.expose(), "hush");
    read::<user::UserPasswordChange>(&json!({"password": "a", "new_password": "b"}));
    read::<token::TokenCreate>(&json!({"description": "d", "extend_when_used": false, "max_age_seconds": null}));
    read::<token::TokenUpdate>(&json!({"description": "d"}));
    read::<project::ProjectCreate>(&json!({
        "cloud": null, "project": "p", "account_id": "a1", "use_source_project_billing_group": false,
    }));
    read::<project::ProjectUpdate>(&json!({"project_name": "q"}));
    read::<database::DatabaseCreate>(&json!({"database": "d"}));
    read::<service_user::ServiceUserCreate>(&json!({"username": "u", "access_control": {}}));
    let reset: service_user::ServiceUserUpdate =
        read(&json!({"operation": "reset-credentials", "new_password": "hush"}));
    assert_eq!(reset.operation, service_user::ServiceUserOperation::ResetCredentials);
    read::<pool::ConnectionPoolCreate>(&json!({
        "database": "d", "pool_name": "p", "username": "u", "pool_size": 10, "pool_mode": "transaction",
    }));
    let logs: log::LogRequest = read(&json!({"limit": 100, "sort_order": "desc", "offset": null}));
    assert_eq!(logs.sort_order, Some(log::SortOrder::Desc));
    for period in ["hour", "day", "week", "month", "year"] {
        read::<metric::MetricRequest>(&json!({"period": period}));
    }
    read::<task::TaskCreate>(&json!({"task_type": "upgrade_check", "target_version": "18"}));
    let newer: task::TaskCreate =
        read(&json!({"task_type": "upgrade_check", "upgrade_check": {"target_version": "18", "async": true}}));
    assert_eq!(newer.upgrade_check.unwrap().target_version, "18");
    read::<integration::IntegrationCreate>(&json!({
        "source_endpoint_id": null, "source_service": "a", "dest_endpoint_id": null, "dest_service": "b",
        "integration_type": "metrics", "user_config": {},
    }));
    read::<integration::EndpointCreate>(&json!({"endpoint_name": "e", "endpoint_type": "datadog", "user_config": {}}));
    let tags: tag::TagsChange = read(&json!({"tags": {"a": "b", "c": null}}));
    assert_eq!(tags.tags["c"], None);
}
