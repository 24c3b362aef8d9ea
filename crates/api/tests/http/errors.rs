//! Everything that goes wrong has one shape.

use crate::client::{Client, ask};
use crate::site::{settings, start};

#[test]
fn every_refusal_has_the_shape_that_clients_decode() {
    let server = start(settings()).unwrap();
    let check = |method: &str, path: &str, body: &str, status: u16, message: &str| {
        let reply = ask(server.address(), method, path, body);
        assert_eq!((reply.status, reply.error().as_str()), (status, message), "{method} {path}");
    };
    check("GET", "/nothing/here", "", 404, "there is nothing at this path");
    check("DELETE", "/v1/project/main/make", "", 405, "this path does not know the method");
    check("GET", "/v1/project/other/echo/x", "", 404, "Project other does not exist");
    check("GET", "/v1/project/main/echo/x?limit=many", "", 400, "limit=many: invalid digit found in string");
    check("POST", "/v1/project/main/make", r#"{"size":-1}"#, 400, "size: invalid value: integer `-1`, expected u32");
    check("POST", "/v1/project/main/make", "", 400, "Missing field `size`");
    check("POST", "/v1/project/main/make", "{", 400, "The body is not JSON: wrong at line 1 column 1");
    check("PUT", "/v1/fail/missing", "", 404, "Service pg-1 does not exist");
    check("PUT", "/v1/fail/conflict", "", 409, "Service pg-1 does not exist");
    check("PUT", "/v1/fail/busy", "", 429, "Service pg-1 does not exist");
    check("PUT", "/v1/fail/transient", "", 503, "Service pg-1 does not exist");
    check("PUT", "/v1/fail/bug", "", 500, "Service pg-1 does not exist");
    check("PUT", "/v1/fail/panic", "", 500, "The handler of this call stopped unexpectedly");
}

#[test]
fn a_post_is_never_answered_with_the_words_on_which_a_client_repeats_it() {
    let server = start(settings()).unwrap();
    let reply = ask(server.address(), "POST", "/v1/fail/missing", "");
    assert_eq!((reply.status, reply.error().as_str()), (404, "Service pg-1 is not there"));
}

#[test]
fn an_unknown_method_of_a_known_path_is_told_which_ones_there_are() {
    let server = start(settings()).unwrap();
    let reply = ask(server.address(), "DELETE", "/v1/project/main/make", "");
    assert_eq!(reply.header("allow"), Some("POST"));
}

#[test]
fn what_is_asked_is_what_the_handler_sees() {
    let server = start(settings()).unwrap();
    let headers = [("authorization", "Bearer good"), ("user-agent", "aiven-client/4.18.0")];
    let path = "/v1/project/main/echo/a%2Fb%20c?limit=7&limit=8&include_secrets=true";
    let reply = Client::connect(server.address()).ask("GET", path, &headers, b"");
    let expect = serde_json::json!({
        "user": "admin", "project": "main", "name": "a/b c", "limit": 7, "user_agent": "aiven-client/4.18.0",
    });
    assert_eq!((reply.status, reply.json()), (200, expect));
    assert_eq!(reply.header("cache-control"), Some("no-store"));
    let reply = ask(server.address(), "POST", "/v1/project/main/make?limit=999", r#"{"size":3,"unknown":[]}"#);
    assert_eq!((reply.status, reply.json()), (200, serde_json::json!({"size": 3})));
}
