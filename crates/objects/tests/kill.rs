//! A process killed with SIGKILL in the middle of its puts leaves whole objects only, and loses none that it was told of.
//!
//! The test binary starts itself as the writer: `the_writer_to_be_killed` does nothing unless it is told a directory.
#![allow(clippy::unwrap_used, reason = "the helpers of a test file are test code")]

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;

use bytes::Bytes;
use farshore_objects::{Local, ObjectStore};

const ROUNDS: usize = 25;
const THREADS: usize = 3;
const STORE: &str = "FARSHORE_TEST_KILL_STORE";
const ROUND: &str = "FARSHORE_TEST_KILL_ROUND";

/// The bytes that belong to a name; between 0.3 and 3 MiB.
fn content(name: &str) -> Bytes {
    let seed = name.bytes().fold(7_usize, |seed, byte| (seed * 31 + usize::from(byte)) % 10);
    Bytes::from(name.repeat((seed + 1) * 300_000 / name.len()))
}

#[test]
#[ignore = "started by the test below as a process of its own"]
fn the_writer_to_be_killed() {
    let (Ok(directory), Ok(round)) = (std::env::var(STORE), std::env::var(ROUND)) else { return };
    let store = Local::open(Path::new(&directory)).unwrap();
    thread::scope(|scope| {
        for writer in 0..THREADS {
            let (store, round) = (&store, &round);
            scope.spawn(move || {
                for number in 0.. {
                    let name = format!("round/{round}/{}/{writer}-{number}", number % 5);
                    let body = content(&name);
                    println!("begin {name}");
                    put(store, &name, body, number);
                    println!("done {name}");
                }
            });
        }
    });
}

/// Every second object in pieces.
fn put(store: &Local, name: &str, body: Bytes, number: usize) {
    let piece = |at: u64| body.slice(at as usize..body.len().min(at as usize + 100_000));
    match number % 2 {
        0 => store.put_new(name, body).unwrap(),
        _ => store.put_pieces(name, body.len() as u64, &mut |at| Ok(piece(at))).unwrap(),
    }
}

fn start_writer(directory: &Path, round: usize) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "the_writer_to_be_killed", "--ignored", "--nocapture"])
        .env(STORE, directory)
        .env(ROUND, round.to_string())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

/// Kills the writer as soon as it has begun some puts, and returns the names that it said were done.
fn kill_after(mut writer: Child, begun_max: usize) -> BTreeSet<String> {
    let (mut begun, mut done) = (0, BTreeSet::new());
    for line in BufReader::new(writer.stdout.take().unwrap()).lines() {
        let line = line.unwrap();
        if let Some((_, name)) = line.split_once("done ") {
            done.insert(name.to_string());
        } else if line.contains("begin ") {
            begun += 1;
            if begun == begun_max {
                writer.kill().unwrap();
            }
        }
    }
    writer.wait().unwrap();
    assert!(begun >= begun_max, "the writer ended by itself after {begun} puts");
    done
}

#[test]
fn a_killed_writer_leaves_whole_objects_and_keeps_those_it_was_told_of() {
    let home = tempfile::tempdir().unwrap();
    let staging = home.path().join("#staging");
    let mut done = BTreeSet::new();
    for round in 0..ROUNDS {
        done.extend(kill_after(start_writer(home.path(), round), round + 1));
    }
    let leftovers = std::fs::read_dir(&staging).unwrap().count();
    assert!(leftovers > 0, "no kill hit the middle of a put: the test proves nothing");

    let store = Local::open(home.path()).unwrap();
    let mut listed = BTreeSet::new();
    store
        .list("", &mut |object| {
            assert!(object.name.starts_with("round/"), "{} is not an object", object.name);
            assert!(store.get(&object.name)? == content(&object.name), "{} is not whole", object.name);
            listed.insert(object.name);
            Ok(())
        })
        .unwrap();
    let lost: Vec<_> = done.difference(&listed).collect();
    assert!(lost.is_empty(), "acknowledged but not there: {lost:?}");
    println!("{} objects acknowledged, {} there, {leftovers} staged leftovers skipped", done.len(), listed.len());

    for name in &listed {
        store.put_new(name, content(name)).unwrap();
    }
}
