//! Death at every put and delete of a backup: what is listed afterwards restores, and the next backup works.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test ends where something is not as it must be")]

mod common;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc;
use std::time::Duration;

use common::{Bench, PAGE, closing, page, restored_by, soak};
use farshore_objects::layers::Action;
use farshore_objects::{Bucket, Faults, ObjectStore, Verb};
use farshore_types::{ErrorKind, Result};
use farshore_vault::Vault;
use farshore_vault::format::notes::{self, FenceNote};
use farshore_vault::names::ManifestName;
use farshore_vault::session::DEADLINE;

type Content = BTreeMap<String, Vec<u8>>;

/// A test that takes longer hangs.
const HANGS_AFTER: Duration = Duration::from_secs(120);

/// A bench whose store fails where told, and the store behind it.
struct Stage {
    bench: Bench,
    faults: Arc<Faults>,
    inner: Arc<dyn ObjectStore>,
}

fn stage(seed: u64) -> Stage {
    let inner: Arc<dyn ObjectStore> = Arc::new(Bucket::memory());
    let faults = Arc::new(Faults::new(inner.clone()));
    let bench = Bench::new(faults.clone(), seed);
    for number in 0..30u32 {
        bench.write(&format!("small/{number}"), &number.to_be_bytes().repeat(100));
    }
    bench.write("table.pages", &(0..1500).flat_map(|block| page(block, 10, block as u8)).collect::<Vec<u8>>());
    Stage { bench, faults, inner }
}

impl Stage {
    /// Changes one page at this position of the log, and some files.
    fn edit(&self, position: u64) {
        let mut table = std::fs::read(self.bench.path("table.pages")).unwrap();
        table[700 * PAGE..701 * PAGE].copy_from_slice(&page(700, position, 3));
        std::fs::write(self.bench.path("table.pages"), table).unwrap();
        self.bench.write("small/7", &position.to_be_bytes());
        self.bench.write("small/new", b"new");
    }

    fn reborn(&self) -> Vault {
        self.faults.clear();
        self.faults.heal();
        self.bench.fresh(self.inner.clone()).unwrap()
    }
}

/// Runs a test on another thread and fails if it hangs.
fn within<T: Send + 'static>(run: impl FnOnce() -> T + Send + 'static) -> T {
    let (sender, receiver) = mpsc::channel();
    let thread = std::thread::spawn(move || sender.send(run()).unwrap());
    match receiver.recv_timeout(HANGS_AFTER) {
        Ok(value) => {
            thread.join().unwrap();
            value
        }
        Err(mpsc::RecvTimeoutError::Timeout) => panic!("it hangs"),
        Err(mpsc::RecvTimeoutError::Disconnected) => {
            std::panic::resume_unwind(thread.join().unwrap_err());
        }
    }
}

/// Lets the `nth` call that `counts` end in `action`.
fn die_at(faults: &Faults, nth: u64, action: Action, counts: fn(Verb) -> bool) -> Arc<AtomicU64> {
    let seen = Arc::new(AtomicU64::new(0));
    let counter = seen.clone();
    faults.set_hook(Arc::new(move |verb, _| match counts(verb) && counter.fetch_add(1, Ordering::SeqCst) + 1 == nth {
        true => action,
        false => Action::Go,
    }));
    seen
}

/// Everything that is listed restores to what was backed up; returns the newest.
fn assert_all_restore(vault: &Vault, known: &[(ManifestName, Content)], new: &Content) -> Option<ManifestName> {
    let listed = vault.repository.backups().unwrap();
    for name in &listed {
        let expected = known.iter().find(|(known, _)| known == name).map_or(new, |(_, content)| content);
        assert_eq!(&restored_by(vault, name).unwrap(), expected);
    }
    assert!(known.iter().all(|(name, _)| listed.contains(name)), "a backup is gone");
    assert!(listed.len() <= known.len() + 1);
    listed.last().copied()
}

/// Dies at the `nth` call; `false` once the backup has fewer calls.
fn dies_once(nth: u64, action: Action, incremental: bool, counts: fn(Verb) -> bool) -> bool {
    let stage = stage(nth);
    let bench = &stage.bench;
    let mut known = Vec::new();
    if incremental {
        known.push((bench.backup(1000, None).name, bench.content()));
        stage.edit(1500);
    }
    let parent = known.first().map(|(name, _): &(ManifestName, Content)| (*name, 1000));
    let new = bench.content();
    let seen = die_at(&stage.faults, nth, action, counts);
    let taken = bench.try_backup(2000, parent.as_ref().map(|(name, since)| (name, *since)));
    let died = seen.load(Ordering::SeqCst) >= nth;
    assert_eq!(taken.is_err(), died, "call {nth}: {taken:?}");
    let vault = stage.reborn();
    let newest = assert_all_restore(&vault, &known, &new);
    // The next backup works, on top of whatever is the newest.
    stage.edit(2500);
    let since = if newest.is_some() && newest == parent.map(|(name, _)| name) { 1000 } else { 2000 };
    let next = bench.backup(3000, newest.as_ref().map(|name| (name, since)));
    assert_eq!(restored_by(&vault, &next.name).unwrap(), bench.content());
    died
}

fn dies_everywhere(incremental: bool, counts: fn(Verb) -> bool) {
    for action in [Action::StopBefore, Action::StopAfter] {
        let deaths = (1..500).take_while(|nth| dies_once(*nth, action, incremental, counts)).count();
        // At least the session, a pack, the catalog's pack, the manifest, and the end of the session.
        assert!(deaths >= 5, "{deaths}");
    }
}

fn writes(verb: Verb) -> bool {
    matches!(verb, Verb::PutNew | Verb::Delete)
}

#[test]
fn death_at_any_put_of_a_full_backup_leaves_only_backups_that_restore() {
    within(|| dies_everywhere(false, if soak() { |_| true } else { writes }));
}

#[test]
fn death_at_any_put_of_an_incremental_backup_leaves_only_backups_that_restore() {
    within(|| dies_everywhere(true, if soak() { |_| true } else { writes }));
}

#[test]
fn a_store_that_fails_while_packs_are_put_ends_the_backup_with_its_error() {
    for kind in [ErrorKind::Transient, ErrorKind::Denied] {
        within(move || {
            let stage = stage(1);
            // Enough packs that workers wait for the queue when the store fails.
            let noise = |seed: u64| -> Vec<u8> {
                let entropy = farshore_vault::testing::SeededEntropy::new(seed);
                (0..5 << 20).flat_map(|_| entropy.next().to_le_bytes()).collect()
            };
            (0..4).for_each(|at| stage.bench.write(&format!("noise/{at}"), &noise(at)));
            stage.faults.set_hook(Arc::new(move |verb, name| {
                match verb == Verb::PutNew && name.starts_with("packs/") {
                    true => Action::FailBefore(kind),
                    false => Action::Go,
                }
            }));
            let error = stage.bench.try_backup(1000, None).unwrap_err();
            assert_eq!(error.kind(), kind, "{error}");
            assert!(error.to_string().contains("injected"), "{error}");
            assert_eq!(stage.reborn().repository.backups().unwrap(), []);
        });
    }
}

/// The first file keeps a worker waiting until the listing waits for it, too, with all that may be in flight; then it fails.
#[test]
fn a_worker_that_fails_ends_the_backup_while_the_listing_is_far_ahead() {
    const IN_FLIGHT_MAX: usize = 8192;
    let error = within(|| {
        let bench = Bench::new(Arc::new(Bucket::memory()), 1);
        (0..IN_FLIGHT_MAX + 100).for_each(|number| bench.write(&format!("f/{number:05}"), b"x"));
        let mut files = bench.list();
        let pipe = bench.path("pipe");
        assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
        files[1].location = pipe.clone();
        let (ahead, listed) = mpsc::channel();
        // Opening the pipe lets the worker go on; reading it at an offset fails.
        let writer = std::thread::spawn(move || {
            listed.recv().unwrap();
            std::fs::OpenOptions::new().write(true).open(pipe).unwrap()
        });
        let mut files = files.into_iter().enumerate().map(|(at, file)| {
            if at == IN_FLIGHT_MAX {
                ahead.send(()).unwrap();
            }
            Ok(file)
        });
        let error = bench.try_backup_of(&mut files, 1000, None, &mut || Ok(closing(1000))).unwrap_err();
        writer.join().unwrap();
        error
    });
    assert!(error.to_string().starts_with("back up f/00000"), "{error}");
}

fn close_after(before: impl Fn()) -> impl FnMut() -> Result<farshore_vault::backup::Closing> {
    move || {
        before();
        Ok(closing(2000))
    }
}

fn fence(stage: &Stage, vault_session: &str) {
    let note = FenceNote { session: vault_session.parse().unwrap(), reason: "test".into() };
    let (name, bytes) = notes::encode_fence(&note).unwrap();
    stage.inner.put_new(&name.to_string(), bytes.into()).unwrap();
}

/// The session whose announcement was put last.
fn last_session(faults: &Faults) -> String {
    let calls = faults.calls();
    let put = calls.iter().rev().find(|(verb, name)| *verb == Verb::PutNew && name.starts_with("sessions/"));
    put.unwrap().1.split(['-', '/']).nth(2).unwrap().to_string()
}

#[test]
fn a_session_commits_nothing_after_its_deadline() {
    let stage = stage(1);
    let clock = stage.bench.clock.clone();
    let mut files = stage.bench.list().into_iter().map(Ok);
    let mut close = close_after(|| clock.advance(DEADLINE));
    let error = stage.bench.try_backup_of(&mut files, 2000, None, &mut close).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Conflict, "{error}");
    assert!(error.to_string().contains("deadline"), "{error}");
    assert_eq!(stage.bench.vault.repository.backups().unwrap(), []);
}

#[test]
fn a_fenced_session_commits_nothing() {
    let stage = stage(1);
    let mut files = stage.bench.list().into_iter().map(Ok);
    let mut close = close_after(|| fence(&stage, &last_session(&stage.faults)));
    let error = stage.bench.try_backup_of(&mut files, 2000, None, &mut close).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Conflict, "{error}");
    assert!(!stage.faults.calls().iter().any(|(verb, name)| *verb == Verb::PutNew && name.starts_with("backups/")));
}

#[test]
fn a_writer_that_is_fenced_between_its_last_check_and_its_manifest_has_no_backup() {
    let stage = Arc::new(stage(1));
    let hooked = Arc::downgrade(&stage);
    stage.faults.set_hook(Arc::new(move |verb, name| {
        if verb == Verb::PutNew && name.starts_with("backups/") {
            let stage = hooked.upgrade().unwrap();
            fence(&stage, name.rsplit('-').nth(1).unwrap());
        }
        Action::Go
    }));
    let error = stage.bench.try_backup(2000, None).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Conflict, "{error}");
    let vault = stage.reborn();
    assert_eq!(vault.repository.backups().unwrap(), []);
    let next = stage.bench.backup(3000, None);
    assert_eq!(vault.repository.backups().unwrap(), [next.name]);
}

#[test]
fn nothing_is_committed_on_a_parent_that_is_gone_or_named_in_a_tombstone() {
    for gone in [true, false] {
        let stage = stage(1);
        let full = stage.bench.backup(1000, None);
        let inner = stage.inner.clone();
        let mut files = stage.bench.list().into_iter().map(Ok);
        let mut close = close_after(|| match gone {
            true => inner.delete(&full.name.to_string()).unwrap(),
            false => {
                let tombstone = notes::Tombstone { manifests: vec![full.name.to_string()], ..Default::default() };
                let id = full.name.id;
                let (name, bytes) = notes::encode("tombstones/", id.generation, id.session, &tombstone).unwrap();
                inner.put_new(&name.to_string(), bytes.into()).unwrap();
            }
        });
        let error = stage.bench.try_backup_of(&mut files, 2000, Some((&full.name, 1000)), &mut close).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Conflict, "{error}");
        assert!(error.to_string().contains(&full.name.id.to_string()), "{error}");
    }
}
