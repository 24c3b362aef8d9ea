//! Logging in, asking, and the errors that come back.

use std::time::Duration;

use farshore_engines::postgresql::wire::{Address, Connection, Settings, literal, sqlstate};
use farshore_types::ErrorKind;

use crate::support::{Cluster, PASSWORD, clock, free_port, installations};

#[test]
fn scram_over_loopback_needs_the_password_and_never_shows_it() {
    for bin in installations() {
        let cluster = Cluster::start(&bin);
        let settings = Settings::new(Address::loopback(cluster.port), "postgres");
        let mut connection = Connection::connect(&settings.clone().with_password(PASSWORD), clock()).unwrap();
        assert_eq!(connection.one_value("SELECT current_user").unwrap().unwrap(), "postgres");
        connection.close();

        let wrong = Connection::connect(&settings.clone().with_password("guess"), clock()).err().unwrap();
        assert_eq!((wrong.kind(), sqlstate(&wrong)), (ErrorKind::Denied, Some("28P01")));
        assert!(!wrong.to_string().contains("guess"), "{wrong}");

        let none = Connection::connect(&settings, clock()).err().unwrap();
        assert!(none.kind() == ErrorKind::Denied && none.to_string().contains("asks for the password"), "{none}");
    }
}

#[test]
fn md5_and_the_socket_work_too() {
    let cluster = Cluster::start(&installations()[0]);
    cluster.sql("SET password_encryption = 'md5'; CREATE ROLE old LOGIN PASSWORD 'was common'");
    let hba = cluster.data.join("pg_hba.conf");
    let text = std::fs::read_to_string(&hba).unwrap();
    std::fs::write(&hba, format!("host all old 127.0.0.1/32 md5\n{text}")).unwrap();
    cluster.sql("SELECT pg_reload_conf()");
    let settings = Settings::new(Address::loopback(cluster.port), "old").with_password("was common");
    let login = || Connection::connect(&settings, clock());
    let clock = clock();
    while login().is_err() && clock.monotonic() < Duration::from_secs(10) {
        clock.pause(Duration::from_millis(20));
    }
    assert_eq!(login().unwrap().one_value("SELECT current_user").unwrap().unwrap(), "old");
}

#[test]
fn answers_have_names_rows_and_nulls_and_survive_an_error() {
    let cluster = Cluster::start(&installations()[0]);
    let mut connection = cluster.connect();
    let answer = connection.query("SELECT 1 AS a, NULL AS b, 'ü' AS c UNION ALL SELECT 2, 'x', ''").unwrap();
    assert_eq!(answer.columns, ["a", "b", "c"]);
    assert_eq!((answer.value(0, "b"), answer.value(0, "c"), answer.value(1, "c")), (None, Some("ü"), Some("")));

    let error = connection.query("SELECT 1/0").unwrap_err();
    assert_eq!((error.kind(), sqlstate(&error)), (ErrorKind::Invalid, Some("22012")));
    let text = error.to_string();
    assert!(text.contains("division by zero [SQLSTATE 22012]") && text.contains(".s.PGSQL."), "{text}");
    assert_eq!(connection.one_value("SELECT 7").unwrap().unwrap(), "7");

    for value in ["it's", "back\\slash", "line\nend", "E'"] {
        let quoted = literal(value).unwrap();
        for conforming in ["on", "off"] {
            let sql = format!("SET standard_conforming_strings = {conforming}; SELECT {quoted}");
            assert_eq!(connection.one_value(&sql).unwrap().unwrap(), value);
        }
    }
    let large = connection.one_value("SELECT repeat('x', 5000000)").unwrap().unwrap();
    assert_eq!(large.len(), 5_000_000);
}

#[test]
fn a_query_ends_at_its_deadline_and_the_session_with_it() {
    let cluster = Cluster::start(&installations()[0]);
    let mut connection = cluster.connect();
    let clock = clock();
    let began = clock.monotonic();
    let late = connection.query_within("SELECT pg_sleep(30)", Duration::from_millis(200)).unwrap_err();
    let took = clock.monotonic() - began;
    assert!(took < Duration::from_secs(5) && took >= Duration::from_millis(200), "{took:?}");
    assert_eq!(late.kind(), ErrorKind::Transient);
    assert!(connection.query("SELECT 1").unwrap_err().to_string().contains("broke off earlier"));
}

#[test]
fn a_server_that_is_not_there_is_a_passing_fault() {
    let absent = Settings::new(Address::loopback(free_port()), "postgres");
    assert_eq!(Connection::connect(&absent, clock()).err().unwrap().kind(), ErrorKind::Transient);
    let absent = Settings::new(Address::socket("/tmp/no-such-directory", 5432).unwrap(), "postgres");
    let error = Connection::connect(&absent, clock()).err().unwrap();
    assert!(
        error.kind() == ErrorKind::Transient && error.to_string().contains("/tmp/no-such-directory/.s.PGSQL.5432"),
        "{error}"
    );
}

#[test]
fn a_session_that_the_server_ends_says_why() {
    let cluster = Cluster::start(&installations()[0]);
    let mut connection = cluster.connect();
    let pid = connection.one_value("SELECT pg_backend_pid()").unwrap().unwrap();
    cluster.sql(&format!("SELECT pg_terminate_backend({pid})"));
    let error = connection.query("SELECT 1").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Transient, "{error}");
}

#[test]
fn a_socket_whose_server_hangs_with_a_full_queue_is_given_up_at_the_deadline() {
    use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType, bind, connect, listen, socket_with};
    let folder = tempfile::tempdir().unwrap();
    let address = Address::socket(folder.path(), 5432).unwrap();
    let path = SocketAddrUnix::new(folder.path().join(".s.PGSQL.5432")).unwrap();
    let socket = || socket_with(AddressFamily::UNIX, SocketType::STREAM, SocketFlags::NONBLOCK, None).unwrap();
    let server = socket();
    bind(&server, &path).unwrap();
    listen(&server, 0).unwrap();
    let mut waiting = Vec::new();
    while {
        waiting.push(socket());
        connect(waiting.last().unwrap(), &path).is_ok()
    } {}
    let settings = Settings { deadline: Duration::from_millis(300), ..Settings::new(address, "postgres") };
    let (done, ended) = std::sync::mpsc::channel();
    std::thread::spawn(move || done.send(Connection::connect(&settings, clock()).err().map(|error| error.kind())));
    let ended = ended.recv_timeout(Duration::from_secs(20)).expect("it waits for ever");
    assert_eq!(ended, Some(ErrorKind::Transient));
}
