//! Databases and accounts inside a service, and the pools that are not offered.

use farshore_types::ServiceId;
use serde_json::{Value, json};

use crate::site::Site;

const SERVICE: &str = "/v1/project/{project}/service/{service}";

pub fn databases_and_users(site: &Site) {
    let (names, nothing) = (["main", "life"], &Value::Null);
    let databases = || site.get(&format!("{SERVICE}/db"), &names)["databases"].clone();
    let shop = json!({"database": "shop"});
    site.ok(&format!("POST {SERVICE}/db"), &names, &shop);
    let listed =
        |name: &str, collate: &str| json!({"database_name": name, "lc_collate": collate, "lc_ctype": "C.UTF-8"});
    assert_eq!(databases(), json!([listed("defaultdb", "C.UTF-8"), listed("shop", "C.UTF-8")]));
    let sorted = json!({"database": "sorted", "lc_collate": "C", "lc_ctype": null});
    site.ok(&format!("POST {SERVICE}/db"), &names, &sorted);
    assert_eq!(databases()[2], listed("sorted", "C"));
    site.ok(&format!("DELETE {SERVICE}/db/{{database}}"), &["main", "life", "sorted"], nothing);
    let foreign = json!({"database": "foreign", "lc_collate": "en_US.UTF-8", "lc_ctype": "en_US.UTF-8"});
    site.refused(400, &format!("POST {SERVICE}/db"), &names, &foreign, &["lc_collate", "en_US.UTF-8", "C.UTF-8"]);
    site.refused(409, &format!("POST {SERVICE}/db"), &names, &shop, &["shop", "already exists"]);
    let one = format!("DELETE {SERVICE}/db/{{database}}");
    site.ok(&one, &["main", "life", "shop"], nothing);
    site.refused(404, &one, &["main", "life", "shop"], nothing, &["shop"]);
    site.refused(403, &one, &["main", "life", "defaultdb"], nothing, &["defaultdb"]);

    assert_eq!(site.get(&format!("{SERVICE}/alerts"), &names), json!({"alerts": []}));
    site.refused(404, &format!("GET {SERVICE}/alerts"), &["main", "nowhere"], nothing, &["nowhere"]);
    let user = format!("{SERVICE}/user/{{username}}");
    let clerk = ["main", "life", "clerk"];
    let password = || site.get(&user, &clerk)["user"]["password"].as_str().unwrap().to_string();
    let made = site.ok(&format!("POST {SERVICE}/user"), &names, &json!({"username": "clerk"}))["user"].clone();
    assert_eq!((&made["type"], made["password"].as_str()), (&json!("normal"), Some(password().as_str())));
    site.refused(409, &format!("POST {SERVICE}/user"), &names, &json!({"username": "clerk"}), &["already exists"]);
    let before = password();
    site.ok(&format!("PUT {user}"), &clerk, &json!({"operation": "reset-credentials"}));
    assert_ne!(password(), before);
    let before = password();
    site.ok(&format!("PUT {user}/credentials/reset"), &clerk, nothing);
    assert_ne!(password(), before, "the same, from other clients");
    for key in ["access_cert", "access_key", "authentication"] {
        assert_eq!(made[key], "", "{key}: a client stops at a null");
    }
    let chosen = "chosen 'by\" the \\ user $1";
    let body = json!({"operation": "reset-credentials", "new_password": chosen});
    let changed = site.ok(&format!("PUT {user}"), &clerk, &body)["service"].clone();
    assert_eq!(password(), chosen);
    let id: ServiceId = changed["service_id"].as_str().unwrap().parse().unwrap();
    assert_eq!(site.hosts.password(&id, "clerk").as_deref(), Some(chosen));
    for operation in ["set-access-control", "acknowledge-renewal", "dance"] {
        site.refused(400, &format!("PUT {user}"), &clerk, &json!({"operation": operation}), &[]);
    }
    let old = changed["service_uri"].clone();
    let reset = site.ok(&format!("PUT {SERVICE}/credentials/reset"), &names, nothing)["service"].clone();
    assert_ne!(reset["service_uri"], old);
    assert_eq!(site.hosts.password(&id, "avnadmin").as_deref(), reset["users"][0]["password"].as_str());
    site.ok(&format!("DELETE {user}"), &clerk, nothing);
    site.refused(404, &format!("GET {user}"), &clerk, nothing, &["clerk"]);
    site.refused(403, &format!("DELETE {user}"), &["main", "life", "avnadmin"], nothing, &["avnadmin"]);

    let pool = json!({"pool_name": "p", "database": "defaultdb", "username": "avnadmin", "pool_size": 10});
    let says = &["pool", "not offered"];
    site.refused(400, &format!("POST {SERVICE}/connection_pool"), &names, &pool, says);
    let one = format!("{SERVICE}/connection_pool/{{pool_name}}");
    site.refused(400, &format!("PUT {one}"), &["main", "life", "p"], &json!({"pool_size": 5}), says);
    site.refused(400, &format!("DELETE {one}"), &["main", "life", "p"], nothing, says);
}
