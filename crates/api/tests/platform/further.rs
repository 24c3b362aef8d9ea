//! Backups in further regions: turned on, shown, used when the first region is lost, turned off.

use farshore_control::reconcile;
use farshore_store::copies::{self as rows, Copy};
use farshore_types::{ErrorKind, RegionName, ServiceId, Timestamp};
use serde_json::{Value, json};

use crate::site::Site;

const SERVICE: &str = "/v1/project/{project}/service/{service}";
const CREATE: &str = "POST /v1/project/{project}/service";

fn region(name: &str) -> RegionName {
    name.parse().unwrap()
}

/// What the platform does by itself, once.
fn pass(site: &Site) {
    for name in ["local-north", "local-south", "local-east"] {
        reconcile::probe(&site.control, &region(name)).unwrap();
        reconcile::probe(&site.control, &region(name)).unwrap();
        reconcile::copy(&site.control).unwrap();
        reconcile::refresh(&site.control, &region(name)).unwrap();
    }
    site.sample();
}

fn copies(site: &Site, name: &str) -> Value {
    site.get(&format!("{SERVICE}/copies"), &["main", name])["copies"].clone()
}

fn put(site: &Site, name: &str, body: &Value) -> Value {
    site.ok(&format!("PUT {SERVICE}"), &["main", name], body)["service"].clone()
}

pub fn a_service_is_copied_shown_lost_and_restored_elsewhere(site: &Site) {
    for (regions, parts) in [
        (json!(["local-west"]), ["additional_backup_regions", "local-west"]),
        (json!(["local-north"]), ["keeps its backups already", "Use one of local-south, local-east"]),
        (json!(["local-south", "local-east"]), ["additional_backup_regions", "at most 1"]),
    ] {
        let body = json!({"service_name": "far", "service_type": "pg", "plan": "startup-4", "cloud": "local-north",
                          "user_config": {"additional_backup_regions": regions}});
        site.refused(400, CREATE, &["main"], &body, &parts);
    }
    let south = json!({"additional_backup_regions": ["['local-south']"]});
    let made = site.service("far", &json!({"cloud": "local-north", "user_config": south}));
    assert_eq!(made["user_config"]["additional_backup_regions"], json!(["local-south"]), "as an older client sends it");
    pass(site);
    shown(site);
    lost(site);
    moved(site);
    turned_off(site);
    left_behind(site);
}

fn shown(site: &Site) {
    let copy = copies(site, "far")[0].clone();
    assert_eq!(
        (&copy["region"], &copy["state"], &copy["backups"]),
        (&json!("local-south"), &json!("complete"), &json!(1))
    );
    assert!(copy["lag_seconds"].is_number() && copy["newest_moment"].is_string(), "{copy}");
    let listed = site.get(&format!("{SERVICE}/backups"), &["main", "far"]);
    let further = json!([{"cloud": "local-south", "region": "local-south", "paused": false}]);
    assert_eq!(listed["backups"][0]["additional_regions"], further);
    assert_eq!(listed["backups"][0]["storage_location"], "local-north");
    assert_eq!(listed["pitr"]["additional_regions"][0]["cloud"], "local-south");
    assert!(listed["pitr"]["additional_regions"][0]["pitr_range_end"].is_string(), "{listed}");
    let report = format!("POST {SERVICE}/backup_to_another_region/report");
    for period in ["hour", "day", "week", "month", "year"] {
        let metrics = site.ok(&report, &["main", "far"], &json!({ "period": period }))["metrics"].clone();
        let rows = metrics["replication_lag_local-south"]["data"]["rows"].as_array().unwrap().len();
        assert_eq!(rows, 1, "{period}: {metrics}");
    }
    let reply = site.ask_as(None, "GET /metrics", &[], &Value::Null);
    let text = String::from_utf8(reply.body).unwrap();
    for name in ["lag_seconds", "pending_objects", "pending_bytes", "oldest_uncopied_backup_seconds", "paused"] {
        let line = text.lines().find(|line| line.starts_with(&format!("farshore_copy_{name}{{")));
        assert!(line.is_some_and(|line| line.contains("service=\"far\",region=\"local-south\"")), "{name}: {text}");
    }
}

fn lost(site: &Site) {
    site.hosts.down(&region("local-north"));
    pass(site);
    let regions = site.get("/v1/project/{project}/regions", &["main"])["regions"].clone();
    let (north, south) = (&regions[0], &regions[1]);
    assert_eq!((&north["state"], &south["state"]), (&json!("down"), &json!("up")), "{regions}");
    let here = north["services"].as_array().unwrap().iter().find(|service| service["service_name"] == "far").unwrap();
    assert_eq!(here["restorable"][0]["region"], "local-south", "{here}");
    let far = site.get(SERVICE, &["main", "far"])["service"].clone();
    let notices = far["service_notifications"].to_string();
    assert!(
        notices.contains("has not answered since") && notices.contains("restored in local-south up to"),
        "{notices}"
    );
    assert!(far["metadata"]["restorable_elsewhere"]["local-south"]["to"].is_string(), "{far}");
    let paused = copies(site, "far")[0].clone();
    assert_eq!(paused["state"], "paused");
    assert!(paused["pause_reason"].as_str().unwrap().contains("local-north has not answered"), "{paused}");

    let fork = |cloud: &str| {
        json!({"service_name": "near", "service_type": "pg", "plan": "startup-4", "cloud": cloud,
               "user_config": {"service_to_fork_from": "far"}})
    };
    site.refused(409, CREATE, &["main"], &fork("local-east"), &["local-north has not answered", "local-south"]);
    site.refused(409, CREATE, &["main"], &fork("local-north"), &["local-north has not answered"]);
    let near = site.service("near", &json!({"cloud": "local-south", "user_config": {"service_to_fork_from": "far"}}));
    assert_eq!((&near["state"], &near["cloud_name"]), (&json!("RUNNING"), &json!("local-south")));
    assert_eq!(near["user_config"]["additional_backup_regions"], json!([]), "its own region is no further one");
    assert_eq!(near["backups"][0]["storage_location"], "local-south", "its own backups are where it is");
}

fn moved(site: &Site) {
    let to = |cloud: &str| json!({"cloud": cloud, "powered": true});
    site.refused(
        400,
        &format!("PUT {SERVICE}"),
        &["main", "far"],
        &to("local-east"),
        &["holds no copy", "local-south"],
    );
    let far = put(site, "far", &to("local-south"));
    assert_eq!((&far["cloud_name"], &far["state"]), (&json!("local-south"), &json!("REBUILDING")));
    assert_eq!(
        far["user_config"]["additional_backup_regions"],
        json!(["local-north"]),
        "protected again once it is back"
    );
    let far = site.settle("far");
    assert_eq!((&far["state"], &far["cloud_name"]), (&json!("RUNNING"), &json!("local-south")));
    assert_eq!(copies(site, "far")[0]["region"], "local-north");
    site.hosts.up(&region("local-north"));
    pass(site);
    assert_eq!(copies(site, "far")[0]["state"], "complete");
    relocated(site);
    let events = site.get("/v1/project/{project}/events", &["main"])["events"].to_string();
    for event in ["region_down", "region_up", "service_region_move", "service_copy_begin"] {
        assert!(events.contains(event), "{event}: {events}");
    }
}

/// While all is well a service goes where it is asked to; its backups stay, and so does the copy, also where it lives beside that.
fn relocated(site: &Site) {
    let far = put(site, "far", &json!({"cloud": "local-north"}));
    assert_eq!((&far["cloud_name"], &far["state"]), (&json!("local-south"), &json!("REBALANCING")));
    let far = site.settle("far");
    assert_eq!((&far["state"], &far["cloud_name"]), (&json!("RUNNING"), &json!("local-north")));
    assert_eq!(far["metadata"]["backup_region"], "local-south");
    assert_eq!(far["user_config"]["additional_backup_regions"], json!(["local-north"]));
    let locations = far["backups"].as_array().unwrap().iter().map(|backup| &backup["storage_location"]);
    assert!(locations.clone().count() > 0 && locations.clone().all(|at| at == "local-south"), "{far}");
    let regions = site.get("/v1/project/{project}/regions", &["main"]);
    let north = &regions["regions"][0]["services"];
    let shown = north.as_array().unwrap().iter().find(|service| service["service_name"] == "far").unwrap();
    assert_eq!(shown["backup_region"], "local-south", "{regions}");
    put(site, "far", &json!({"cloud": "local-south"}));
    let far = site.settle("far");
    assert_eq!((&far["cloud_name"], &far["metadata"]["backup_region"]), (&json!("local-south"), &json!("local-south")));
}

fn turned_off(site: &Site) {
    put(site, "far", &json!({"user_config": {"additional_backup_regions": []}}));
    let leaving = copies(site, "far")[0].clone();
    assert_eq!(leaving["state"], "leaving");
    let listed = site.get(&format!("{SERVICE}/backups"), &["main", "far"])["backups"].clone();
    let held = &listed[0]["additional_regions"][0];
    assert!(
        held["paused"] == json!(true) && held["pause_reason"].as_str().unwrap().contains("is deleted at"),
        "{listed}"
    );
    put(site, "far", &json!({"user_config": {"additional_backup_regions": ["local-north"]}}));
    assert_eq!(copies(site, "far")[0]["deleted_at"], Value::Null, "wanted again within the grace period");
    site.hosts.fail("copy_view", Some(ErrorKind::Transient));
    assert_eq!(copies(site, "far")[0]["state"], "paused");
    site.hosts.fail("copy_view", None);
}

/// Where the service moves to a copy that is no longer wanted, its former region is left, and never taken for its present.
fn left_behind(site: &Site) {
    put(site, "far", &json!({"user_config": {"additional_backup_regions": []}}));
    site.hosts.down(&region("local-south"));
    pass(site);
    put(site, "far", &json!({"cloud": "local-north", "powered": true}));
    let far = site.settle("far");
    assert_eq!((&far["state"], &far["cloud_name"]), (&json!("RUNNING"), &json!("local-north")));
    site.hosts.up(&region("local-south"));
    pass(site);
    let left = copies(site, "far")[0].clone();
    assert_eq!((&left["region"], &left["state"]), (&json!("local-south"), &json!("leaving")), "{left}");
    site.ok(&format!("POST {SERVICE}/backups"), &["main", "far"], &Value::Null);
    let newest = site.settle("far")["backups"].as_array().unwrap().last().unwrap()["backup_name"].clone();
    let options = json!({"service_to_fork_from": "far", "recovery_basebackup_name": newest});
    let fork = site.service("present", &json!({"cloud": "local-south", "user_config": options}));
    assert_eq!(fork["state"], "RUNNING", "a fork shows the present, not what was left");

    let over = Copy { ends_at: Some(Timestamp::default()), ..left_of(site, &far) };
    site.control.store.write(|tx| rows::put(tx, &over)).unwrap();
    reconcile::end_copies(&site.control).unwrap();
    assert_eq!(copies(site, "far"), json!([]));
    site.hosts.down(&region("local-north"));
    pass(site);
    let to = json!({"cloud": "local-south", "powered": true});
    site.refused(400, &format!("PUT {SERVICE}"), &["main", "far"], &to, &["holds no copy"]);
    let asked = format!("POST {SERVICE}/backups");
    site.refused(409, &asked, &["main", "far"], &Value::Null, &["local-north has not answered"]);
    site.hosts.up(&region("local-north"));
    pass(site);
}

fn left_of(site: &Site, service: &Value) -> Copy {
    let id: ServiceId = service["service_id"].as_str().unwrap().parse().unwrap();
    site.control.store.read(|tx| rows::of_service(tx, &id)).unwrap().remove(0)
}
