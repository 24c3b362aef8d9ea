//! Clients that send too much, too slowly or too often, and those that do not read.

use std::time::Duration;

use crate::client::{Client, PATIENCE, ask};
use crate::site::{LARGE, PACE, PACE_IN_USE, limited, settings, start};

const SHORT: Duration = Duration::from_millis(300);
const TOKEN: (&str, &str) = ("authorization", "aivenv1 good");
const MAKE: &str = "/v1/project/main/make";

#[test]
fn a_body_of_more_than_the_limit_is_refused_however_it_is_sent() {
    let server = limited(|limits| limits.body_bytes_max = 1000);
    let body = |length: usize| format!("{{\"size\":1}}{}", " ".repeat(length - 10));
    assert_eq!(ask(server.address(), "POST", MAKE, &body(1000)).status, 200);
    let reply = ask(server.address(), "POST", MAKE, &body(1001));
    assert_eq!((reply.status, reply.error().as_str()), (413, "The body is larger than 1000 bytes"));
    let mut client = Client::connect(server.address());
    client.send(format!("POST {MAKE} HTTP/1.1\r\nhost: localhost\r\nauthorization: good\r\n").as_bytes());
    client.send(b"transfer-encoding: chunked\r\n\r\n3e8\r\n");
    client.send(&[b' '; 1000]);
    client.send(b"\r\n1\r\n \r\n");
    assert_eq!(client.reply().status, 413);
    assert_eq!(client.closed_within(PATIENCE), Some(true));
}

#[test]
fn somebody_unknown_may_send_little_only() {
    let server = start(settings()).unwrap();
    let body = format!("{{\"size\":1}}{}", " ".repeat(70_000));
    assert_eq!(ask(server.address(), "POST", MAKE, &body).status, 200);
    assert_eq!(ask(server.address(), "POST", "/login", &body).status, 413);
}

#[test]
fn a_head_that_comes_in_drops_ends_the_connection() {
    let server = limited(|limits| limits.head = SHORT);
    let mut client = Client::connect(server.address());
    let mut closed = None;
    for drop in "GET /openapi.json HTTP/1.1\r\n".bytes() {
        client.send(&[drop]);
        closed = client.closed_within(SHORT / 5);
        if closed.is_some() {
            break;
        }
    }
    assert_eq!(closed, Some(true), "28 drops take five times as long as is allowed");
}

#[test]
fn a_body_that_comes_too_slowly_is_answered_with_408() {
    let server = limited(|limits| limits.body = SHORT);
    let mut client = Client::connect(server.address());
    client.send(format!("POST {MAKE} HTTP/1.1\r\nhost: localhost\r\nauthorization: good\r\n").as_bytes());
    client.send(b"content-length: 10\r\n\r\n{");
    let reply = client.reply();
    assert_eq!((reply.status, reply.error().as_str()), (408, "The body came too slowly"));
}

#[test]
fn a_connection_may_idle_longer_than_a_head_may_take_but_not_for_ever() {
    let server = limited(|limits| (limits.head, limits.idle) = (SHORT, SHORT * 5));
    let mut client = Client::connect(server.address());
    for _ in 0..3 {
        assert_eq!(client.ask("GET", "/v1/project/main/echo/x", &[TOKEN], b"").status, 200);
        assert_eq!(client.closed_within(SHORT * 2), None);
    }
    assert_eq!(client.closed_within(PATIENCE), Some(true));
}

#[test]
fn idle_connections_are_kept_longer_than_clients_keep_theirs() {
    assert!(settings().limits.idle >= Duration::from_secs(60), "avn reuses connections that idled for 50 s");
}

#[test]
fn who_does_not_take_the_answer_loses_the_connection_to_the_next_client() {
    let server = limited(|limits| (limits.connections_max, limits.write) = (1, SHORT));
    let mut deaf = Client::connect(server.address());
    deaf.send(b"GET /large HTTP/1.1\r\nhost: localhost\r\n\r\n");
    let reply = ask(server.address(), "GET", "/v1/project/main/echo/x", "");
    assert_eq!(reply.status, 200, "the only place became free");
    drop(deaf);
    let reply = ask(server.address(), "GET", "/large", "");
    assert_eq!((reply.status, reply.body.len()), (200, LARGE), "who reads gets it all");
}

#[test]
fn a_connection_beyond_the_limit_waits_for_a_place() {
    let server = limited(|limits| limits.connections_max = 1);
    let mut first = Client::connect(server.address());
    assert_eq!(first.ask("GET", "/openapi.json", &[], b"").status, 200);
    let mut second = Client::connect(server.address());
    second.send(b"GET /openapi.json HTTP/1.1\r\nhost: localhost\r\n\r\n");
    assert_eq!(second.closed_within(SHORT), None);
    drop(first);
    assert_eq!(second.reply().status, 200);
}

#[test]
fn more_calls_than_the_limit_are_told_to_come_again() {
    let _alone = PACE_IN_USE.lock();
    PACE.reset();
    let server = limited(|limits| limits.calls_max = 1);
    let mut slow = Client::connect(server.address());
    slow.send(b"GET /slow HTTP/1.1\r\nhost: localhost\r\n\r\n");
    PACE.await_begun(1);
    let reply = ask(server.address(), "GET", "/openapi.json", "");
    assert_eq!((reply.status, reply.header("retry-after")), (503, Some("1")));
    reply.error();
    PACE.release();
    assert_eq!(slow.reply().status, 200);
    assert_eq!(ask(server.address(), "GET", "/openapi.json", "").status, 200);
}

#[test]
fn bodies_that_are_still_on_their_way_take_no_call_from_others() {
    let server = limited(|limits| limits.calls_max = 1);
    let mut slow = Client::connect(server.address());
    slow.send(format!("POST {MAKE} HTTP/1.1\r\nhost: localhost\r\nauthorization: good\r\n").as_bytes());
    slow.send(b"expect: 100-continue\r\ncontent-length: 10\r\n\r\n");
    assert_eq!(slow.reply().status, 100, "the caller is known, the body is asked for");
    assert_eq!(ask(server.address(), "GET", "/openapi.json", "").status, 200);
    slow.send(b"{\"size\":1}");
    assert_eq!(slow.reply().status, 200);
}
