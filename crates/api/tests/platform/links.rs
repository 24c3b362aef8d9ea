//! Links between services from their making to their end, endpoints that are not offered, and tags of projects and services.

use serde_json::{Value, json};

use crate::site::Site;

const ONE: &str = "/v1/project/{project}/integration/{id}";

pub fn integrations_and_tags(site: &Site) {
    let nothing = &Value::Null;
    let kinds = site.get("/v1/project/{project}/integration_types", &["main"])["integration_types"].clone();
    assert!(kinds.as_array().unwrap().iter().any(|kind| kind["integration_type"] == "metrics"), "{kinds}");
    let link = json!({"integration_type": "metrics", "source_service": "life", "source_endpoint_id": null,
                      "dest_service": "fork", "dest_endpoint_id": null, "user_config": {"retention_days": 7}});
    let create = "POST /v1/project/{project}/integration";
    let made = site.ok(create, &["main"], &link)["service_integration"].clone();
    assert_eq!((&made["source_service_type"], &made["dest_service"]), (&json!("pg"), &json!("fork")));
    let state = json!({"status": "inactive", "errors": [], "nodes": {}});
    assert_eq!(made["integration_status"]["state"], state);
    assert_eq!(made["dest_endpoint_id"], Value::Null, "Terraform takes any text for an endpoint");
    let id = made["service_integration_id"].as_str().unwrap();
    site.refused(409, create, &["main"], &link, &["already exists"]);
    site.refused(400, create, &["main"], &json!({"integration_type": "telepathy"}), &["telepathy", "metrics"]);
    let other = json!({"integration_type": "metrics", "source_project": "other"});
    site.refused(400, create, &["main"], &other, &["source_project"]);
    assert_eq!(site.get(ONE, &["main", id])["service_integration"], made);
    let changed = site.ok(&format!("PUT {ONE}"), &["main", id], &json!({"user_config": {"retention_days": 8}}));
    assert_eq!(changed["service_integration"]["user_config"], json!({"retention_days": 8}));
    let of_service = site.get("/v1/project/{project}/service/{service}/integration", &["main", "life"]);
    assert_eq!(of_service["service_integrations"].as_array().unwrap().len(), 1);
    assert_eq!(of_service, site.get("/v1/project/{project}/integration", &["main"]));
    let service = site.get("/v1/project/{project}/service/{service}", &["main", "life"])["service"].clone();
    assert_eq!(service["service_integrations"], of_service["service_integrations"]);
    site.ok(&format!("DELETE {ONE}"), &["main", id], nothing);
    site.refused(404, &format!("GET {ONE}"), &["main", id], nothing, &[id]);

    let endpoints = "/v1/project/{project}/integration_endpoint";
    let types = site.get("/v1/project/{project}/integration_endpoint_types", &["main"]);
    assert_eq!(types["endpoint_types"], json!([]));
    assert_eq!(site.get(endpoints, &["main"])["service_integration_endpoints"], json!([]));
    let body = json!({"endpoint_name": "d", "endpoint_type": "datadog", "user_config": {}});
    site.refused(400, &format!("POST {endpoints}"), &["main"], &body, &["datadog", "not offered"]);
    site.refused(404, &format!("DELETE {endpoints}/{{id}}"), &["main", "d"], nothing, &["\"d\""]);

    for (path, names) in [
        ("/v1/project/{project}/tags", vec!["main"]),
        ("/v1/project/{project}/service/{service}/tags", vec!["main", "life"]),
    ] {
        let change = |method: &str, tags: Value| site.ok(&format!("{method} {path}"), &names, &json!({"tags": tags}));
        assert_ne!(change("PUT", json!({"team": "a", "cost": "b"}))["message"], "");
        change("PATCH", json!({"team": "c", "cost": null}));
        assert_eq!(site.get(path, &names)["tags"], json!({"team": "c"}), "{path}");
        change("PUT", json!({}));
        assert_eq!(site.get(path, &names)["tags"], json!({}), "{path}");
        site.refused(400, &format!("PUT {path}"), &names, &json!({"tags": {"a b": "c"}}), &["a b"]);
    }
}
