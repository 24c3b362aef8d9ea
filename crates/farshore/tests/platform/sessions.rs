//! What the sessions of a service do, and what its server counts, as a client is told.

use serde_json::{Value, json};

use super::client::{Session, sql};
use super::site::{Site, text};
use super::support::installed;

#[test]
fn an_open_transaction_is_told_with_the_types_that_the_official_client_decodes() {
    if !installed() {
        return;
    }
    let site = Site::new("", &[]);
    site.create("shop", "hobbyist", &json!({}));
    let mut session = Session::begin(&site.settle_running("shop"));
    let transaction: u64 =
        session.ask("BEGIN; SELECT pg_current_xact_id()").expect("a transaction").parse().expect("its id");
    let answer = site.ask("POST", "/v1/project/main/service/shop/query/activity", &json!({ "limit": 10 }));
    let told = &answer["queries"][0];
    assert_eq!(told["backend_xid"], json!(transaction), "{told}");
    for number in ["pid", "datid", "usesysid", "client_port", "query_duration"] {
        assert!(told[number].is_number(), "{number}: {told}");
    }
    for text in ["application_name", "usename", "state", "query", "query_start", "backend_start", "client_addr"] {
        assert!(told[text].is_string(), "{text}: {told}");
    }
    drop(session);
    site.finish();
}

const STATISTICS: &str = "/v1/project/main/service/shop/pg/query/stats";

/// What was counted of queries whose text has a part.
fn counted(site: &Site, part: &str) -> Vec<Value> {
    let asked = json!({ "limit": 500, "order_by": "calls:desc" });
    let mut told = site.ask("POST", STATISTICS, &asked)["queries"].take();
    let all = std::mem::take(told.as_array_mut().unwrap());
    assert!(all.iter().all(|one| one["user_name"] != "postgres"), "{all:?}");
    all.into_iter().filter(|one| one["query"].as_str().unwrap().contains(part)).collect()
}

#[test]
fn queries_that_were_run_are_counted_until_they_are_counted_anew_also_by_a_server_that_was_made_again() {
    if !installed() {
        return;
    }
    let site = Site::new("", &[]);
    site.create("shop", "startup-4", &json!({}));
    let uri = site.settle_running("shop");
    sql(&uri, "CREATE DATABASE \"second\"");
    let second = uri.replace("/defaultdb", "/second");
    (0..3).for_each(|number| drop(sql(&uri, &format!("SELECT {number} AS first_words"))));
    sql(&second, "SELECT pg_sleep(0.2), 'hush' AS second_words");
    sql(&uri, "ALTER ROLE avnadmin SET work_mem = '5MB'");
    let first = counted(&site, "first_words");
    assert_eq!(
        (first.len(), &first[0]["calls"], &first[0]["query"]),
        (1, &json!(3), &json!("SELECT $1 AS first_words"))
    );
    assert_eq!((&first[0]["database_name"], &first[0]["user_name"]), (&json!("defaultdb"), &json!("avnadmin")));
    let slow = counted(&site, "second_words");
    assert_eq!(slow[0]["database_name"], "second");
    assert!((200.0..60_000.0).contains(&slow[0]["max_time"].as_f64().unwrap()), "milliseconds: {slow:?}");
    assert!(!format!("{slow:?}").contains("hush") && counted(&site, "work_mem").is_empty());
    let slowest = json!({ "limit": 1, "order_by": "total_time:desc" });
    assert_eq!(site.ask("POST", STATISTICS, &slowest)["queries"], json!(slow));
    let (status, refused) = site.up().ask("POST", STATISTICS, r#"{"order_by": "calls; DROP TABLE x:desc"}"#);
    assert!(status == 400 && refused.contains("total_time"), "{status} {refused}");

    site.change("shop", &json!({ "powered": false }));
    site.settle("shop", "POWEROFF");
    let (status, refused) = site.up().ask("POST", STATISTICS, "{}");
    assert!(status == 409 && refused.contains("powered off"), "{status} {refused}");
    site.change("shop", &json!({ "powered": true }));
    let uri = site.settle_running("shop");
    sql(&uri, "SELECT 4 AS third_words");
    assert_eq!(counted(&site, "third_words").len(), 1, "a server that was made anew from its backup counts again");
    site.ask("PUT", "/v1/project/main/service/shop/query/stats/reset", &Value::Null);
    assert_eq!(counted(&site, "third_words").len(), 0);
    let offered = site.ask("GET", "/v1/project/main/service/shop/pg/available-extensions", &Value::Null);
    let hstore = offered["extensions"].as_array().unwrap().iter().find(|one| one["name"] == "hstore").cloned();
    assert!(hstore.is_some_and(|one| one["versions"][0].is_string()), "{offered}");
    sql(&uri, "CREATE EXTENSION hstore");
    made_at_once(&site);
    site.finish();
}

/// Accounts that are made side by side, as scripts do; what is told of them to the server stands in no log.
fn made_at_once(site: &Site) {
    let everything = json!({ "user_config": { "pg": { "log_min_duration_statement": 0 } } });
    site.change("shop", &everything);
    site.settle("shop", "RUNNING");
    sql(&site.uri("shop"), "CREATE TABLE looked_for (i int)");
    let users = "/v1/project/main/service/shop/user";
    std::thread::scope(|scope| {
        for number in 0..6 {
            let user = json!({ "username": format!("clerk{number}") });
            scope.spawn(move || drop(site.ask("POST", users, &user)));
        }
    });
    let service = site.service("shop");
    let made = service["users"].as_array().unwrap();
    assert_eq!(made.len(), 7, "{made:?}");
    let port = text(&service["service_uri_params"]["port"]);
    for user in made {
        let (name, password) = (text(&user["username"]), text(&user["password"]));
        assert_eq!(
            sql(&format!("postgres://{name}:{password}@127.0.0.1:{port}/defaultdb?sslmode=require"), "SELECT 1"),
            "1"
        );
    }
    let log = site.ask("POST", "/v1/project/main/service/shop/logs", &json!({ "limit": 500 })).to_string();
    assert!(log.contains("looked_for"), "what users do is logged as they wish: {log}");
    assert!(!log.contains("SCRAM-SHA-256") && !log.contains("CREATE ROLE"), "{log}");
}
