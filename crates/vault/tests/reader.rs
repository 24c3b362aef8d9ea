//! The independent reader (tests/reader, in Python, written from docs/format.md alone) restores what this code wrote: a fresh
//! repository, and the golden one that was written once and for all. This code restores the golden one too.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "test helpers fail the test")]

mod common;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use common::{Bench, PAGE, content, page};
use farshore_objects::{Local, ObjectStore};
use farshore_types::{Generation, Position, Progress, SessionId, Timeline, Timestamp};
use farshore_vault::format::seal::{Squeeze, VERSION};
use farshore_vault::journal::WAL;
use farshore_vault::journal::object::{Range, Writer, seal_history, seal_range};
use farshore_vault::{Hash, Identity, Repository, Vault};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn golden() -> PathBuf {
    root().join(format!("tests/golden/{VERSION}"))
}

/// Runs the reader; `None` where no Python with its modules is named, which CI does not accept.
fn reader(args: &[&str]) -> Option<String> {
    let Some(python) = std::env::var_os("FARSHORE_TEST_PYTHON").filter(|python| !python.is_empty()) else {
        assert!(std::env::var_os("CI").is_none(), "FARSHORE_TEST_PYTHON is not set (scripts/env.sh sets it)");
        eprintln!("SKIPPED: FARSHORE_TEST_PYTHON is not set");
        return None;
    };
    let output = Command::new(python).arg(root().join("tests/reader/reader.py")).args(args).output().unwrap();
    assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
    Some(String::from_utf8(output.stdout).unwrap())
}

fn write_key(folder: &Path, identity: &Identity) -> String {
    let path = folder.join("key");
    std::fs::write(&path, identity.to_file_text()).unwrap();
    path.to_str().unwrap().to_string()
}

fn log(bytes: usize) -> Vec<u8> {
    (0..bytes).map(|at| (at / 7 % 251) as u8).collect()
}

/// Files of every kind, a full and an incremental backup, and a journal over two timelines with marks.
fn write_everything(store: Arc<dyn ObjectStore>) -> (Bench, Vec<BTreeMap<String, Vec<u8>>>) {
    let bench = Bench::new(store, 11);
    let other = Identity::random(&bench.entropy).unwrap();
    bench.vault.add_recipient(&other.recipients()[0], &bench.entropy).unwrap();
    let mut table: Vec<u8> = (0..900).flat_map(|block| page(block, 10 + u64::from(block), block as u8)).collect();
    table[PAGE * 600..PAGE * 700].fill(0);
    bench.write("base/1/table.pages", &table);
    bench.write("base/1/few.pages", &table[..PAGE * 4]);
    bench.write("global/map", b"a map");
    bench.write("global/large", &log(400_000));
    bench.write("empty", b"");
    std::os::unix::fs::symlink("base/1", bench.path("link")).unwrap();
    let full = bench.backup(2000, None);
    let mut states = vec![bench.content()];
    for block in [3u32, 500, 650, 899] {
        table[block as usize * PAGE..][..PAGE].copy_from_slice(&page(block, 2500, 7));
    }
    std::fs::write(bench.path("base/1/table.pages"), &table).unwrap();
    bench.write("base/1/new", b"new");
    bench.backup(3000, Some((&full.name, 2000)));
    states.push(bench.content());
    let writer = Writer { generation: Generation(9), session: SessionId([9; 16]) };
    let mut squeeze = Squeeze::new(1).unwrap();
    let bytes = log(3_000_000);
    for (timeline, from, to) in
        [(1, 0, 1_200_000), (1, 1_200_000, 2_000_000), (2, 0, 3_000_000), (2, 3_000_000, 3_000_000)]
    {
        let moment = Timestamp::from_micros(to as i64 + 1);
        let range = Range {
            stream: WAL,
            timeline: Timeline(timeline),
            from: Position(from),
            bytes: &bytes[from as usize..to as usize],
            moment,
        };
        let (name, object) = seal_range(&bench.vault, writer, &range, &mut squeeze, &bench.entropy).unwrap();
        bench.store.put_new(&name.to_string(), object.into()).unwrap();
    }
    let sealed =
        seal_history(&bench.vault, writer, (WAL, Timeline(2)), b"1\t0/186A00\tswitch\n", &bench.entropy).unwrap();
    bench.store.put_new(&sealed.0.to_string(), sealed.1.into()).unwrap();
    (bench, states)
}

fn read_back(repository: &Path, key: &str, backup: &str) -> Option<BTreeMap<String, Vec<u8>>> {
    let to = tempfile::tempdir().unwrap();
    let target = to.path().join("restored");
    reader(&[
        "restore",
        "--repository",
        repository.to_str()?,
        "--identity",
        key,
        "--backup",
        backup,
        "--to",
        target.to_str()?,
    ])?;
    Some(content(&target))
}

#[test]
fn the_independent_reader_restores_a_fresh_repository() {
    let folder = tempfile::tempdir().unwrap();
    let (store, keys) = (folder.path().join("store"), folder.path());
    let (bench, states) = write_everything(Arc::new(Local::open_or_create(&store).unwrap()));
    let key = write_key(keys, &bench.identity);
    for (name, state) in bench.vault.repository.backups().unwrap().iter().zip(&states) {
        if let Some(restored) = read_back(&store, &key, &name.id.to_string()) {
            assert_eq!(restored, *state);
        }
    }
    let out = folder.path().join("log");
    let range = ["--timeline", "2", "--from", "0", "--to", "3000000", "--out", out.to_str().unwrap()];
    let common = ["journal", "--repository", store.to_str().unwrap(), "--identity", &key];
    if reader(&[&common[..], &range[..]].concat()).is_some() {
        assert_eq!(std::fs::read(out).unwrap(), log(3_000_000));
        reader(&["verify", "--repository", store.to_str().unwrap(), "--identity", &key]).unwrap();
    }
}

/// Path and SHA-256 of every file of every backup, one line each.
fn summary(states: &[BTreeMap<String, Vec<u8>>]) -> String {
    let line = |number: usize, path: &String, bytes: &Vec<u8>| format!("{} {path} {}\n", number + 1, Hash::of(bytes));
    let lines = states
        .iter()
        .enumerate()
        .flat_map(|(number, state)| state.iter().map(move |(path, bytes)| line(number, path, bytes)));
    lines.collect()
}

/// `FARSHORE_MAKE_GOLDEN=1 cargo test -p farshore-vault --test reader` writes the golden repository of a new format version; one that
/// exists is never written again.
#[test]
fn the_golden_repository_restores_with_both_readers() {
    let (folder, store) = (golden(), golden().join("store"));
    if std::env::var_os("FARSHORE_MAKE_GOLDEN").is_some() {
        assert!(!folder.exists(), "the golden repository of this version exists");
        let (bench, states) = write_everything(Arc::new(Local::open_or_create(&store).unwrap()));
        write_key(&folder, &bench.identity);
        std::fs::write(folder.join("expected"), summary(&states)).unwrap();
    }
    let expected = std::fs::read_to_string(folder.join("expected")).unwrap();
    let key = folder.join("key");
    let identity = Identity::parse(&std::fs::read_to_string(&key).unwrap()).unwrap();
    // A checkout has other permission bits than a store makes; the copy has its own.
    let copy = tempfile::tempdir().unwrap();
    assert!(Command::new("cp").arg("-r").arg(&store).arg(copy.path()).status().unwrap().success());
    let store = copy.path().join("store");
    let vault: Vault = Repository::open(Arc::new(Local::open(&store).unwrap())).unwrap().unlock(&identity).unwrap();
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for name in vault.repository.backups().unwrap() {
        let to = tempfile::tempdir().unwrap();
        let backup = vault.open_backup(&name).unwrap();
        farshore_vault::read::restore(&vault, &backup, to.path(), &Default::default(), &Progress::default()).unwrap();
        let mut state = content(to.path());
        state.insert("closing/control".into(), b"control".to_vec());
        ours.push(state);
        theirs.extend(read_back(&store, key.to_str().unwrap(), &name.id.to_string()));
    }
    assert_eq!(summary(&ours), expected);
    assert!(theirs.is_empty() || summary(&theirs) == expected);
    let segment = vault.log_segment(WAL, Timeline(2), Position(0), 1 << 20).unwrap().unwrap();
    assert_eq!(segment.bytes, log(3_000_000)[..1 << 20]);
    assert_eq!(vault.history(WAL, Timeline(2)).unwrap().unwrap(), b"1\t0/186A00\tswitch\n");
}
