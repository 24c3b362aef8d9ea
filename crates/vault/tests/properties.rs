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
