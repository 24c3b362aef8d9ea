//! Streaming the log of real servers.

use std::io::{Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::time::Duration;

use farshore_engines::postgresql::history::{History, segment_name};
use farshore_engines::postgresql::replication::{Event, Replication, Stream};
use farshore_engines::postgresql::server::Watermark;
use farshore_engines::postgresql::slot::{self, WalStatus};
use farshore_engines::postgresql::wire::{Address, Settings, sqlstate};
use farshore_types::{ErrorKind, Position, Timeline};
use rustix::process::Signal;

use crate::copy::standby_of;
use crate::snapshot::wait_for;
use crate::support::{Cluster, clock, installations};

const SEGMENT: u64 = 16 << 20;
const WAIT: Duration = Duration::from_millis(200);

/// Receives until a position is reached; returns all bytes.
fn receive(stream: &mut Stream, until: Position) -> Vec<u8> {
    let (mut all, clock) = (Vec::new(), clock());
    while stream.received() < until {
        if let Event::Wal { bytes, server_end, start, .. } = stream.next(WAIT).unwrap() {
            assert!(server_end >= start);
            all.extend_from_slice(bytes);
        }
        assert!(clock.monotonic().as_secs() < 60, "only {} of {until}", stream.received());
    }
    all
}

#[test]
fn a_stream_carries_exactly_the_bytes_of_the_segments() {
    for bin in installations() {
        let cluster = Cluster::start(&bin);
        let mut session = cluster.connect();
        let kept = slot::create(&mut session, "farshore_test").unwrap();
        assert_eq!(slot::create(&mut session, "farshore_test").unwrap_err().kind(), ErrorKind::Conflict);
        session.query("CREATE TABLE t AS SELECT g, repeat('y', 500) FROM generate_series(1, 100000) AS g").unwrap();
        session.query("SELECT pg_switch_wal()").unwrap();
        let mut replication = cluster.replication();
        let identity = replication.identify().unwrap();
        assert_eq!(identity.timeline, Timeline(1));
        let (from, until) = (kept.aligned_down(SEGMENT), identity.flushed.aligned_down(SEGMENT));
        assert!(until.0 - from.0 >= 3 * SEGMENT, "{from} {until}");
        let mut stream = replication.start(Some("farshore_test"), from, Timeline(1)).unwrap();
        let received = receive(&mut stream, until);
        let segments = (from.0..until.0).step_by(usize::try_from(SEGMENT).unwrap());
        for (start, received) in segments.zip(received.chunks(usize::try_from(SEGMENT).unwrap())) {
            let name = segment_name(Timeline(1), Position(start), SEGMENT);
            let stored = std::fs::read(cluster.data.join("pg_wal").join(&name)).unwrap();
            assert!(stored == received, "{name} differs");
        }

        let slot = slot::read(&mut session, "farshore_test").unwrap().unwrap();
        assert!(slot.active && slot.status == WalStatus::Reserved && slot.room_bytes.is_none());
        assert_eq!(slot::remove(&mut session, "farshore_test").unwrap_err().kind(), ErrorKind::Conflict);
        let received = stream.received();
        stream.confirm(received, until).unwrap();
        wait_for(&cluster, &format!("SELECT restart_lsn = '{until}' FROM pg_replication_slots"));
        let mut replication = stream.stop().unwrap();
        assert_eq!(replication.identify().unwrap().timeline, Timeline(1));
        replication.close();
        wait_for(&cluster, "SELECT NOT active FROM pg_replication_slots");
        slot::remove(&mut session, "farshore_test").unwrap();
        slot::remove(&mut session, "farshore_test").unwrap();
        assert_eq!(slot::read(&mut session, "farshore_test").unwrap(), None);
    }
}

#[test]
fn an_idle_server_tells_its_clock_and_a_keepalive_can_be_answered() {
    let mut cluster = Cluster::make(&installations()[0], &[]);
    cluster.run(&["wal_sender_timeout=2s"]);
    let mut replication = cluster.replication();
    let end = replication.identify().unwrap().flushed;
    let mut stream = replication.start(None, end.aligned_down(SEGMENT), Timeline(1)).unwrap();
    receive(&mut stream, end);
    let clock = clock();
    let (began, mut alive) = (clock.monotonic(), 0);
    while clock.monotonic() - began < Duration::from_secs(5) {
        let received = stream.received();
        match stream.next(WAIT).unwrap() {
            Event::KeepAlive { server_end, server_clock, .. } => {
                assert!(server_end >= received && clock.now().seconds_since(server_clock) < 5.0);
                alive += 1;
            }
            Event::Wal { .. } | Event::Nothing => {}
            Event::EndOfTimeline { .. } => panic!("the timeline ended"),
        }
        // Without this the server would hang up after two seconds.
        stream.confirm_and_ask(received, received).unwrap();
    }
    assert!(alive >= 10, "{alive}");
    // Now nothing is confirmed any more: the server asks, then hangs up.
    let mut asked = false;
    let error = loop {
        match stream.next(WAIT) {
            Ok(Event::KeepAlive { reply, .. }) => asked |= reply,
            Ok(_) => {}
            Err(error) => break error,
        }
    };
    assert!(asked && error.kind() == ErrorKind::Transient, "{asked} {error}");
}

#[test]
fn a_promotion_ends_the_timeline_and_the_stream_goes_on_with_the_next() {
    for bin in installations() {
        let cluster = Cluster::start(&bin);
        let standby = standby_of(&cluster);
        cluster.sql("CREATE TABLE t AS SELECT generate_series(1, 10000)");
        let mut stream =
            standby.replication().start(None, Position(SEGMENT), Timeline(1)).unwrap_err_or_stream(&standby);
        standby.sql("SELECT pg_promote()");
        let (clock, mut end) = (clock(), None);
        while end.is_none() {
            if let Event::EndOfTimeline { next, switch } = stream.next(WAIT).unwrap() {
                end = Some((next, switch));
            }
            assert!(clock.monotonic().as_secs() < 30, "the timeline does not end");
        }
        let (next, switch) = end.unwrap();
        assert_eq!((next, switch), (Timeline(2), stream.received()));
        assert_eq!(stream.next(WAIT).unwrap(), Event::EndOfTimeline { next, switch });

        let mut replication = stream.stop().unwrap();
        let history = replication.timeline_history(next).unwrap();
        assert_eq!(history.name, "00000002.history");
        assert_eq!(history.content, std::fs::read(standby.data.join("pg_wal/00000002.history")).unwrap());
        assert_eq!(History::parse(next, &history.content).unwrap().end_of(Timeline(1)), Some(switch));

        let mut stream = replication.start(None, switch.aligned_down(SEGMENT), next).unwrap();
        standby.sql("CREATE TABLE u AS SELECT generate_series(1, 10000)");
        let reached: Position = standby.sql("SELECT pg_current_wal_flush_lsn()").parse().unwrap();
        receive(&mut stream, reached);

        // The old timeline once more, from its very end: there is nothing to stream.
        let mut ended = standby.replication().start(None, switch, Timeline(1)).unwrap();
        assert_eq!(ended.next(WAIT).unwrap(), Event::EndOfTimeline { next, switch });
        let beyond = standby.replication().start(None, Position(switch.0 + SEGMENT), Timeline(1)).err().unwrap();
        assert_eq!(beyond.kind(), ErrorKind::Invalid, "{beyond}");
    }
}

/// The first segments of a copy may lie before its base backup: start where the standby's log starts.
trait OrFromStart {
    fn unwrap_err_or_stream(self, standby: &Cluster) -> Stream;
}

impl OrFromStart for farshore_types::Result<Stream> {
    fn unwrap_err_or_stream(self, standby: &Cluster) -> Stream {
        let names = std::fs::read_dir(standby.data.join("pg_wal")).unwrap().flatten().map(|entry| entry.file_name());
        let first =
            names.filter_map(|name| farshore_engines::postgresql::history::parse_segment_name(name.to_str()?, SEGMENT));
        let (timeline, from) = first.min().unwrap();
        drop(self);
        standby.replication().start(None, from, timeline).unwrap()
    }
}

#[test]
fn log_that_is_gone_is_reported_as_missing() {
    let mut cluster = Cluster::make(&installations()[0], &["--wal-segsize=1"]);
    cluster.run(&["max_wal_size=2MB", "min_wal_size=2MB", "max_slot_wal_keep_size=2MB"]);
    let mut session = cluster.connect();
    let kept = slot::create(&mut session, "lagging").unwrap();
    let slot = slot::read(&mut session, "lagging").unwrap().unwrap();
    let room = slot.room_bytes.unwrap_or_else(|| panic!("{slot:?}"));
    assert!(room > 0 && room < 8 << 20, "{room}");
    for _ in 0..12 {
        session
            .query("SELECT pg_logical_emit_message(false, 'x', repeat('z', 500000)); SELECT pg_switch_wal()")
            .unwrap();
    }
    session.query("CHECKPOINT").unwrap();
    assert_eq!(slot::read(&mut session, "lagging").unwrap().unwrap().status, WalStatus::Lost);
    // Some versions refuse the lost slot, others notice when they look for the file.
    for slot in [Some("lagging"), None] {
        let stream = cluster.replication().start(slot, kept, Timeline(1));
        let error = stream.and_then(|mut stream| stream.next(Duration::from_secs(10)).map(|_| ())).unwrap_err();
        assert!(error.kind() == ErrorKind::Missing && error.to_string().contains("full backup"), "{error}");
        assert!(matches!(sqlstate(&error), Some("58P01" | "55000")));
    }
}

#[test]
fn a_server_that_stops_ends_the_stream_with_a_passing_fault() {
    let mut cluster = Cluster::start(&installations()[0]);
    let mut stream = cluster.replication().start(None, Position(SEGMENT), Timeline(1)).unwrap();
    cluster.signal(Signal::INT);
    let error = loop {
        let received = stream.received();
        // A server that stops waits until everything is confirmed.
        let outcome = stream.confirm(received, received).and_then(|()| stream.next(WAIT).map(|_| ()));
        if let Err(error) = outcome {
            break error;
        }
    };
    assert_eq!(error.kind(), ErrorKind::Transient, "{error}");
    cluster.stop();
}

#[test]
fn every_commit_before_a_watermarks_time_lies_before_its_position() {
    let cluster = Cluster::start(&installations()[0]);
    let mut session = cluster.connect();
    session.query("CREATE TABLE t (a int)").unwrap();
    let before = Watermark::read(&mut session).unwrap();
    session.query("INSERT INTO t VALUES (1)").unwrap();
    let after = Watermark::read(&mut session).unwrap();
    assert!(after.time > before.time && after.position > before.position);
    assert_eq!(Watermark::read(&mut session).unwrap().position, after.position);
}

/// One message of a server.
fn message(tag: u8, body: &[u8]) -> Vec<u8> {
    let length = u32::try_from(body.len() + 4).unwrap().to_be_bytes();
    [&[tag][..], &length, body].concat()
}

/// The text of the next query.
fn query(client: &mut UnixStream) -> String {
    let mut head = [0; 5];
    client.read_exact(&mut head).unwrap();
    let mut body = vec![0; u32::from_be_bytes(head[1..].try_into().unwrap()) as usize - 4];
    client.read_exact(&mut body).unwrap();
    String::from_utf8(body).unwrap()
}

/// A server of version 13 in the few words of a stream: it wants to be asked who it is, and it tells of settings that change.
fn talkative(listener: &UnixListener) {
    let (mut client, _) = listener.accept().unwrap();
    let mut length = [0; 4];
    client.read_exact(&mut length).unwrap();
    let mut startup = vec![0; u32::from_be_bytes(length) as usize - 4];
    client.read_exact(&mut startup).unwrap();
    let ready = message(b'Z', b"I");
    client.write_all(&[message(b'R', &[0; 4]), ready.clone()].concat()).unwrap();
    assert!(query(&mut client).starts_with("IDENTIFY_SYSTEM"));
    let columns: Vec<u8> =
        ["systemid", "timeline", "xlogpos"].iter().flat_map(|name| [name.as_bytes(), &[0; 19]].concat()).collect();
    let values: Vec<u8> = ["7", "1", "0/2000000"]
        .iter()
        .flat_map(|value| [&u32::try_from(value.len()).unwrap().to_be_bytes()[..], value.as_bytes()].concat())
        .collect();
    let three = &[0, 3][..];
    let answer = [message(b'T', &[three, &columns].concat()), message(b'D', &[three, &values].concat()), ready];
    client.write_all(&answer.concat()).unwrap();
    assert!(query(&mut client).starts_with("START_REPLICATION"));
    let wal = [&b"w"[..], &0x100_0000_u64.to_be_bytes(), &0x100_0003_u64.to_be_bytes(), &[0; 8], b"log"].concat();
    let said = [
        message(b'W', &[0, 0, 0]),
        message(b'N', b"SNOTICE\0Mlisten\0\0"),
        message(b'S', b"IntervalStyle\0iso_8601\0"),
        message(b'A', &[0; 6]),
        message(b'd', &wal),
    ];
    client.write_all(&said.concat()).unwrap();
    let _ = client.read(&mut [0; 64]);
}

#[test]
fn a_stream_outlives_what_a_server_may_say_at_any_time() {
    let base = tempfile::tempdir().unwrap();
    let listener = UnixListener::bind(base.path().join(".s.PGSQL.5432")).unwrap();
    std::thread::scope(|scope| {
        scope.spawn(|| talkative(&listener));
        let settings = Settings::new(Address::socket(base.path(), 5432).unwrap(), "postgres");
        let replication = Replication::connect(&settings, clock()).unwrap();
        let mut stream = replication.start(None, Position(0x100_0000), Timeline(1)).unwrap();
        assert_eq!(receive(&mut stream, Position(0x100_0003)), b"log");
    });
}
