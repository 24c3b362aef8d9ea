//! What is refused, with which words. Clients and people act on them.

use serde_json::{Value, json};

use crate::site::Site;

const CREATE: &str = "POST /v1/project/{project}/service";
const SERVICE: &str = "/v1/project/{project}/service/{service}";

pub fn what_is_refused_says_why(site: &Site) {
    let names = |site: &Site| {
        let all = site.get("/v1/project/{project}/service", &["main"])["services"].clone();
        all.as_array().unwrap().iter().map(|one| one["service_name"].to_string()).collect::<Vec<_>>()
    };
    let before = names(site);
    #[rustfmt::skip]
    let table: &[(Value, u16, &[&str])] = &[
        (json!({"user_config": {"no_such": 1}}), 400, &["no_such"]),
        (json!({"user_config": {"backup_hour": "3"}}), 400, &["backup_hour", "integer"]),
        (json!({"user_config": {"backup_hour": 3.5}}), 400, &["backup_hour", "integer"]),
        (json!({"user_config": []}), 400, &["user_config"]),
        (json!({"user_config": {"backup_hour": 24}}), 400, &["backup_hour", "23"]),
        (json!({"user_config": {"backup_minute": 60}}), 400, &["backup_minute", "59"]),
        (json!({"user_config": {"backup_retention_days": 0}}), 400, &["backup_retention_days", "1"]),
        (json!({"cloud": "mars-1"}), 400, &["mars-1", "local-north"]),
        (json!({"plan": "gigantic-9"}), 400, &["gigantic-9", "startup-4"]),
        (json!({"plan": "business-4"}), 400, &["business-4", "standby"]),
        (json!({"service_type": "mysql"}), 400, &["mysql", "cannot be created yet"]),
        (json!({"service_type": "kafka"}), 400, &["kafka", "cannot be created yet"]),
        (json!({"service_type": "oracle"}), 400, &["oracle", "pg"]),
        (json!({"service_name": "Upper"}), 400, &["service_name"]),
        (json!({"service_name": "x".repeat(65)}), 400, &["service_name"]),
        (json!({"disk_space_mb": 999_999_999}), 400, &["disk_space_mb"]),
        (json!({"service_name": "life"}), 409, &["Service name is already in use in this project", "already exists"]),
        (json!({"user_config": {"service_to_fork_from": "nowhere"}}), 400, &["service_to_fork_from", "nowhere"]),
        (json!({"user_config": {"service_to_fork_from": "life", "recovery_basebackup_name": "b"}}), 400, &["backup b"]),
        (json!({"user_config": {"service_to_fork_from": "life", "project_to_fork_from": "other"}}), 404, &["other"]),
        (json!({"service_integrations": [{"integration_type": "read_replica"}]}), 400, &["read_replica"]),
        (json!({"static_ips": ["1.2.3.4"]}), 400, &["static_ips"]),
        (json!({"project_vpc_id": "vpc"}), 400, &["project_vpc_id"]),
        (json!({"maintenance": {"dow": "noday"}}), 400, &["maintenance.dow", "monday"]),
    ];
    for (change, status, parts) in table {
        let mut body = json!({"service_name": "wrong", "service_type": "pg", "plan": "startup-4", "cloud": null,
                              "user_config": {}});
        for (key, value) in change.as_object().unwrap() {
            body[key] = value.clone();
        }
        let said = site.refused(*status, CREATE, &["main"], &body, parts);
        let words: Vec<&str> = said.split_whitespace().collect();
        // Some clients repeat a POST for ever on these words.
        let repeated = words.windows(5).any(|at| at[0] == "Service" && at[2..] == ["does", "not", "exist"]);
        assert!(!repeated, "{said}");
    }
    assert_eq!(names(site), before, "nothing was made");

    let put = format!("PUT {SERVICE}");
    for (body, parts) in [
        (json!({"user_config": {"service_to_fork_from": "other"}}), ["service_to_fork_from", "created"]),
        (json!({"user_config": {"backup_hour": 99}}), ["backup_hour", "23"]),
        (json!({"plan": "gigantic-9"}), ["gigantic-9", "startup-4"]),
        (json!({"cloud": "mars-1"}), ["mars-1", "local-north"]),
        (json!({"karapace": true}), ["karapace", "not offered"]),
        (json!({"static_ips": ["1.2.3.4"]}), ["static_ips", "not offered"]),
    ] {
        site.refused(400, &put, &["main", "life"], &body, &parts);
    }
    site.refused(404, &put, &["main", "nobody"], &json!({"powered": true}), &["nobody"]);
    site.refused(404, "GET /v1/project/{project}/service", &["no-such"], &Value::Null, &["no-such"]);
    site.refused(404, "GET /v1/project/{project}/run/{id}", &["main", "none"], &Value::Null, &["none"]);
}
