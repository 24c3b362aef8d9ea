//! What the roles see and may, beyond what the table of routes says.

use farshore_control::access::{self, NewToken};
use farshore_control::{members, people};
use farshore_types::access::Role;
use serde_json::{Value, json};

use crate::site::{ADMIN, Site};

fn token(site: &Site, role: Role) -> String {
    let email = format!("{role}@example.org");
    people::create(&site.control, &email, "Somebody", None).unwrap();
    members::set(&site.control, ADMIN, "main", &email, role).unwrap();
    access::create_token(&site.control, &email, &NewToken::default()).unwrap().full_token
}

#[test]
fn passwords_are_shown_to_those_who_may_connect_and_to_nobody_else() {
    let site = Site::new();
    let made = site.service("pg-1", &json!({}));
    let password = made["users"][0]["password"].as_str().unwrap();
    for (role, sees) in
        [(Role::Operator, true), (Role::Developer, true), (Role::Recoverer, false), (Role::Viewer, false)]
    {
        let token = token(&site, role);
        let one = "GET /v1/project/{project}/service/{service}";
        for (what, names) in [
            (one.to_string(), vec!["main", "pg-1"]),
            ("GET /v1/project/{project}/service".to_string(), vec!["main"]),
            (format!("{one}/user/{{username}}"), vec!["main", "pg-1", "avnadmin"]),
        ] {
            let reply = site.ask_as(Some(&token), &what, &names, &Value::Null);
            assert_eq!(reply.status, 200, "{role} {what}");
            let shown = String::from_utf8(reply.body).unwrap().contains(password);
            assert_eq!(shown, sees, "{role} {what}");
        }
        let service = site.ask_as(Some(&token), one, &["main", "pg-1"], &Value::Null).json()["service"].clone();
        let uri = service["service_uri"].as_str().unwrap();
        assert!(uri.starts_with("postgres://avnadmin") && uri.contains("/defaultdb?sslmode=require"), "{uri}");
        assert!(service["service_uri_params"]["password"].is_string());
    }
}

#[test]
fn who_recovers_forks_and_makes_nothing_else() {
    let site = Site::new();
    site.service("pg-1", &json!({}));
    let body = |name: &str, user_config: Value| json!({"service_name": name, "service_type": "pg", "plan": "startup-4", "user_config": user_config});
    let create = "POST /v1/project/{project}/service";
    for (role, empty, fork) in
        [(Role::Operator, 200, 200), (Role::Recoverer, 403, 200), (Role::Developer, 403, 403), (Role::Viewer, 403, 403)]
    {
        let token = token(&site, role);
        let ask = |body: &Value| site.ask_as(Some(&token), create, &["main"], body).status;
        assert_eq!(ask(&body(&format!("empty-{role}"), json!({}))), empty, "{role}");
        let source = json!({"service_to_fork_from": "pg-1"});
        assert_eq!(ask(&body(&format!("fork-{role}"), source)), fork, "{role}");
        // Who chooses its password, or owns the project that it goes to, would get at the data.
        let chosen = json!({"service_to_fork_from": "pg-1", "admin_password": "chosen-by-me"});
        let in_and_out = if role == Role::Operator { 200 } else { 403 };
        assert_eq!(ask(&body(&format!("chosen-{role}"), chosen)), in_and_out, "{role}");
        let own = format!("own-{role}");
        assert_eq!(site.ask_as(Some(&token), "POST /v1/project", &[], &json!({"project": own})).status, 200, "{role}");
        let away = json!({"service_to_fork_from": "pg-1", "project_to_fork_from": "main"});
        let body = body(&format!("away-{role}"), away);
        assert_eq!(site.ask_as(Some(&token), create, &[&own], &body).status, in_and_out, "{role}");
    }
}

#[test]
fn a_scraper_with_a_token_sees_the_services_of_its_own_projects() {
    let site = Site::new();
    site.service("pg-1", &json!({}));
    people::create(&site.control, "stranger@example.org", "Stranger", None).unwrap();
    let stranger =
        access::create_token(&site.control, "stranger@example.org", &NewToken::default()).unwrap().full_token;
    let sees = |token: Option<&str>| {
        let reply = site.ask_as(token, "GET /metrics", &[], &Value::Null);
        assert_eq!(reply.status, 200);
        String::from_utf8(reply.body).unwrap().contains("service=\"pg-1\"")
    };
    assert!(sees(None) && sees(Some(&site.token)));
    assert!(!sees(Some(&stranger)));
}
