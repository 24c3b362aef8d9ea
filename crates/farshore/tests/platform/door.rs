//! The door of the API: for whom it opens, and over what.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::Command;

use rustix::process::Signal;

use super::support::{Up, World, program, succeeds};

/// The status of a request with further lines in its head.
fn status(up: &Up, path: &str, host: &str, more: &str) -> u16 {
    let url = up.variable("AIVEN_WEB_URL");
    let mut stream = TcpStream::connect(url.strip_prefix("http://").unwrap()).unwrap();
    write!(stream, "GET {path} HTTP/1.1\r\nhost: {host}\r\n{more}connection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer.split(' ').nth(1).unwrap().parse().unwrap()
}

#[test]
fn only_requests_for_this_machine_are_answered_and_figures_are_told_to_it_alone() {
    let world = World::new();
    let config = world.write("farshore.toml", "names = [\"db.example.org\"]\n");
    let up = world.up_with(&["--config", config.to_str().unwrap()]);
    for (host, expect) in [
        ("127.0.0.1", 200),
        ("localhost:1", 200),
        ("db.example.org", 200),
        ("evil.example.org", 421),
        ("127.0.0.1.evil.example.org", 421),
        ("192.0.2.1", 421),
    ] {
        assert_eq!(status(&up, "/openapi.json", host, ""), expect, "{host}");
    }
    let token = format!("authorization: aivenv1 {}\r\n", up.variable("AIVEN_AUTH_TOKEN"));
    for (path, more, expect) in [
        ("/metrics", "", 200),
        ("/metrics", &*token, 200),
        ("/metrics", "authorization: aivenv1 wrong\r\n", 401),
        ("/v1/me", "", 401),
        ("/v1/me", &*token, 200),
    ] {
        assert_eq!(status(&up, path, "127.0.0.1", more), expect, "{path} {more}");
    }
    let (_, figures) = up.get("/metrics");
    assert!(figures.contains("farshore_services{state=\"RUNNING\"} 0"), "{figures}");
    assert!(up.end(Signal::TERM));
}

/// An authority `ca.crt`, and its certificate `api.crt` for this machine.
fn certificates(folder: &Path) {
    let script = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=authority -keyout ca.key -out ca.crt
        openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=api -keyout api.key -out api.csr
        echo 'subjectAltName=IP:127.0.0.1,DNS:localhost' > names
        openssl x509 -req -days 1 -in api.csr -CA ca.crt -CAkey ca.key -CAcreateserial -extfile names -out api.crt";
    succeeds(Command::new("sh").args(["-ec", script]).current_dir(folder));
}

#[test]
fn beyond_this_machine_the_api_is_answered_over_tls_and_not_without() {
    let world = World::new();
    certificates(world.path("").as_path());
    let mut command = program();
    command.args(["up", "--listen", "0.0.0.0:0", "--data"]).arg(world.data());
    command.arg("--tls-cert").arg(world.path("api.crt")).arg("--tls-key").arg(world.path("api.key"));
    let up = Up::start(command);
    let url = up.variable("AIVEN_WEB_URL");
    let port = url.strip_prefix("https://localhost:").unwrap_or_else(|| panic!("{url}"));
    // A client that checks the certificate, asks, and prints what comes.
    let ask = |path: &str, more: &str| {
        let script = "printf 'GET %s HTTP/1.1\\r\\nhost: localhost\\r\\n%bconnection: close\\r\\n\\r\\n' \"$0\" \"$1\" | \
                      openssl s_client -quiet -ign_eof -verify_return_error -verify_hostname localhost -CAfile ca.crt -connect 127.0.0.1:\"$2\"";
        let mut client = Command::new("sh");
        succeeds(client.args(["-ec", script, path, more, port]).current_dir(world.path("")))
    };
    let token = format!("authorization: aivenv1 {}\\r\\n", up.variable("AIVEN_AUTH_TOKEN"));
    assert!(ask("/openapi.json", "").starts_with("HTTP/1.1 200"));
    assert!(ask("/v1/me", "").starts_with("HTTP/1.1 401"));
    assert!(ask("/v1/me", &token).contains("admin@localhost"));
    assert!(ask("/metrics", "").starts_with("HTTP/1.1 401"), "figures need a token where others can ask");
    assert!(ask("/metrics", &token).starts_with("HTTP/1.1 200"));
    let mut plain = TcpStream::connect(format!("127.0.0.1:{port}")).unwrap();
    plain.write_all(b"GET /openapi.json HTTP/1.1\r\nhost: localhost\r\n\r\n").unwrap();
    let mut answer = Vec::new();
    let _ = plain.read_to_end(&mut answer);
    assert!(!answer.starts_with(b"HTTP/1.1 2"), "{}", String::from_utf8_lossy(&answer));
    assert!(up.end(Signal::TERM));
}
