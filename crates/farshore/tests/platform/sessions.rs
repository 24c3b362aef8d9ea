//! What the sessions of a service do, as a client is told.

use serde_json::json;

use super::client::Session;
use super::site::Site;
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
