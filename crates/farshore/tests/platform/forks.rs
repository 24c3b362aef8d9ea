//! Forks: which rows they have, where they live, and who can enter them.

use serde_json::json;

use super::client::{sql, try_sql};
use super::site::{Site, text};
use super::support::installed;

/// Commits a row; the moment of its commit, to the microsecond.
fn sell(uri: &str, number: u32) -> i64 {
    sql(uri, &format!("INSERT INTO sold VALUES ({number})"));
    let moment = "SELECT (extract(epoch FROM pg_xact_commit_timestamp(xmin)) * 1000000)::bigint FROM sold WHERE n = ";
    sql(uri, &format!("{moment}{number}")).parse().unwrap()
}

fn at(micros: i64) -> String {
    farshore_types::Timestamp::from_micros(micros).to_string()
}

#[test]
fn a_fork_has_the_rows_of_its_moment_and_passwords_of_its_own() {
    if !installed() {
        return;
    }
    let site = Site::new("", &["the log of service"]);
    site.create("shop", "startup-4", &json!({ "user_config": { "pg": { "track_commit_timestamp": "on" } } }));
    let uri = site.settle_running("shop");
    site.ask("POST", "/v1/project/main/service/shop/user", &json!({ "username": "dora" }));
    sql(&uri, "CREATE TABLE sold (n bigint PRIMARY KEY)");
    let commits: Vec<i64> = (1..=3).map(|number| sell(&uri, number)).collect();
    let rows = "SELECT string_agg(n::text, ',' ORDER BY n) FROM sold";
    let forks = [
        ("before", "local-north", Some(at(commits[1] - 1)), "1"),
        ("after", "local-south", Some(at(commits[1])), "1,2"),
        ("latest", "local-north", None, "1,2,3"),
    ];
    for (name, cloud, moment, _) in &forks {
        site.fork(name, "shop", cloud, moment.as_deref());
    }
    for (name, cloud, _, expect) in &forks {
        let forked = site.settle_running(name);
        assert_eq!(sql(&forked, rows), *expect, "{name}");
        assert_eq!(site.service(name)["cloud_name"], *cloud);
    }
    assert_eq!(sql(&uri, rows), "1,2,3");
    // The source is off, and its last rows were committed just before.
    sell(&uri, 4);
    site.change("shop", &json!({ "powered": false }));
    site.settle("shop", "POWEROFF");
    site.fork("off", "shop", "local-east", None);
    let off = site.settle_running("off");
    assert_eq!(sql(&off, rows), "1,2,3,4");
    assert_eq!(site.service("shop")["state"], "POWEROFF");
    site.change("shop", &json!({ "powered": true }));
    assert_eq!(site.settle_running("shop"), uri, "the same address and password");
    assert_eq!(sql(&uri, rows), "1,2,3,4");
    nobody_enters_the_other(&site);
    site.finish();
}

/// No password of a fork opens its source, and none of the source opens the fork.
fn nobody_enters_the_other(site: &Site) {
    let (source, fork) = (site.service("shop"), site.service("off"));
    for (door, keys) in [(&source, &fork), (&fork, &source)] {
        let users = keys["users"].as_array().unwrap();
        assert!(users.len() >= 2, "{users:?}");
        for user in users {
            let (name, password) = (text(&user["username"]), text(&user["password"]));
            let port = text(&door["service_uri_params"]["port"]);
            let open = |password: &str| {
                let uri = format!("postgres://{name}:{password}@127.0.0.1:{port}/defaultdb?sslmode=require");
                try_sql(&uri, "SELECT 1")
            };
            let error = open(&password).expect_err("it was let in");
            assert!(error.contains("password authentication failed"), "{error}");
            let own = door["users"].as_array().unwrap().iter().find(|own| own["username"] == name).unwrap();
            assert_eq!(open(&text(&own["password"])).unwrap(), "1");
        }
    }
}
