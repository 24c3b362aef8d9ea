//! Verify names every damage of every kind of stored object, and nothing else.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "test helpers fail the test")]

mod common;

use std::collections::BTreeMap;
use std::sync::Arc;

use common::{Bench, KIND, PAGE, log, page};
use farshore_objects::{Bucket, ObjectStore};
use farshore_types::{Generation, PageKind, PageState, Progress, SessionId};
use farshore_vault::backup::Taken;
use farshore_vault::care::verify::{Finding, Gravity, Level, Request, Verified, Which, verify};
use farshore_vault::format::notes::{self, FenceNote, Purpose, SessionNote, Tombstone};
use farshore_vault::names::{ManifestName, SESSIONS, TOMBSTONES};
use farshore_vault::{Identity, Repository};

fn table(blocks: u32, position: u64) -> Vec<u8> {
    (0..blocks).flat_map(|block| page(block, position + u64::from(block), block as u8)).collect()
}

/// A repository with every kind of object: two backups, journal, history, an unused wrap, a fence, a session, a tombstone.
fn filled() -> (Bench, Taken, Taken) {
    let store: Arc<dyn ObjectStore> = Arc::new(Bucket::memory());
    let bench = Bench::new(store.clone(), 3);
    let unused = Identity::random(&bench.entropy).unwrap();
    bench.vault.add_recipient(&unused.recipients()[0], &bench.entropy).unwrap();
    bench.write("base/table.pages", &table(200, 10));
    bench.write("base/small", b"small");
    let journal = vec![log::put(&bench.vault, 1, (1000, 1500), &bench.entropy)];
    let full = log::backup(&bench, 1000, None, log::closing(1, (1000, 1500), journal));
    bench.write("base/table.pages", &[table(200, 10), table(1, 1600)].concat());
    let journal = vec![
        log::put(&bench.vault, 1, (1500, 2000), &bench.entropy),
        log::put_history(&bench.vault, 1, &bench.entropy),
    ];
    let closing = log::closing(1, (1500, 2000), journal);
    let next = log::backup(&bench, 1600, Some((&full.name, 1000)), closing);
    log::put(&bench.vault, 1, (2000, 2000), &bench.entropy);
    let session = SessionId([9; 16]);
    let (fence, bytes) = notes::encode_fence(&FenceNote { session, reason: "a test".to_string() }).unwrap();
    store.put_new(&fence.to_string(), bytes.into()).unwrap();
    let note = SessionNote { purpose: Purpose::Copy, pins: None, needs: Vec::new(), deadline_s: 5 };
    let (name, bytes) = notes::encode(SESSIONS, Generation(1), session, &note).unwrap();
    store.put_new(&name.to_string(), bytes.into()).unwrap();
    let (name, bytes) = notes::encode(TOMBSTONES, Generation(1), session, &Tombstone::default()).unwrap();
    store.put_new(&name.to_string(), bytes.into()).unwrap();
    (bench, full, next)
}

fn run(bench: &Bench, level: Level, which: Which, kinds: &[PageKind]) -> (Verified, Vec<Finding>) {
    let progress = Progress::default();
    let request = Request { level, which, kinds, workers: 2, progress: &progress };
    let mut findings = Vec::new();
    let vault = (level == Level::Content).then_some(&bench.vault);
    let verified = verify(&bench.vault.repository, vault, &request, &mut |finding| findings.push(finding)).unwrap();
    assert_eq!(verified.damages, findings.iter().filter(|found| found.gravity == Gravity::Damage).count() as u64);
    (verified, findings)
}

fn replace(store: &dyn ObjectStore, name: &str, bytes: Vec<u8>) {
    store.delete(name).unwrap();
    store.put_new(name, bytes.into()).unwrap();
}

#[test]
fn a_whole_repository_has_no_damage_at_any_level() {
    let (bench, full, next) = filled();
    for level in [Level::Listing, Level::Scrub, Level::Content] {
        let (verified, findings) = run(&bench, level, Which::All, &[KIND]);
        assert_eq!(findings, [], "{level:?}");
        assert_eq!(verified.backups, [full.name, next.name]);
        assert_eq!(verified.listed.objects, log::objects(&*bench.store).len() as u64);
        let scrubbed = if level == Level::Listing { 0 } else { verified.listed.bytes };
        assert_eq!(verified.scrubbed.bytes, scrubbed);
        // The table is read twice because it changed; the small file is shared.
        let pages = if level == Level::Content { 200 + 201 } else { 0 };
        assert_eq!((verified.pages, verified.pages_unchecked), (pages, 0));
    }
    let (verified, findings) = run(&bench, Level::Content, Which::Only(vec![full.name]), &[KIND]);
    assert_eq!((findings, verified.backups, verified.pages), (vec![], vec![full.name], 200));
    let request =
        Request { level: Level::Content, which: Which::All, kinds: &[], workers: 1, progress: &Progress::default() };
    assert!(verify(&bench.vault.repository, None, &request, &mut |_| ()).is_err());
}

#[test]
fn every_flip_truncation_growth_and_swap_is_named_without_keys() {
    let (bench, ..) = filled();
    let before = log::objects(&*bench.store);
    let folders: std::collections::BTreeSet<_> = before.keys().map(|name| name.split('/').next().unwrap()).collect();
    assert_eq!(folders.len(), 8, "every kind of object is tested: {folders:?}");
    for (name, bytes) in &before {
        let other = before.values().find(|other| *other != bytes).unwrap();
        let flips = [0, bytes.len() / 3, bytes.len() / 2, bytes.len() - 2, bytes.len() - 1].map(|at| {
            let mut flipped = bytes.clone();
            flipped[at] ^= 1;
            flipped
        });
        let others = [bytes[..bytes.len() - 1].to_vec(), Vec::new(), [bytes, &b"x"[..]].concat(), other.clone()];
        for damaged in flips.into_iter().chain(others) {
            replace(&*bench.store, name, damaged);
            let (_, findings) = run(&bench, Level::Scrub, Which::All, &[]);
            let named = |found: &Finding| found.object == *name && found.gravity == Gravity::Damage;
            assert!(findings.iter().any(named), "{name}: {findings:?}");
            assert!(findings.iter().all(named), "only {name} is damaged: {findings:?}");
        }
        replace(&*bench.store, name, bytes.clone());
    }
    assert_eq!(run(&bench, Level::Scrub, Which::All, &[]).1, []);
}

#[test]
fn every_renaming_of_a_sealed_object_is_named_without_keys() {
    let (bench, ..) = filled();
    let before = log::objects(&*bench.store);
    let sealed = before
        .iter()
        .filter(|(name, _)| ["packs/", "backups/", "journal/"].iter().any(|folder| name.starts_with(folder)));
    for (name, bytes) in sealed {
        let place = name.rfind('/').unwrap() + 1;
        let mut detected = 0;
        for at in place..name.len() {
            let mut renamed = name.clone().into_bytes();
            renamed[at] = if renamed[at] == b'1' { b'2' } else { b'1' };
            let renamed = String::from_utf8(renamed).unwrap();
            if renamed == *name || before.contains_key(&renamed) {
                continue;
            }
            bench.store.delete(name).unwrap();
            bench.store.put_new(&renamed, bytes.clone().into()).unwrap();
            let (_, findings) = run(&bench, Level::Scrub, Which::All, &[]);
            let named = |found: &Finding| found.object == renamed && found.gravity == Gravity::Damage;
            // The writer in a manifest's name is that of this region, by design bound to nothing.
            let manifest_writer = ManifestName::parse(&renamed).ok().zip(ManifestName::parse(name).ok());
            let same_backup = manifest_writer.is_some_and(|(new, old)| new.id == old.id && new.hash == old.hash);
            assert!(same_backup || findings.iter().any(named), "{name} as {renamed}: {findings:?}");
            detected += usize::from(!same_backup);
            bench.store.delete(&renamed).unwrap();
            bench.store.put_new(name, bytes.clone().into()).unwrap();
        }
        assert!(detected > 100, "{name}: {detected}");
    }
}

#[test]
fn a_missing_object_is_named_with_every_backup_that_needs_it() {
    let (bench, full, next) = filled();
    let before = log::objects(&*bench.store);
    let needed: BTreeMap<String, Vec<_>> = {
        let mut needed: BTreeMap<String, Vec<_>> = BTreeMap::new();
        for taken in [&full, &next] {
            let packs = taken.custody.packs().unwrap().into_iter().map(|pack| pack.0.to_string());
            for name in packs.chain(taken.custody.journal.iter().map(|range| range.0.clone())) {
                needed.entry(name).or_default().push(taken.name.id);
            }
        }
        needed
    };
    assert!(needed.values().any(|backups| backups.len() == 2), "a pack is shared");
    for (name, backups) in &needed {
        bench.store.delete(name).unwrap();
        for which in [Which::All, Which::Only(vec![full.name, next.name])] {
            let (verified, findings) = run(&bench, Level::Listing, which, &[]);
            assert_eq!(findings.len(), 1, "{findings:?}");
            assert_eq!((&findings[0].object, &findings[0].breaks), (name, backups));
            assert_eq!(verified.broken, backups.iter().copied().collect());
        }
        bench.store.put_new(name, before[name].clone().into()).unwrap();
    }
    let all: Vec<_> = needed.keys().collect();
    all.iter().for_each(|name| bench.store.delete(name).unwrap());
    let (_, findings) = run(&bench, Level::Listing, Which::All, &[]);
    assert_eq!(findings.len(), all.len(), "one run names all damage");
}

#[test]
fn content_names_each_file_that_does_not_restore_and_goes_on() {
    let (bench, full, next) = filled();
    let before = log::objects(&*bench.store);
    let packs: Vec<_> = full.custody.packs().unwrap().into_iter().map(|pack| pack.0.to_string()).collect();
    for name in &packs {
        let mut bytes = before[name].clone();
        bytes[160] ^= 1;
        replace(&*bench.store, name, bytes);
        let (verified, findings) = run(&bench, Level::Content, Which::All, &[KIND]);
        let content: Vec<_> = findings.iter().filter(|found| found.level == Level::Content).collect();
        assert!(!content.is_empty() && content.iter().all(|found| found.what.contains(name)), "{findings:?}");
        assert!(verified.broken.contains(&full.name.id));
        replace(&*bench.store, name, before[name].clone());
    }
    let names: Vec<_> = before.keys().filter(|name| name.starts_with("packs/")).cloned().collect();
    for name in &names {
        bench.store.delete(name).unwrap();
    }
    let (verified, findings) = run(&bench, Level::Content, Which::All, &[KIND]);
    assert_eq!(verified.broken, [full.name.id, next.name.id].into());
    assert!(names.iter().all(|name| findings.iter().any(|found| found.object == *name)));
}

#[test]
fn pages_are_checked_by_the_kinds_that_are_given() {
    let (bench, ..) = filled();
    let (verified, findings) = run(&bench, Level::Content, Which::All, &[]);
    assert_eq!((verified.pages, verified.damages), (0, 0));
    assert!(verified.pages_unchecked > 0);
    assert_eq!(findings.len(), 1);
    assert_eq!(findings[0].object, KIND.name);
    let strict = |page: &[u8], block: u32| match (block, page.len()) {
        (7 | 9, PAGE) => PageState::Bad,
        _ => PageState::Good,
    };
    let kind = PageKind { check: strict, ..KIND };
    let (verified, findings) = run(&bench, Level::Content, Which::All, &[kind]);
    assert_eq!(verified.broken.len(), 2);
    let about: Vec<_> = findings.iter().map(|found| found.what.as_str()).collect();
    assert!(about.iter().all(|what| what.contains("base/table.pages") && what.contains("7, 9")), "{about:?}");
}

#[test]
fn blocks_that_were_bad_on_the_source_are_exempt() {
    let bench = Bench::new(Arc::new(Bucket::memory()), 4);
    let mut content = table(300, 10);
    content[PAGE * 5 + 100] ^= 1;
    bench.write("base/table.pages", &content);
    let taken = bench.backup(1000, None);
    assert_eq!(taken.bad_pages, [("base/table.pages".to_string(), 5)]);
    let (verified, findings) = run(&bench, Level::Content, Which::All, &[KIND]);
    assert_eq!((findings, verified.pages), (vec![], 300));
}

#[test]
fn a_fenced_manifest_is_mentioned_and_is_no_backup() {
    let (bench, full, next) = filled();
    let note = FenceNote { session: next.name.writer, reason: "a test".to_string() };
    let (fence, bytes) = notes::encode_fence(&note).unwrap();
    bench.store.put_new(&fence.to_string(), bytes.into()).unwrap();
    let (verified, findings) = run(&bench, Level::Scrub, Which::All, &[]);
    assert_eq!((verified.backups, verified.damages), (vec![full.name], 0));
    assert_eq!(findings[0].object, next.name.to_string());
    assert!(verified.orphans.objects > 0);
    assert_eq!(Repository::open(bench.store.clone()).unwrap().backups().unwrap(), [full.name]);
}
