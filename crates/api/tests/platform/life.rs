//! The life of a service: made, backed up, forked, changed, powered off and on, terminated, brought back.

use farshore_types::{ErrorKind, ServiceId};
use serde_json::{Value, json};

use crate::site::Site;

const SERVICE: &str = "/v1/project/{project}/service/{service}";
const PROTECTED: &str = "Service is protected against termination and shutdown. Remove termination protection first.";

fn backups(site: &Site, name: &str) -> Value {
    site.get(&format!("{SERVICE}/backups"), &["main", name])
}

pub fn a_service_is_made_backed_up_forked_powered_off_and_on(site: &Site) {
    let made = site.service(
        "life",
        &json!({"cloud": "local-south", "user_config": {"backup_hour": 4}, "tech_emails": [{"email": "a@example.org"}]}),
    );
    for (field, expect) in [
        ("state", json!("RUNNING")),
        ("cloud_name", json!("local-south")),
        ("user_config", json!({"backup_hour": 4})),
        ("databases", json!(["defaultdb"])),
        ("node_count", json!(1)),
        ("connection_pools", json!([])),
        ("tech_emails", json!([{"email": "a@example.org"}])),
    ] {
        assert_eq!(made[field], expect, "{field}");
    }
    assert_eq!(made["users"][0]["username"], "avnadmin");
    assert_eq!(
        (&made["node_states"][0]["state"], &made["node_states"][0]["name"]),
        (&json!("running"), &json!("life-1"))
    );
    let password = made["users"][0]["password"].as_str().unwrap();
    let uri = made["service_uri"].as_str().unwrap().to_string();
    let port = made["components"][0]["port"].as_u64().unwrap();
    assert_eq!(uri, format!("postgres://avnadmin:{password}@127.0.0.1:{port}/defaultdb?sslmode=require"));
    let params = &made["service_uri_params"];
    assert_eq!((&params["port"], &params["password"]), (&json!(port.to_string()), &json!(password)));
    assert_eq!(made["connection_info"]["pg"], json!([uri]));

    let first = backups(site, "life");
    assert_eq!(first["backups"], made["backups"]);
    assert_eq!(first["backups"][0]["storage_location"], "local-south");
    assert!(first["pitr"]["primary_region"]["pitr_range_start"].is_string());
    assert_eq!(first["pitr"]["primary_region"]["pitr_range_end"], Value::Null);
    assert_eq!(first["scheduled_backup_time"]["backup_hour"], 4);
    assert_eq!(first["scheduled_backup_time"]["backup_interval_hours"], 24);
    let run = site.ok(&format!("POST {SERVICE}/backups"), &["main", "life"], &Value::Null)["run"].clone();
    assert_eq!((&run["kind"], &run["service_name"]), (&json!("backup"), &json!("life")));
    site.settle("life");
    let run = site.get("/v1/project/{project}/run/{id}", &["main", run["id"].as_str().unwrap()])["run"].clone();
    assert_eq!((&run["state"], &run["steps_done"], &run["steps"]), (&json!("done"), &json!(2), &json!(2)));
    let listed = backups(site, "life")["backups"].clone();
    let incremental: Vec<&Value> = listed.as_array().unwrap().iter().map(|backup| &backup["incremental"]).collect();
    assert_eq!(incremental, [&json!(false), &json!(true)], "the oldest first");
    forked(site, &made);
    changed(site);
    powered_off_and_on(site, &uri);
}

fn forked(site: &Site, made: &Value) {
    let fork = site.service("fork", &json!({"user_config": {"service_to_fork_from": "life"}}));
    assert_eq!(fork["state"], "RUNNING");
    assert_ne!(fork["users"][0]["password"], made["users"][0]["password"]);
    let fork_id: ServiceId = fork["service_id"].as_str().unwrap().parse().unwrap();
    assert_eq!(site.hosts.password(&fork_id, "avnadmin").as_deref(), fork["users"][0]["password"].as_str());
}

fn update(site: &Site, body: &Value) -> Value {
    site.ok(&format!("PUT {SERVICE}"), &["main", "life"], body)["service"].clone()
}

fn changed(site: &Site) {
    let update = |body: Value| update(site, &body);
    update(json!({"plan": "startup-4", "user_config": {"backup_minute": 30}}));
    let kept = update(json!({"user_config": {}}))["user_config"].clone();
    assert_eq!(kept, json!({"backup_hour": 4, "backup_minute": 30}));
    let kept = update(json!({"user_config": {"backup_hour": null}, "maintenance": {"dow": "never"}}));
    assert_eq!((&kept["user_config"]["backup_hour"], &kept["maintenance"]["dow"]), (&Value::Null, &json!("never")));
    let kept = update(json!({"maintenance": {"dow": "sunday", "time": "03:04:05"}}))["maintenance"].clone();
    assert_eq!(kept, json!({"dow": "sunday", "time": "03:04:05", "enabled": true, "updates": []}));
}

fn powered_off_and_on(site: &Site, uri: &str) {
    let update = |body: Value| update(site, &body);
    update(json!({"termination_protection": true}));
    let said = site.refused(403, &format!("PUT {SERVICE}"), &["main", "life"], &json!({"powered": false}), &[]);
    assert_eq!(said, PROTECTED);
    assert_eq!(site.refused(403, &format!("DELETE {SERVICE}"), &["main", "life"], &Value::Null, &[]), PROTECTED);
    update(json!({"termination_protection": false}));
    assert_eq!(update(json!({"tech_emails": []}))["tech_emails"], json!([]));
    site.settle("life");
    update(json!({"powered": false}));
    update(json!({"powered": false}));
    let off = site.settle("life");
    assert_eq!((&off["state"], &off["node_states"]), (&json!("POWEROFF"), &json!([])));
    assert_eq!(off["backups"].as_array().unwrap().len(), 3, "a last one");
    let ended = &backups(site, "life")["pitr"]["primary_region"]["pitr_range_end"];
    assert!(ended.is_string(), "{ended}");
    let database = json!({"database": "late"});
    site.refused(409, &format!("POST {SERVICE}/db"), &["main", "life"], &database, &["off"]);
    let logs = site.ok(&format!("POST {SERVICE}/logs"), &["main", "life"], &json!({}));
    assert_eq!(logs["logs"], json!([]), "they went with the node");
    update(json!({"powered": true}));
    let on = site.settle("life");
    assert_eq!((&on["state"], &on["service_uri"]), (&json!("RUNNING"), &json!(uri)));
    let before = site.get(&format!("{SERVICE}/run"), &["main", "life"]);
    update(json!({"powered": true}));
    assert_eq!(site.get(&format!("{SERVICE}/run"), &["main", "life"]), before, "nothing is done");
}

pub fn a_terminated_service_comes_back(site: &Site) {
    let nothing = &Value::Null;
    let deleted = "/v1/project/{project}/deleted-services";
    let first = site.service("gone", &json!({}));
    let id = first["service_id"].as_str().unwrap();
    site.ok(&format!("DELETE {SERVICE}"), &["main", "gone"], nothing);
    site.refused(404, &format!("GET {SERVICE}"), &["main", "gone"], nothing, &["Service gone does not exist"]);
    site.refused(404, &format!("DELETE {SERVICE}"), &["main", "gone"], nothing, &["gone"]);
    let listed = site.get(deleted, &["main"])["services"].clone();
    assert_eq!((&listed[0]["service_id"], &listed[0]["service_name"]), (&json!(id), &json!("gone")));
    let second = site.service("gone", &json!({"plan": "hobbyist"}));
    assert_ne!(second["service_id"], first["service_id"]);
    let undelete = format!("POST {deleted}/{{id}}/undelete");
    site.refused(409, &undelete, &["main", id], nothing, &["gone"]);
    site.ok(&format!("DELETE {SERVICE}"), &["main", "gone"], nothing);
    let back = site.ok(&undelete, &["main", id], nothing)["service"].clone();
    assert_eq!((&back["service_id"], &back["state"]), (&json!(id), &json!("REBUILDING")));
    assert_eq!(site.settle("gone")["service_uri"], first["service_uri"]);
    site.refused(404, &undelete, &["main", "gone-0123456789abcdef"], nothing, &["gone-0123456789abcdef"]);
}

pub fn what_is_counted_and_offered_in_a_service(site: &Site) {
    let (names, nothing) = (["main", "life"], &Value::Null);
    let stats = format!("POST {SERVICE}/pg/query/stats");
    for asked in
        [json!({}), json!({"limit": 100, "order_by": "calls:desc"}), json!({"offset": 7, "order_by": "rows:asc"})]
    {
        assert_eq!(site.ok(&stats, &names, &asked)["queries"], json!([]));
    }
    let sly = json!({"order_by": "query_duration:desc"});
    site.refused(400, &stats, &names, &sly, &["query_duration:desc", "COLUMN:asc", "total_time"]);
    site.refused(404, &stats, &["main", "nowhere"], &json!({}), &["nowhere"]);
    assert_eq!(site.ok(&format!("PUT {SERVICE}/query/stats/reset"), &names, nothing)["queries"], json!([]));
    let offered = site.get("/v1/project/{project}/pg/available-extensions", &["main"])["pg"].clone();
    let hstore = json!([{"name": "hstore", "versions": ["1.4", "1.8"]}]);
    assert_eq!(offered[0], json!({"version": "16", "extensions": hstore}));
    assert_eq!(site.get(&format!("{SERVICE}/pg/available-extensions"), &names)["extensions"], hstore);
}

pub fn what_is_seen_of_a_service(site: &Site) {
    let (names, nothing) = (["main", "life"], &Value::Null);
    let services = site.get("/v1/project/{project}/service", &["main"])["services"].clone();
    assert!(services.as_array().unwrap().iter().any(|service| service["service_name"] == "life"));
    let logs = |body: Value| site.ok(&format!("POST {SERVICE}/logs"), &names, &body);
    let newest = logs(json!({"limit": 1, "sort_order": "desc"}));
    assert_eq!((&newest["logs"][0]["unit"], &newest["logs"][0]["hostname"]), (&json!("postgresql"), &json!("life-1")));
    let before = logs(json!({"limit": 1, "sort_order": "desc", "offset": newest["offset"]}));
    assert_eq!(before["logs"][0]["unit"], "farshore-agent");
    assert_eq!(logs(json!({"limit": 100, "sort_order": "asc", "offset": newest["offset"]}))["logs"], json!([]));
    site.refused(400, &format!("POST {SERVICE}/logs"), &names, &json!({"offset": "x"}), &["offset"]);

    let metrics = format!("POST {SERVICE}/metrics");
    let unmeasured = site.ok(&metrics, &names, &json!({}))["metrics"].clone();
    assert_eq!((unmeasured.as_object().unwrap().len(), &unmeasured["cpu_usage"]["data"]["rows"]), (5, &json!([])));
    site.sample();
    for period in ["hour", "day", "week", "month", "year"] {
        let found = site.ok(&metrics, &names, &json!({"period": period}))["metrics"].clone();
        let series = found.as_object().unwrap();
        assert!(series.len() >= 5, "{found}");
        for (name, one) in series {
            assert_eq!(one["data"]["cols"].as_array().unwrap().len(), 2, "{name}");
            assert!(!one["data"]["rows"].as_array().unwrap().is_empty(), "{period} {name}");
            assert!(one["hints"]["title"].is_string(), "{name}");
        }
    }
    let queries = json!({"limit": 100, "order_by": "query_duration:desc"});
    let active = site.ok(&format!("POST {SERVICE}/query/activity"), &names, &queries)["queries"].clone();
    assert_eq!(active[0]["query"], "select 1");
    assert_ne!(site.ok(&format!("PUT {SERVICE}/maintenance/start"), &names, nothing)["message"], "");
    let migration = site.get(&format!("{SERVICE}/migration"), &names)["migration"].clone();
    assert_eq!(migration, json!({"status": "none", "method": "", "error": null}));

    let asked = json!({"task_type": "upgrade_check", "target_version": "18"});
    let task = site.ok(&format!("POST {SERVICE}/task"), &names, &asked)["task"].clone();
    assert_eq!(task["success"], true);
    let id = task["task_id"].as_str().unwrap();
    assert_eq!(site.get(&format!("{SERVICE}/task/{{task_id}}"), &["main", "life", id])["task"], task);
    let older = json!({"task_type": "upgrade_check", "upgrade_check": {"target_version": "13"}});
    assert_eq!(site.ok(&format!("POST {SERVICE}/task"), &names, &older)["task"]["success"], false);
    for (body, part) in [(json!({"task_type": "other"}), "other"), (json!({"task_type": "upgrade_check"}), "18")] {
        site.refused(400, &format!("POST {SERVICE}/task"), &names, &body, &[part]);
    }
    let unknown = ["main", "life", "upgrade-check-99-1"];
    site.refused(404, &format!("GET {SERVICE}/task/{{task_id}}"), &unknown, nothing, &["upgrade-check-99-1"]);

    let events = |query: &str| site.get(&format!("/v1/project/{{project}}/events{query}"), &["main"])["events"].clone();
    let all = events("");
    let times: Vec<&str> = all.as_array().unwrap().iter().map(|event| event["time"].as_str().unwrap()).collect();
    assert!(times.is_sorted_by(|one, other| one >= other), "the newest first: {times:?}");
    assert!(all.as_array().unwrap().iter().any(|event| event["event_type"] == "service_create"));
    assert!(all.as_array().unwrap().iter().all(|event| event["service_name"].is_string()), "a client stops at a null");
    assert_eq!(events("?limit=2").as_array().unwrap().len(), 2);

    let scraped = site.ask_as(None, "GET /metrics", &[], nothing);
    let text = String::from_utf8(scraped.body.clone()).unwrap();
    assert_eq!(scraped.status, 200);
    for part in [
        "farshore_services{state=\"RUNNING\"} ",
        "farshore_data_at_risk_seconds{",
        "service=\"life\"} 0.5",
        "farshore_backup_age_seconds{",
        "farshore_runs{state=\"done\"} ",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
    assert_eq!(site.ask_as(Some("nonsense"), "GET /metrics", &[], nothing).status, 401);
}

/// A creation whose undo fails is stuck until somebody sends it on.
pub fn a_stuck_run_is_sent_on(site: &Site) {
    let fail = |kind: Option<ErrorKind>| ["provision", "remove"].map(|verb| site.hosts.fail(verb, kind));
    fail(Some(ErrorKind::Invalid));
    let body = json!({"service_name": "jam", "service_type": "pg", "plan": "startup-4", "cloud": "local-north"});
    site.ok("POST /v1/project/{project}/service", &["main"], &body);
    let runs = || site.get(&format!("{SERVICE}/run"), &["main", "jam"])["runs"][0].clone();
    let one = "/v1/project/{project}/run/{id}";
    site.settle("jam");
    assert_eq!(runs()["state"], "stuck", "{}", runs());
    let id = runs()["id"].as_str().unwrap().to_string();
    fail(None);
    let sent = site.ok(&format!("POST {one}/retry"), &["main", &id], &Value::Null)["run"].clone();
    assert_eq!((&sent["id"], &sent["service_name"]), (&json!(id), &json!("jam")));
    site.settle("jam");
    assert_eq!(site.get(one, &["main", &id])["run"]["state"], "failed");
    let retry = format!("POST {one}/retry");
    site.refused(409, &retry, &["main", &id], &Value::Null, &[&id, "is failed", "only a stuck one"]);
    site.refused(404, &retry, &["main", "no-run"], &Value::Null, &["no-run"]);
    let events = site.get("/v1/project/{project}/events", &["main"])["events"].to_string();
    assert!(events.contains("service_run_retry"), "{events}");
    site.ok(&format!("DELETE {SERVICE}"), &["main", "jam"], &Value::Null);
}
