//! The stop: running requests end, idle connections close, the port is free.

use std::net::{TcpListener, TcpStream};
use std::time::Duration;

use crate::client::{Client, PATIENCE};
use crate::site::{PACE, PACE_IN_USE, limited, settings, start};

#[test]
fn a_stop_lets_a_running_request_end_and_closes_idle_connections() {
    let _alone = PACE_IN_USE.lock();
    PACE.reset();
    let server = start(settings()).unwrap();
    let address = server.address();
    let mut idle = Client::connect(address);
    assert_eq!(idle.ask("GET", "/openapi.json", &[], b"").status, 200);
    let mut running = Client::connect(address);
    running.send(b"GET /slow HTTP/1.1\r\nhost: localhost\r\n\r\n");
    PACE.await_begun(1);
    let stopping = std::thread::spawn(move || server.stop());
    assert_eq!(idle.closed_within(PATIENCE), Some(true));
    assert!(!stopping.is_finished(), "one request is running");
    PACE.release();
    assert_eq!(running.reply().status, 200);
    stopping.join().unwrap();
    assert!(TcpStream::connect(address).is_err());
    TcpListener::bind(address).unwrap();
}

#[test]
fn a_stop_waits_no_longer_than_it_was_told() {
    let _alone = PACE_IN_USE.lock();
    PACE.reset();
    let server = limited(|limits| limits.stop = Duration::from_millis(100));
    let mut running = Client::connect(server.address());
    running.send(b"GET /slow HTTP/1.1\r\nhost: localhost\r\n\r\n");
    PACE.await_begun(1);
    server.stop();
    assert_eq!(running.closed_within(PATIENCE), Some(true), "it is cut");
    PACE.release();
}
