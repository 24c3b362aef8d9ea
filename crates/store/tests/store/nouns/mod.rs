//! Each noun: what is written is read back, limits are kept, and what must not be changed is refused.

mod kept;
mod people;
mod told;

use farshore_store::{Tx, projects, services, users};
use farshore_types::Timestamp;
use serde_json::json;

/// One change of a service.
type Change<'a> = &'a dyn Fn(&mut Tx<'_>) -> farshore_types::Result<()>;

fn at(micros: i64) -> Timestamp {
    Timestamp::from_micros(micros)
}

fn project(id: &str) -> projects::Project {
    projects::Project {
        id: id.to_string(),
        name: format!("name-{id}"),
        default_region: "local-north".to_string(),
        created_at: at(1),
        secrets: None,
    }
}

fn user(id: &str) -> users::User {
    users::User {
        id: id.to_string(),
        email: format!("{id}@example.org"),
        real_name: String::new(),
        password_hash: Some("$argon2id$".to_string()),
        created_at: at(1),
        tokens_valid_from: at(2),
    }
}

fn service(id: &str, name: &str) -> services::Service {
    services::Service {
        id: id.parse().unwrap(),
        project_id: "p".to_string(),
        name: name.to_string(),
        service_type: "pg".to_string(),
        plan: "startup-4".to_string(),
        region: "local-north".to_string(),
        backup_region: None,
        state: "REBUILDING".to_string(),
        powered: true,
        user_config: json!({"pg": {"work_mem": 4}}),
        disk_mb: 80_000,
        termination_protection: false,
        maintenance: None,
        generation: 1,
        sealed: Some(vec![0, 255]),
        facts: json!({}),
        forked_from: None,
        backup_hour: 23,
        backup_minute: 59,
        next_backup_at: None,
        off_since: None,
        created_at: at(1),
        updated_at: at(1),
        deleted_at: None,
        shredded_at: None,
    }
}

fn begin(tx: &mut Tx<'_>) {
    projects::insert(tx, &project("p")).unwrap();
    users::insert(tx, &user("ada")).unwrap();
}
