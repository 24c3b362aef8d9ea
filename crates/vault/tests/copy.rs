//! Copies: complete or invisible, whatever dies; resumable; never with damage in them; the journal always a prefix.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "test helpers fail the test")]

mod common;

use std::collections::BTreeMap;
use std::sync::Arc;

use common::{Bench, log, page, restored_by};
use farshore_objects::layers::{Action, Faults, Verb};
use farshore_objects::{Bucket, Meter, ObjectStore};
use farshore_types::{Entropy, ErrorKind, Generation, Position, Progress, Result, SessionId, Timeline};
use farshore_vault::care::copy::{
    Copied, Order, Settings, Watermark, copy_backup, copy_journal, ensure_repository, plan_copies,
};
use farshore_vault::format::notes::{self, Tombstone};
use farshore_vault::journal::WAL;
use farshore_vault::journal::chains::{self, Chain};
use farshore_vault::names::{BLOCK_BYTES, BackupId, ManifestName, TOMBSTONES};
use farshore_vault::{Hash, Repository};

/// Verbs that put.
const PUTS: [Verb; 2] = [Verb::PutNew, Verb::PutPieces];

type Content = BTreeMap<String, Vec<u8>>;

/// A source region with a full and an incremental backup and a journal of two timelines, and what the backups hold.
struct Source {
    bench: Bench,
    faults: Arc<Faults>,
    backups: Vec<ManifestName>,
    content: BTreeMap<BackupId, Content>,
}

fn source() -> Source {
    let faults = Arc::new(Faults::new(Arc::new(Bucket::memory())));
    let bench = Bench::new(faults.clone(), 11);
    let table = |blocks: u32| (0..blocks).flat_map(|block| page(block, 10, block as u8)).collect::<Vec<_>>();
    bench.write("base/table.pages", &table(60));
    bench.write("base/small", b"small");
    // No compression makes it small: its pack is copied in pieces.
    let mut noise = vec![0; 1_300_000];
    bench.entropy.fill(&mut noise).unwrap();
    bench.write("base/noise", &noise);
    log::put(&bench.vault, 1, (500, 1000), &bench.entropy);
    let journal = vec![log::put(&bench.vault, 1, (1000, 1500), &bench.entropy)];
    let full = log::backup(&bench, 1000, None, log::closing(1, (1000, 1500), journal));
    let before = bench.content();
    bench.write("base/table.pages", &[table(60), page(60, 1600, 9)].concat());
    log::put(&bench.vault, 1, (1500, 1600), &bench.entropy);
    let journal = vec![
        log::put_history(&bench.vault, 2, &bench.entropy),
        log::put(&bench.vault, 2, (1600, 2000), &bench.entropy),
    ];
    let next = log::backup(&bench, 1600, Some((&full.name, 1000)), log::closing(2, (1600, 2000), journal));
    log::put(&bench.vault, 2, (2000, 2300), &bench.entropy);
    let content = [(full.name.id, before), (next.name.id, bench.content())].into();
    Source { bench, faults, backups: vec![full.name, next.name], content }
}

impl Source {
    fn repository(&self) -> &Repository {
        &self.bench.vault.repository
    }

    fn copy(&self, target: &Repository, name: &ManifestName) -> Result<Copied> {
        let clock = self.bench.clock.clone();
        let settings = Settings { workers: 2, ..Settings::default() };
        copy_backup(self.repository(), target, name, &settings, (clock, &self.bench.entropy), &Progress::default())
    }

    /// Everything that one round of a copier does.
    fn round(&self, target: &Arc<dyn ObjectStore>) -> Result<Watermark> {
        let source = self.bench.fresh(self.bench.store.clone())?.repository;
        let target = ensure_repository(&source, target)?;
        let watermark = copy_journal(&source, &target, &Watermark::default())?;
        for name in plan_copies(&source, &target, Order::NewestFirst)? {
            self.copy(&target, &name)?;
        }
        Ok(watermark)
    }

    /// Every backup that is listed in the target restores, with nothing but the target and the identity.
    fn check(&self, target: &Arc<dyn ObjectStore>) -> usize {
        let Ok(vault) = self.bench.fresh(target.clone()) else { return 0 };
        let backups = vault.repository.backups().unwrap();
        for name in &backups {
            assert_eq!(restored_by(&vault, name).unwrap(), self.content[&name.id]);
            for (journal, size) in vault.open_backup(name).unwrap().custody.journal {
                assert_eq!(target.head(&journal).unwrap().size, size);
            }
        }
        backups.len()
    }
}

fn memory() -> Arc<dyn ObjectStore> {
    Arc::new(Bucket::memory())
}

fn chains(repository: &Repository) -> Vec<(u32, u64, u64)> {
    let chain = |chain: &Chain| (chain.timeline.0, chain.from.0, chain.to.0);
    chains::list(repository, WAL).unwrap().chains.iter().map(chain).collect()
}

#[test]
fn a_copy_restores_without_the_source_and_is_made_once() {
    let source = source();
    let target = memory();
    let watermark = source.round(&target).unwrap();
    let (timeline, position, moment) = watermark.newest(WAL).unwrap();
    assert_eq!((timeline, position, moment.micros()), (Timeline(2), Position(2300), 23_000));
    let copy = Repository::open(target.clone()).unwrap();
    assert_eq!(chains(&copy), [(1, 1000, 1600), (2, 1600, 2300)], "journal from the oldest backup on");
    for (name, here) in source.backups.iter().zip(copy.backups().unwrap()) {
        assert_eq!((name.id, name.hash), (here.id, here.hash));
        assert_ne!(name.writer, here.writer);
    }
    for store in [&target, &source.bench.store] {
        assert!(log::objects(&**store).keys().all(|name| !name.starts_with("sessions/")), "sessions are taken back");
    }
    let before = log::objects(&*target);
    source.round(&target).unwrap();
    assert_eq!(log::objects(&*target), before);
    let repository = source.repository();
    assert_eq!(plan_copies(repository, &memory_of(repository), Order::OldestFirst).unwrap(), source.backups);
    source.faults.fail_all(ErrorKind::Transient);
    assert_eq!(source.check(&target), 2);
}

fn memory_of(repository: &Repository) -> Repository {
    ensure_repository(repository, &memory()).unwrap()
}

#[test]
fn a_second_backup_copies_only_what_is_new() {
    let source = source();
    let target = memory_of(source.repository());
    let first = source.copy(&target, &source.backups[0]).unwrap();
    assert_eq!(first.skipped, 0);
    let second = source.copy(&target, &source.backups[1]).unwrap();
    assert!(second.skipped > 0 && second.objects >= 4, "{second:?}");
    assert_eq!(source.copy(&target, &source.backups[1]).unwrap(), Copied::default());
}

#[test]
fn keys_come_before_format_before_journal_and_packs_before_the_manifest() {
    let source = source();
    let faults = Arc::new(Faults::new(memory()));
    let target: Arc<dyn ObjectStore> = faults.clone();
    source.round(&target).unwrap();
    let puts: Vec<_> = faults.calls().into_iter().filter(|call| PUTS.contains(&call.0)).map(|call| call.1).collect();
    assert!(faults.calls().iter().any(|call| call.0 == Verb::PutPieces), "a pack is larger than a piece");
    let ranks = puts.iter().map(|name| match name.split('/').next().unwrap() {
        "keys" => 0,
        "format" => 1,
        "journal" => 2,
        _ => 3,
    });
    assert!(ranks.is_sorted(), "{puts:?}");
    assert!(puts.last().unwrap().starts_with("backups/"));
}

#[test]
fn a_copier_that_dies_at_any_call_leaves_only_whole_backups_and_the_next_one_finishes() {
    let mut points = 0;
    for action in [Action::StopBefore, Action::StopAfter] {
        for verb in [Verb::PutNew, Verb::PutPieces, Verb::Delete] {
            for nth in 1.. {
                let source = source();
                let faults = Arc::new(Faults::new(memory()));
                let target: Arc<dyn ObjectStore> = faults.clone();
                faults.fail_nth(verb, nth, action);
                let outcome = source.round(&target);
                let died = target.head("format").is_err_and(|error| error.kind() == ErrorKind::Bug);
                faults.heal();
                faults.clear();
                source.check(&target);
                if !died {
                    outcome.unwrap();
                    break;
                }
                points += 1;
                if let Ok(copy) = Repository::open(target.clone()) {
                    let journal: Vec<_> = chains(&copy);
                    assert!(journal.iter().all(|chain| chain.1 == 1000 || chain.0 == 2), "{journal:?}");
                    assert!(journal.len() <= 2, "a prefix has no holes: {journal:?}");
                }
                source.round(&target).unwrap();
                assert_eq!(source.check(&target), 2, "{action:?} of {verb:?} {nth}");
            }
        }
    }
    assert!(points > 30, "{points}");
}

#[test]
fn a_copier_that_loses_the_source_at_any_call_leaves_only_whole_backups() {
    for verb in [Verb::PutNew, Verb::Get, Verb::GetRange, Verb::Head, Verb::Delete] {
        for nth in 1.. {
            let source = source();
            let target = memory();
            source.faults.fail_nth(verb, nth, Action::StopBefore);
            let outcome = source.round(&target);
            let died = source.bench.store.head("format").is_err_and(|error| error.kind() == ErrorKind::Bug);
            source.faults.heal();
            source.faults.clear();
            source.check(&target);
            if !died {
                outcome.unwrap();
                break;
            }
            source.round(&target).unwrap();
            assert_eq!(source.check(&target), 2);
        }
    }
}

#[test]
fn damage_in_the_source_is_named_and_does_not_spread() {
    type Damage = fn(&mut Vec<u8>);
    let table: [(&str, Damage); 5] = [
        ("a byte of the first piece", |bytes| bytes[200] ^= 1),
        ("a byte in the middle", |bytes| bytes[700_000] ^= 1),
        ("the last byte", |bytes| *bytes.last_mut().unwrap() ^= 1),
        ("bytes too few", |bytes| bytes.truncate(bytes.len() - 1)),
        ("bytes too many", |bytes| bytes.push(0)),
    ];
    for (what, damage) in table {
        let source = source();
        let target = memory_of(source.repository());
        let custody = source.repository().custody(&source.backups[0]).unwrap().1;
        let (pack, size) = custody.packs().unwrap().into_iter().max_by_key(|(_, size)| *size).unwrap();
        let pack = pack.to_string();
        assert!(size > 1_000_000, "{size}: one that is copied in pieces");
        let mut bytes = source.bench.store.get(&pack).unwrap().to_vec();
        damage(&mut bytes);
        source.bench.store.delete(&pack).unwrap();
        source.bench.store.put_new(&pack, bytes.into()).unwrap();
        let error = source.copy(&target, &source.backups[0]).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Corrupt, "{what}");
        assert!(error.to_string().contains(&pack), "{error}");
        assert!(target.backups().unwrap().is_empty(), "{what}");
        assert!(target.store().head(&pack).is_err(), "{what}");
    }
}

#[test]
fn a_backup_that_expires_while_it_is_copied_is_dropped() {
    let source = source();
    let target = memory_of(source.repository());
    let pack = source.repository().custody(&source.backups[0]).unwrap().1.packs().unwrap()[0].0.to_string();
    source.bench.store.delete(&pack).unwrap();
    let error = source.copy(&target, &source.backups[0]).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Missing);
    assert!(target.backups().unwrap().is_empty());
    for store in [target.store(), &source.bench.store] {
        assert!(log::objects(&**store).keys().all(|name| !name.starts_with("sessions/")));
    }
}

#[test]
fn nothing_is_copied_that_a_sweep_of_the_target_is_about_to_delete() {
    let source = source();
    let target = memory_of(source.repository());
    let pack = source.repository().custody(&source.backups[0]).unwrap().1.packs().unwrap()[0].0.to_string();
    let tombstone = Tombstone { packs: vec![pack], ..Tombstone::default() };
    let (name, bytes) = notes::encode(TOMBSTONES, Generation(1), SessionId([1; 16]), &tombstone).unwrap();
    target.store().put_new(&name.to_string(), bytes.into()).unwrap();
    assert_eq!(source.copy(&target, &source.backups[0]).unwrap_err().kind(), ErrorKind::Busy);
    assert!(target.backups().unwrap().is_empty());
    target.store().delete(&name.to_string()).unwrap();
    source.copy(&target, &source.backups[0]).unwrap();
}

#[test]
fn a_source_that_may_only_be_read_is_copied_from() {
    let source = source();
    source.faults.set_hook(Arc::new(|verb, _| match verb {
        Verb::PutNew | Verb::PutPieces | Verb::Delete => Action::FailBefore(ErrorKind::Denied),
        _ => Action::Go,
    }));
    let target = memory();
    source.round(&target).unwrap();
    assert_eq!(source.check(&target), 2);
}

#[test]
fn a_target_that_holds_another_service_is_refused() {
    let source = source();
    let other = Bench::new(memory(), 99);
    let before = log::objects(&*other.store);
    assert_eq!(ensure_repository(source.repository(), &other.store).unwrap_err().kind(), ErrorKind::Conflict);
    let target = &other.vault.repository;
    assert_eq!(source.copy(target, &source.backups[0]).unwrap_err().kind(), ErrorKind::Conflict);
    let error = copy_journal(source.repository(), target, &Watermark::default()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Conflict);
    assert_eq!(log::objects(&*other.store), before);
}

#[test]
fn the_journal_is_followed_cheaply_across_blocks_timelines_marks_and_holes() {
    let source = source();
    let (vault, entropy) = (&source.bench.vault, &source.bench.entropy);
    let meter = Arc::new(Meter::new(source.bench.store.clone()));
    let metered = Repository::open(meter.clone()).unwrap();
    let target = memory_of(source.repository());
    let mut watermark = copy_journal(&metered, &target, &Watermark::default()).unwrap();
    let put = |timeline, range| Hash::of(log::put(vault, timeline, range, entropy).0.as_bytes());
    let before = meter.reading(Verb::List).calls + meter.reading(Verb::Get).calls;
    watermark = copy_journal(&metered, &target, &watermark).unwrap();
    assert_eq!(watermark.copied, Copied::default());
    assert!(
        meter.reading(Verb::List).calls + meter.reading(Verb::Get).calls <= before + 2,
        "cheap when nothing is new"
    );

    put(2, (2300, BLOCK_BYTES));
    put(2, (BLOCK_BYTES, BLOCK_BYTES + 50));
    put(2, (BLOCK_BYTES + 50, BLOCK_BYTES + 50));
    watermark = copy_journal(&metered, &target, &watermark).unwrap();
    assert_eq!(watermark.copied.objects, 3);
    log::put_history(vault, 3, entropy);
    put(3, (BLOCK_BYTES, BLOCK_BYTES + 10));
    put(3, (BLOCK_BYTES + 10, BLOCK_BYTES + 20));
    watermark = copy_journal(&metered, &target, &watermark).unwrap();
    assert_eq!(watermark.copied.objects, 3);
    assert_eq!(watermark.newest(WAL).unwrap().1, Position(BLOCK_BYTES + 20));

    put(3, (BLOCK_BYTES * 9, BLOCK_BYTES * 9 + 5));
    for _ in 0..70 {
        watermark = copy_journal(&metered, &target, &watermark).unwrap();
    }
    assert_eq!(watermark.newest(WAL).unwrap().1, Position(BLOCK_BYTES * 9 + 5), "holes are crossed in the end");
    assert_eq!(
        chains(&target),
        chains(&metered)
            .into_iter()
            .map(|(timeline, from, to)| (timeline, from.max(1000).min(to), to))
            .collect::<Vec<_>>()
    );
}

/// A store whose next listing was under way when an object was put: it shows what came after it, and not the object itself.
#[derive(Debug)]
struct Growing {
    inner: Arc<dyn ObjectStore>,
    unseen: std::sync::Mutex<Option<String>>,
}

impl ObjectStore for Growing {
    fn put_new(&self, name: &str, body: bytes::Bytes) -> Result<()> {
        self.inner.put_new(name, body)
    }
    fn get(&self, name: &str) -> Result<bytes::Bytes> {
        self.inner.get(name)
    }
    fn get_range(&self, name: &str, range: std::ops::Range<u64>) -> Result<bytes::Bytes> {
        self.inner.get_range(name, range)
    }
    fn head(&self, name: &str) -> Result<farshore_objects::ObjectInfo> {
        self.inner.head(name)
    }
    fn list(&self, prefix: &str, each: &mut dyn FnMut(farshore_objects::ObjectInfo) -> Result<()>) -> Result<()> {
        let unseen = self.unseen.lock().unwrap().take_if(|name| name.starts_with(prefix));
        self.inner.list(prefix, &mut |info| if unseen.as_ref() == Some(&info.name) { Ok(()) } else { each(info) })
    }
    fn delete(&self, name: &str) -> Result<()> {
        self.inner.delete(name)
    }
}

#[test]
fn a_listing_of_a_growing_log_that_misses_an_object_makes_no_hole_in_the_copy() {
    let source = source();
    let (vault, entropy) = (&source.bench.vault, &source.bench.entropy);
    let growing = Arc::new(Growing { inner: source.bench.store.clone(), unseen: std::sync::Mutex::default() });
    let grown = Repository::open(growing.clone()).unwrap();
    for anew in [true, false] {
        let target = memory_of(source.repository());
        let mut watermark = Watermark::default();
        if !anew {
            watermark = copy_journal(&grown, &target, &watermark).unwrap();
        }
        let end = chains(&grown).last().unwrap().2;
        let (middle, last) =
            (end / BLOCK_BYTES * BLOCK_BYTES + BLOCK_BYTES, end / BLOCK_BYTES * BLOCK_BYTES + BLOCK_BYTES + 9);
        let (missed, _) = log::put(vault, 2, (end, middle), entropy);
        log::put(vault, 2, (middle, last), entropy);
        *growing.unseen.lock().unwrap() = Some(missed.to_string());
        while watermark.newest(WAL).is_none_or(|(_, reached, _)| reached < Position(last)) {
            watermark = copy_journal(&grown, &target, &watermark).unwrap();
        }
        let held = chains(&target);
        assert_eq!(held.last().unwrap().2, last);
        assert_eq!(held.iter().filter(|(timeline, _, _)| *timeline == 2).count(), 1, "a hole: {held:?}");
        assert_eq!(watermark.resumed().unwrap().2, Position(1000), "{anew}: nothing is taken for a gap");
    }
}
