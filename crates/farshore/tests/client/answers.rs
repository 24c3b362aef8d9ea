//! What a platform with one service answers to every call that the client knows.

use serde_json::{Value, json};

use crate::canned::{Asked, Canned, refusal, run, service};

/// Such a platform.
pub fn platform() -> Canned {
    Canned::start(|asked| match answer(asked) {
        Value::Null => refusal(&format!("{} {} is not expected", asked.method, asked.path), 404),
        answer => (200, answer),
    })
}

fn answer(asked: &Asked) -> Value {
    let path = asked.path.strip_prefix("/project/main").unwrap_or(&asked.path);
    match (asked.method.as_str(), path) {
        ("GET", "/project") => json!({"projects": [project()], "project_membership": {"main": "owner"}}),
        ("POST", "/project") => json!({"project": {"project_name": "test", "default_cloud": "local-south"}}),
        ("GET", "") => json!({"project": project()}),
        ("GET", "/clouds") => json!({"clouds": [{"cloud_name": "local-north", "cloud_description": "North",
            "geo_region": "europe", "provider": "local"}]}),
        ("GET", "/service-types/pg") => json!({"user_config_schema": {"properties": {
            "backup_hour": {"type": ["integer", "null"]}, "work_mem": {"type": "integer"},
            "pg": {"properties": {"jit": {"type": "boolean"}}}}}}),
        ("GET", "/service") => json!({"services": [service("RUNNING")]}),
        ("POST", "/service") => json!({"service": service("REBUILDING")}),
        ("GET" | "PUT", "/service/pg-1") => json!({"service": service("RUNNING")}),
        ("DELETE", "/service/pg-1") => json!({"message": "Deleted"}),
        ("GET", "/service/pg-1/backups") => backups(),
        ("GET", "/service/pg-1/copies") => json!({"copies": [copy()]}),
        ("GET", "/regions") => json!({"regions": regions()}),
        ("GET", "/service/pg-1-local-south") => json!({"service": service("RUNNING")}),
        ("GET", "/service/pg-1-local-south/run") => json!({"runs": []}),
        ("POST", "/service/pg-1/backups") => json!({"run": run("r7", "waiting", None)}),
        ("POST", "/run/r7/retry") => json!({"run": run("r7", "undoing", None)}),
        ("POST", "/service/pg-1/logs") => json!({"logs": [{"time": "2026-11-21T10:15:00Z", "hostname": "pg-1-1",
            "unit": "postgresql", "msg": "ready"}], "offset": "1.1", "first_log_offset": "1.1"}),
        ("GET", "/service/pg-1/run") => json!({"runs": [run("r7", "done", None)]}),
        ("GET", "/run/r7") => json!({"run": run("r7", "done", None)}),
        ("GET", "/deleted-services") => json!({"services": [{"service_id": "pg-1-00ff", "service_name": "pg-1",
            "service_type": "pg", "plan": "startup-4", "cloud_name": "local-north",
            "create_time": "2026-11-20T00:00:00Z", "delete_time": "2026-11-21T10:15:00Z",
            "kept_until": "2026-12-21T10:15:00Z"}]}),
        ("POST", "/deleted-services/pg-1-00ff/undelete") => json!({"service": service("REBUILDING")}),
        ("POST", "/service/pg-1/user") => {
            json!({"user": {"username": "dora", "password": "new-hush", "type": "normal"}})
        }
        ("PUT", "/service/pg-1/user/dora") => json!({"service": service("RUNNING")}),
        ("DELETE", "/service/pg-1/user/dora") => json!({"message": "Deleted"}),
        _ => Value::Null,
    }
}

fn project() -> Value {
    json!({"project_name": "main", "default_cloud": "local-north", "organization_id": "org"})
}

fn backups() -> Value {
    json!({
        "backups": [{"backup_name": "b-1", "backup_time": "2026-11-21T10:00:05Z", "data_size": 23_000_000,
                     "storage_location": "local-north", "incremental": false, "additional_regions": [
                        {"cloud": "local-south", "region": "local-south", "paused": true, "pause_reason": "no room"}]}],
        "pitr": {"primary_region": {"pitr_range_start": "2026-11-21T10:00:05Z", "pitr_range_end": null},
                 "additional_regions": [{"cloud": "local-south", "region": "local-south",
                    "pitr_range_start": "2026-11-21T10:00:05Z", "pitr_range_end": "2026-11-21T10:15:03Z"}]},
        "scheduled_backup_time": {"backup_hour": 3, "backup_minute": 7, "backup_interval_hours": 24},
    })
}

fn copy() -> Value {
    json!({"region": "local-south", "state": "copying", "lag_seconds": 1.4, "newest_moment": "2026-11-21T10:15:03Z",
           "backups": 3, "pending_backups": 1, "pending_objects": 12, "pending_bytes": 3_400_000,
           "oldest_uncopied_backup_time": "2026-11-21T03:07:00Z", "pause_reason": null, "deleted_at": null})
}

fn regions() -> Value {
    let held = json!({"region": "local-south", "from": "2026-11-20T03:07:00Z", "to": "2026-11-21T10:15:03Z"});
    json!([
        {"region": "local-north", "provider": "local", "state": "down", "since": "2026-11-21T10:15:04Z",
         "reason": "a drill", "services": [{"service_name": "pg-1", "state": "RUNNING", "restorable": [held]}]},
        {"region": "local-south", "provider": "local", "state": "up", "since": null, "reason": null, "services": []},
    ])
}
