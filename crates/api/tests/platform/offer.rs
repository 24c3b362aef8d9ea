//! What can be created, with and without a project.

use serde_json::{Value, json};

use crate::site::Site;

const TYPE: &str = "/v1/project/{project}/service-types/{service_type}";

pub fn what_can_be_created(site: &Site) {
    let clouds = site.get("/v1/clouds", &[]);
    assert_eq!(clouds["clouds"].as_array().unwrap().len(), 3);
    assert_eq!(clouds, site.get("/v1/project/{project}/clouds", &["main"]));
    let types = site.get("/v1/service_types", &[])["service_types"].clone();
    assert_eq!(types, site.get("/v1/project/{project}/service_types", &["main"])["service_types"]);
    let pg = site.get(TYPE, &["main", "pg"]);
    assert_eq!(pg, types["pg"]);
    assert!(pg["user_config_schema"]["properties"]["backup_hour"].is_object());
    for (service_type, interval, count, mode) in
        [("pg", 24, 2, "pitr"), ("redis", 12, 2, "basic"), ("grafana", 1, 24, "basic"), ("cassandra", 24, 1, "basic")]
    {
        let plans = types[service_type]["service_plans"].as_array().unwrap();
        let plan = plans.iter().find(|plan| plan["service_plan"] == "startup-4").unwrap();
        let config = &plan["backup_config"];
        assert_eq!(*config, json!({"interval": interval, "max_count": count, "recovery_mode": mode}), "{service_type}");
        assert!(plan["regions"]["local-north"]["price_usd"].is_string());
    }
    let nothing = &Value::Null;
    site.refused(404, &format!("GET {TYPE}"), &["main", "oracle"], nothing, &["oracle", "pg"]);
    let plan = site.get(&format!("{TYPE}/plans/{{plan}}"), &["main", "pg", "business-4"]);
    assert_eq!((&plan["node_count"], &plan["backup_config"]["max_count"]), (&json!(2), &json!(14)));
    site.refused(404, &format!("GET {TYPE}/plans/{{plan}}"), &["main", "pg", "huge-1"], nothing, &["huge-1"]);
    let price = "/v1/project/{project}/pricing/service-types/{service_type}/plans/{plan}/clouds/{cloud}";
    let free = site.get(price, &["main", "pg", "startup-4", "local-east"]);
    assert_eq!((&free["service_plan"], &free["cloud_name"]), (&json!("startup-4"), &json!("local-east")));
    assert_eq!(free["plan_name"], free["service_plan"]);
    let versions = site.get("/v1/service_versions", &[]);
    let of_account = site.get("/v1/account/{account}/service_versions", &["a0000000001"]);
    assert_eq!(versions, of_account);
    let of_pg = |version: &&Value| version["service_type"] == "pg";
    assert!(versions["service_versions"].as_array().unwrap().iter().filter(of_pg).count() >= 3);
    // Clients read this moment with a pattern that knows no fraction.
    let end = |version: &Value| version["aiven_end_of_life_time"].as_str().map(str::to_string);
    let known = |version: &Value| [json!("available"), json!("eol")].contains(&version["state"]);
    assert!(versions["service_versions"].as_array().unwrap().iter().all(known), "the documented words");
    let ends: Vec<String> = versions["service_versions"].as_array().unwrap().iter().filter_map(end).collect();
    assert!(!ends.is_empty() && ends.iter().all(|text| text.len() == "2027-11-12T00:00:00Z".len()), "{ends:?}");
    for (path, key) in [("static-ips", "static_ips"), ("vpcs", "vpcs")] {
        assert_eq!(site.get(&format!("/v1/project/{{project}}/{path}"), &["main"])[key], json!([]));
    }
    assert_eq!(site.get("/openapi.json", &[])["openapi"], "3.1.0");
}
