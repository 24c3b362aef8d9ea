//! Who is let in: tokens, rights, names of the server, listeners that would expose tokens.

use std::net::SocketAddr;

use farshore_types::ErrorKind;

use crate::client::{Client, ask};
use crate::site::{settings, start};

#[test]
fn a_token_opens_in_three_forms_and_its_lack_is_401() {
    let server = start(settings()).unwrap();
    let path = "/v1/project/main/echo/x";
    let status = |headers: &[(&str, &str)]| {
        let reply = Client::connect(server.address()).ask("GET", path, headers, b"");
        if reply.status != 200 {
            reply.error();
        }
        reply.status
    };
    for value in ["aivenv1 good", "AIVENV1 good", "Bearer good", "bearer good", "good"] {
        assert_eq!(status(&[("authorization", value)]), 200, "{value}");
    }
    for value in ["aivenv1 bad", "bad", "Basic good", "aivenv1"] {
        assert_eq!(status(&[("authorization", value)]), 401, "{value}");
    }
    assert_eq!(status(&[]), 401);
    assert_eq!(status(&[("authorization", "broken")]), 503, "a fault of ours is no missing right");
    let reply = Client::connect(server.address()).ask("GET", path, &[("authorization", "bad")], b"");
    assert_eq!(reply.error(), "The token is not known. Log in again.");
}

#[test]
fn who_may_not_is_refused_before_the_body_is_looked_at() {
    let server = start(settings()).unwrap();
    let viewer = [("authorization", "viewer")];
    let reply = Client::connect(server.address()).ask("GET", "/v1/project/main/echo/x", &viewer, b"");
    assert_eq!(reply.status, 200);
    let reply = Client::connect(server.address()).ask("POST", "/v1/project/main/make", &viewer, b"no json");
    let expect = "Role viewer does not include the permission project:services:write. \
                  Ask a member with the role owner or operator.";
    assert_eq!((reply.status, reply.error().as_str()), (403, expect));
}

#[test]
fn nothing_is_read_from_a_caller_who_is_not_known() {
    let server = start(settings()).unwrap();
    for token in ["", "authorization: bad\r\n"] {
        let mut client = Client::connect(server.address());
        let head = "POST /v1/project/main/make HTTP/1.1\r\nhost: localhost\r\ncontent-length: 1000000\r\n";
        client.send(format!("{head}{token}\r\n").as_bytes());
        assert_eq!(client.reply().status, 401, "not one byte of the body was sent");
    }
}

#[test]
fn only_names_of_this_server_are_answered() {
    let mut settings = settings();
    settings.names = vec!["db.example.org".to_string()];
    let server = start(settings).unwrap();
    let status = |host: &str| {
        let reply = Client::connect(server.address()).ask("GET", "/openapi.json", &[("host", host)], b"");
        if reply.status != 200 {
            assert!(reply.error().contains("has no name"), "{reply:?}");
        }
        reply.status
    };
    for host in ["localhost", "127.0.0.1", "[::1]", "db.example.org:8321", &server.address().to_string()] {
        assert_eq!(status(host), 200, "{host}");
    }
    for host in ["evil.example", "192.0.2.1", "localhost.evil.example"] {
        assert_eq!(status(host), 421, "{host}");
    }
}

#[test]
fn a_listener_for_other_machines_needs_tls_or_a_word_that_allows_it() {
    let mut open = settings();
    open.listen = SocketAddr::from(([0, 0, 0, 0], 0));
    let error = start(open.clone()).err().unwrap();
    assert!(error.kind() == ErrorKind::Invalid && error.to_string().contains("--insecure"), "{error}");
    open.insecure = true;
    let server = start(open).unwrap();
    let address = SocketAddr::from(([127, 0, 0, 1], server.address().port()));
    assert_eq!(ask(address, "GET", "/openapi.json", "").status, 200);
}

#[test]
fn a_taken_address_is_a_conflict_with_advice() {
    let server = start(settings()).unwrap();
    let mut again = settings();
    again.listen = server.address();
    let error = start(again).err().unwrap();
    assert!(error.kind() == ErrorKind::Conflict && error.to_string().contains("another --listen"), "{error}");
}

#[test]
fn the_document_is_public_and_names_every_route() {
    let server = start(settings()).unwrap();
    let reply = Client::connect(server.address()).ask("GET", "/openapi.json", &[], b"");
    let document = reply.json();
    assert_eq!(document["openapi"], "3.1.0");
    let make = &document["paths"]["/v1/project/{project}/make"]["post"];
    assert_eq!(make["operationId"], "Make");
    assert_eq!(make["x-permission"], "project:services:write");
    assert_eq!(make["requestBody"]["content"]["application/json"]["schema"]["$ref"], "#/components/schemas/Make");
    assert_eq!(document["components"]["schemas"]["Make"]["properties"]["size"]["type"], "integer");
    let echo = &document["paths"]["/v1/project/{project}/echo/{name}"]["get"]["parameters"];
    let names: Vec<&str> = echo.as_array().unwrap().iter().map(|one| one["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["project", "name", "limit"]);
    assert_eq!(document["paths"].as_object().unwrap().len(), 8, "fail has two methods");
}
