//! A whole service as it goes over the wire.

use std::collections::BTreeMap;

use farshore_api::wire::common::{Object, Time};
use farshore_api::wire::service::answer::{Component, NodePhase, NodeState, Service, ServiceState};
use farshore_api::wire::service::backup::{Backup, BackupsAnswer};
use farshore_api::wire::service::maintenance::{Maintenance, MaintenanceDay};
use farshore_api::wire::service::progress::ProgressUpdate;
use farshore_types::Timestamp;
use serde_json::{Value, json};

fn moment() -> Time {
    Time(Timestamp::parse_or_utc("2026-11-20 10:00:00").unwrap())
}

fn service() -> Service {
    let update = ProgressUpdate {
        phase: "basebackup".to_string(),
        min: 0,
        max: 100,
        current: 7,
        unit: "bytes_uncompressed".to_string(),
        completed: false,
    };
    let node = NodeState {
        name: "pg-1-1".to_string(),
        state: NodePhase::SettingUpVm,
        role: None,
        progress_updates: vec![update],
    };
    let component = Component {
        component: "pg".to_string(),
        host: "127.0.0.1".to_string(),
        port: 15432,
        route: "dynamic".to_string(),
        usage: "primary".to_string(),
        ssl: None,
        path: None,
    };
    Service {
        service_id: "pg-1-0123456789abcdef".to_string(),
        service_name: "pg-1".to_string(),
        service_type: "pg".to_string(),
        service_type_description: "PostgreSQL".to_string(),
        state: ServiceState::Poweroff,
        plan: "startup-4".to_string(),
        cloud_name: "local-north".to_string(),
        cloud_description: String::new(),
        create_time: moment(),
        update_time: moment(),
        termination_protection: false,
        service_uri: String::new(),
        service_uri_params: BTreeMap::from([("port".to_string(), "15432".to_string())]),
        connection_info: Object::new(),
        components: vec![component],
        user_config: Object::new(),
        users: Vec::new(),
        databases: vec!["defaultdb".to_string()],
        connection_pools: Vec::new(),
        backups: Vec::new(),
        node_count: 1,
        node_cpu_count: 2,
        node_memory_mb: 4096,
        disk_space_mb: 81920,
        node_states: vec![node],
        maintenance: Maintenance {
            dow: MaintenanceDay::Monday,
            time: "10:00:00".to_string(),
            enabled: true,
            updates: Vec::new(),
        },
        service_integrations: Vec::new(),
        service_notifications: Vec::new(),
        metadata: Object::new(),
        features: Object::new(),
        group_list: vec!["default".to_string()],
        tags: BTreeMap::new(),
        tech_emails: Vec::new(),
        project_vpc_id: None,
    }
}

#[test]
fn a_service_goes_over_the_wire_without_anything_missing() {
    let value = serde_json::to_value(service()).unwrap();
    let nulls: Vec<&String> = value.as_object().unwrap().iter().filter(|(_, v)| v.is_null()).map(|(k, _)| k).collect();
    assert_eq!(nulls, ["project_vpc_id"]);
    assert_eq!(value.as_object().unwrap().len(), 34);
    assert_eq!(value["state"], "POWEROFF");
    assert_eq!(value["create_time"], "2026-11-20T10:00:00.000000Z");
    assert_eq!(value["node_memory_mb"], 4096);
    assert_eq!(value["maintenance"]["dow"], "monday");
    assert_eq!(
        value["node_states"][0],
        json!({"name": "pg-1-1", "state": "setting_up_vm", "progress_updates": [
            {"phase": "basebackup", "min": 0, "max": 100, "current": 7, "unit": "bytes_uncompressed", "completed": false},
        ]})
    );
    let component = json!({
        "component": "pg", "host": "127.0.0.1", "port": 15432, "route": "dynamic", "usage": "primary",
    });
    assert_eq!(value["components"], Value::Array(vec![component]));
}

#[test]
fn what_does_not_apply_to_backups_is_left_out_rather_than_null() {
    let backup = Backup {
        backup_name: "b".to_string(),
        backup_time: moment(),
        data_size: u64::MAX,
        storage_location: "local-north".to_string(),
        additional_regions: Vec::new(),
        incremental: None,
    };
    let answer =
        BackupsAnswer { backups: vec![backup], pitr: None, scheduled_backup_time: None, backup_progress: None };
    let expect = json!({"backups": [{
        "backup_name": "b", "backup_time": "2026-11-20T10:00:00.000000Z", "data_size": u64::MAX,
        "storage_location": "local-north", "additional_regions": [],
    }]});
    assert_eq!(serde_json::to_value(answer).unwrap(), expect);
}
