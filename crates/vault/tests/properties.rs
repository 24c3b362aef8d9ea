//! Whatever the files are and however they change, every backup of a chain restores bit-identical, at the end of the chain.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test ends where something is not as it must be")]

mod common;

use std::collections::BTreeMap;
use std::fs::OpenOptions;
use std::os::unix::fs::FileExt;
use std::sync::Arc;

use common::tree::Tree;
use common::{Bench, PAGE, fingerprints, page, restored_folder, samples};
use farshore_objects::{Bucket, Local, ObjectStore};
use farshore_vault::names::ManifestName;

fn memory() -> Arc<dyn ObjectStore> {
    Arc::new(Bucket::memory())
}

type Fingerprints = BTreeMap<String, (u64, String)>;

fn differing(left: &Fingerprints, right: &Fingerprints) -> Vec<String> {
    let all: std::collections::BTreeSet<&String> = left.keys().chain(right.keys()).collect();
    let differs = |path: &&&String| left.get(**path) != right.get(**path);
    all.iter().filter(differs).map(|path| format!("{path:?}: {:?} {:?}", left.get(*path), right.get(*path))).collect()
}

fn assert_restores(bench: &Bench, taken: &[(ManifestName, Fingerprints)]) {
    let vault = bench.fresh(bench.store.clone()).unwrap();
    assert_eq!(vault.repository.backups().unwrap().len(), taken.len());
    for (at, (name, expected)) in taken.iter().enumerate() {
        let folder = restored_folder(&vault, name).unwrap_or_else(|error| panic!("backup {at}: {error}"));
        let differing = differing(expected, &fingerprints(folder.path()));
        assert!(differing.is_empty(), "backup {at} differs in (expected, restored): {differing:#?}");
    }
}

/// A full backup and a chain of incrementals with edits between them.
fn chain(store: Arc<dyn ObjectStore>, seed: u64, checksums: bool) {
    let mut bench = Bench::new(store, seed);
    bench.checksums = checksums;
    let mut tree = Tree::grow(bench, seed);
    let mut taken: Vec<(ManifestName, Fingerprints)> = Vec::new();
    let mut since = 0;
    for _ in 0..6 + tree.dice.below(4) {
        let start = tree.next_position();
        let parent = taken.last().map(|(name, _)| (name, since));
        let backup = tree.bench.backup(start, parent);
        taken.push((backup.name, fingerprints(tree.bench.folder.path())));
        since = start;
        for _ in 0..tree.dice.below(25) {
            tree.edit();
        }
    }
    assert_restores(&tree.bench, &taken);
}

#[test]
fn any_tree_and_any_edits_restore_bit_identical_from_memory() {
    samples(4, 200, |seed| chain(memory(), seed, true));
}

#[test]
fn any_tree_and_any_edits_restore_bit_identical_from_a_directory() {
    samples(2, 50, |seed| {
        let folder = tempfile::tempdir().unwrap();
        chain(Arc::new(Local::open_or_create(folder.path()).unwrap()), 1000 + seed, true);
    });
}

/// Without checksums a damaged page cannot be told from an old one, so the edits leave out damage by believing no position.
#[test]
fn any_tree_without_page_checksums_restores_bit_identical() {
    samples(2, 50, |seed| {
        let mut bench = Bench::new(memory(), seed);
        (bench.checksums, bench.believe) = (false, false);
        let mut tree = Tree::grow(bench, 2000 + seed);
        let mut taken: Vec<(ManifestName, Fingerprints)> = Vec::new();
        for _ in 0..4 {
            let start = tree.next_position();
            let backup = tree.bench.backup(start, taken.last().map(|(name, _)| (name, 1)));
            taken.push((backup.name, fingerprints(tree.bench.folder.path())));
            (0..20).for_each(|_| tree.edit());
        }
        assert_restores(&tree.bench, &taken);
    });
}

#[test]
fn page_positions_are_believed_without_checksums_where_the_engine_says_so() {
    let mut bench = Bench::new(memory(), 3);
    bench.checksums = false;
    let pages = |seed: u64| (0..2000).flat_map(|block| page(block, 10 + seed, block as u8)).collect::<Vec<u8>>();
    bench.write("table.pages", &pages(0));
    let before = fingerprints(bench.folder.path());
    let full = bench.backup(1000, None);
    let file = OpenOptions::new().write(true).open(bench.path("table.pages")).unwrap();
    file.write_all_at(&page(77, 1001, 1), 77 * PAGE as u64).unwrap();
    let next = bench.backup(2000, Some((&full.name, 1000)));
    assert!(next.custody.sizes.new < full.custody.sizes.new / 3, "{:?} {:?}", next.custody.sizes, full.custody.sizes);
    assert_restores(&bench, &[(full.name, before), (next.name, fingerprints(bench.folder.path()))]);
}

#[test]
fn a_page_is_kept_only_if_its_position_is_believed_and_old_and_its_file_the_same() {
    // The changed page's position, whether the file is another one, and whether the change may be overlooked.
    let cases = [(1000, false, false), (999, false, true), (100, false, true), (99, false, false), (0, false, false)];
    for (position, other_file, overlooked) in cases.into_iter().chain([(500, true, false)]) {
        for checksums in [true, false] {
            let mut bench = Bench::new(memory(), 3);
            (bench.floor, bench.checksums) = (100, checksums);
            let mut table: Vec<u8> = (0..2000).flat_map(|block| page(block, 500, block as u8)).collect();
            bench.write("table.pages", &table);
            let full = bench.backup(1000, None);
            table[77 * PAGE..78 * PAGE].copy_from_slice(&page(77, position, 1));
            std::fs::write(bench.path("table.pages"), &table).unwrap();
            bench.births.lock().unwrap().insert("table.pages".into(), i64::from(other_file));
            let next = bench.backup(2000, Some((&full.name, 1000)));
            // A database makes no such change; where it is overlooked the digest tells.
            let restored = bench.restored(&next.name);
            assert_eq!(restored.is_err(), overlooked, "{position} {other_file} {checksums}");
            assert!(overlooked || restored.unwrap() == bench.content(), "{position} {other_file} {checksums}");
        }
    }
}

/// What a file of more than one segment goes through: its length in pages, and the blocks that change.
const BOUNDARY: u32 = (128 << 20) / PAGE as u32;

fn boundary_steps() -> [(u32, Vec<u32>); 6] {
    [
        (BOUNDARY + 2000, vec![0, BOUNDARY - 1, BOUNDARY, BOUNDARY + 1, BOUNDARY + 1999]),
        (BOUNDARY + 2000, vec![BOUNDARY - 1, BOUNDARY]),
        (BOUNDARY - 1000, vec![5, BOUNDARY - 1001]),
        (BOUNDARY, vec![BOUNDARY - 1]),
        (BOUNDARY + 1, vec![BOUNDARY]),
        (2 * BOUNDARY + 3, vec![BOUNDARY - 1, BOUNDARY, 2 * BOUNDARY - 1, 2 * BOUNDARY, 2 * BOUNDARY + 2]),
    ]
}

#[test]
fn a_file_that_grows_and_shrinks_across_a_segment_restores_bit_identical() {
    let store = tempfile::tempdir().unwrap();
    let bench = Bench::new(Arc::new(Local::open_or_create(store.path()).unwrap()), 4);
    let mut taken: Vec<(ManifestName, Fingerprints)> = Vec::new();
    let (mut log, mut since) = (100, 0);
    for (pages, blocks) in boundary_steps() {
        for path in ["big.pages", "big"] {
            let file = OpenOptions::new().create(true).truncate(false).write(true).open(bench.path(path)).unwrap();
            file.set_len(u64::from(pages) * PAGE as u64).unwrap();
            for block in &blocks {
                log += 1;
                let page = page(*block, log, log as u8);
                file.write_all_at(&page, u64::from(*block) * PAGE as u64).unwrap();
            }
        }
        log += 1;
        let backup = bench.backup(log, taken.last().map(|(name, _)| (name, since)));
        since = log;
        taken.push((backup.name, fingerprints(bench.folder.path())));
    }
    assert_restores(&bench, &taken);
}

#[test]
fn more_small_files_with_long_names_than_one_index_holds_restore_bit_identical() {
    let mut bench = Bench::new(memory(), 6);
    bench.workers = 1;
    for number in 0..9_000 {
        bench.write(&format!("{}/{}{number:05}", number % 7, "long ".repeat(49)), b"x");
    }
    let full = bench.backup(1000, None);
    let next = bench.backup(2000, Some((&full.name, 1000)));
    // Nothing has changed: the only new pack is that of the catalog.
    let new = next.custody.packs().unwrap().iter().filter(|(pack, _)| pack.id.session == next.name.id.session).count();
    assert_eq!((new, next.custody.sizes.new < full.custody.sizes.new), (1, true));
    let restored = restored_folder(&bench.vault, &next.name).unwrap();
    assert!(fingerprints(restored.path()) == fingerprints(bench.folder.path()));
}
