//! The journal: what was shipped reads back, a dead store delays and never makes a hole, holes are never taken for the end.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "test helpers fail the test")]

mod common;

use std::sync::Arc;
use std::time::Duration;

use common::Bench;
use farshore_objects::layers::{Action, Faults, Verb};
use farshore_objects::{Bucket, ObjectStore};
use farshore_types::{ErrorKind, Position, Progress, SystemClock, Timeline, Timestamp};
use farshore_types::{Generation, SessionId};
use farshore_vault::journal::object::Writer;
use farshore_vault::journal::read::Absent;
use farshore_vault::journal::ship::{Horizon, Settings, Shipment, Shipper};
use farshore_vault::journal::{WAL, chains};
use farshore_vault::names::BLOCK_BYTES;

fn log(from: u64, bytes: usize) -> Vec<u8> {
    (0..bytes).map(|at| (((from + at as u64) * 2_654_435_761) >> 13) as u8).collect()
}

fn shipment(timeline: u32, from: u64, bytes: usize) -> Shipment {
    let moment = Timestamp::from_micros((from + bytes as u64) as i64);
    Shipment { timeline: Timeline(timeline), from: Position(from), bytes: log(from, bytes), moment }
}

fn ship(bench: &Bench, session: u8, shipments: Vec<Shipment>) -> farshore_types::Result<Horizon> {
    let horizon = Horizon::default();
    let (clock, stop) = (SystemClock::new(), Progress::default());
    let shipper = Shipper {
        vault: &bench.vault,
        writer: Writer { generation: Generation(1), session: SessionId([session; 16]) },
        settings: Settings { stream: WAL.to_string(), workers: 2, level: 1 },
        horizon: &horizon,
        stop: &stop,
        clock: &clock,
        entropy: &bench.entropy,
    };
    let (sender, inbox) = Shipper::queue();
    std::thread::scope(|scope| {
        let shipping = scope.spawn(|| shipper.run(inbox));
        for shipment in shipments {
            if sender.send(shipment).is_err() {
                break;
            }
        }
        drop(sender);
        shipping.join().unwrap()
    })?;
    Ok(horizon)
}

fn bench() -> (Arc<Faults>, Bench) {
    let faults = Arc::new(Faults::new(Arc::new(Bucket::memory())));
    let store: Arc<dyn ObjectStore> = faults.clone();
    (faults, Bench::new(store, 5))
}

#[test]
fn what_was_shipped_reads_back_as_segments_padded_with_zeros() {
    let (_, bench) = bench();
    let block = BLOCK_BYTES;
    let shipments = vec![
        shipment(1, block, 3_000_000),
        shipment(1, block + 3_000_000, (block - 3_000_000) as usize),
        shipment(1, 2 * block, 1000),
        Shipment { moment: Timestamp::from_micros(i64::MAX / 2), ..shipment(1, 2 * block + 1000, 0) },
    ];
    let horizon = ship(&bench, 1, shipments).unwrap();
    assert_eq!(horizon.now().position, Position(2 * block + 1000));
    let read = |from: u64| bench.vault.log_segment(WAL, Timeline(1), Position(from), block).unwrap();
    assert_eq!(read(block).unwrap().bytes, log(block, block as usize));
    let last = read(2 * block).unwrap();
    assert_eq!((last.filled, &last.bytes[..1000]), (1000, log(2 * block, 1000).as_slice()));
    assert!(last.bytes[1000..].iter().all(|&byte| byte == 0) && last.bytes.len() as u64 == block);
    assert!(matches!(read(3 * block), Err(Absent::PastTheEnd)));
    assert!(matches!(read(0), Err(Absent::Hole(_))));
    let chains = chains::list(&bench.vault.repository, WAL).unwrap();
    assert_eq!(chains.chains.len(), 1);
    assert_eq!(chains.chains[0].moment, Timestamp::from_micros(i64::MAX / 2));
}

#[test]
fn a_hole_is_never_taken_for_the_end_of_the_log() {
    let (_, bench) = bench();
    ship(&bench, 1, vec![shipment(1, 0, 1000)]).unwrap();
    ship(&bench, 2, vec![shipment(1, 2000, 1000), shipment(2, 500, 700)]).unwrap();
    let read = |timeline, from| bench.vault.log_segment(WAL, Timeline(timeline), Position(from), BLOCK_BYTES).unwrap();
    assert!(matches!(read(1, 0), Err(Absent::Hole(Position(1000)))));
    assert!(matches!(read(2, 0), Err(Absent::Hole(Position(0)))));
    assert!(matches!(read(3, 0), Err(Absent::PastTheEnd)));
    let found = chains::list(&bench.vault.repository, WAL).unwrap();
    assert_eq!(found.chains.len(), 3);
    let repository = &bench.vault.repository;
    let covered =
        |from, to| chains::objects(repository, WAL, Timeline(1), (Position(from), Position(to))).unwrap().is_some();
    assert!(covered(10, 900) && covered(2000, 3000) && !covered(900, 2100) && !covered(0, 1001));
}

#[test]
fn overlapping_ranges_are_joined_if_equal_and_refused_if_not() {
    let (_, bench) = bench();
    ship(&bench, 1, vec![shipment(1, 0, 1000)]).unwrap();
    ship(&bench, 2, vec![shipment(1, 500, 1000)]).unwrap();
    let read = || bench.vault.log_segment(WAL, Timeline(1), Position(0), BLOCK_BYTES);
    assert_eq!(read().unwrap().unwrap().filled, 1500);
    ship(&bench, 3, vec![Shipment { bytes: vec![1; 100], ..shipment(1, 1400, 0) }]).unwrap();
    let error = read().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Corrupt);
    assert!(error.to_string().contains("the journal is broken"), "{error}");
}

#[test]
fn a_dead_store_delays_and_never_makes_a_hole() {
    let (faults, bench) = bench();
    let calls = std::sync::atomic::AtomicUsize::new(0);
    faults.set_hook(Arc::new(move |verb, _| {
        let call = calls.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        match (verb, call % 3) {
            (Verb::PutNew, 0) => Action::FailBefore(ErrorKind::Transient),
            (Verb::PutNew, 1) => Action::FailAfter(ErrorKind::Transient),
            _ => Action::Go,
        }
    }));
    let horizon = ship(&bench, 1, (0..4).map(|at| shipment(1, at * 1000, 1000)).collect()).unwrap();
    assert_eq!(horizon.now().position, Position(4000));
    assert!(horizon.now().trouble.is_none());
    let found = chains::list(&bench.vault.repository, WAL).unwrap();
    assert_eq!((found.chains.len(), found.chains[0].to), (1, Position(4000)));
    assert_eq!(horizon.wait(Duration::ZERO, |_| true).objects, 4);
}

#[test]
fn history_files_read_back() {
    let (_, bench) = bench();
    let writer = Writer { generation: Generation(1), session: SessionId([1; 16]) };
    let sealed = farshore_vault::journal::object::seal_history(
        &bench.vault,
        writer,
        (WAL, Timeline(2)),
        b"1\t0/5\n",
        &bench.entropy,
    );
    let (name, bytes) = sealed.unwrap();
    bench.store.put_new(&name.to_string(), bytes.into()).unwrap();
    assert_eq!(bench.vault.history(WAL, Timeline(2)).unwrap().unwrap(), b"1\t0/5\n");
    assert!(bench.vault.history(WAL, Timeline(3)).unwrap().is_none());
}

#[test]
fn what_is_no_object_of_the_journal_is_passed_over() {
    let (_, bench) = bench();
    ship(&bench, 1, vec![shipment(1, 0, 1000)]).unwrap();
    let folder = farshore_vault::names::block_folder(WAL, Timeline(1), Position(0));
    bench.vault.repository.store().put_new(&format!("{folder}stray"), bytes::Bytes::from_static(b"x")).unwrap();
    let segment = bench.vault.log_segment(WAL, Timeline(1), Position(0), 1000).unwrap().unwrap();
    assert_eq!(segment.bytes, log(0, 1000));
}

#[test]
fn a_segment_that_no_log_has_is_refused() {
    let (_, bench) = bench();
    for (from, size) in [(u64::MAX - 10, 4096), (0, u64::MAX), (0, 1 << 40)] {
        let error = bench.vault.log_segment(WAL, Timeline(1), Position(from), size).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Invalid, "{from} {size}");
    }
    let last = bench.vault.log_segment(WAL, Timeline(1), Position(u64::MAX - 4096), 4096).unwrap();
    assert!(matches!(last, Err(Absent::PastTheEnd)));
}

#[test]
fn the_newest_stream_is_found_although_one_before_it_was_swept() {
    let (_, bench) = bench();
    let found = || chains::newest_stream(&bench.vault.repository, WAL).unwrap();
    assert_eq!(found(), "wal");
    ship(&bench, 1, vec![shipment(1, 0, 1000)]).unwrap();
    let horizon = Horizon::default();
    let (clock, stop) = (SystemClock::new(), Progress::default());
    let shipper = Shipper {
        vault: &bench.vault,
        writer: Writer { generation: Generation(1), session: SessionId([2; 16]) },
        settings: Settings { stream: "walc".to_string(), workers: 1, level: 1 },
        horizon: &horizon,
        stop: &stop,
        clock: &clock,
        entropy: &bench.entropy,
    };
    let (sender, inbox) = Shipper::queue();
    sender.send(shipment(1, 0, 1000)).unwrap();
    drop(sender);
    shipper.run(inbox).unwrap();
    assert_eq!(found(), "walc");
}
