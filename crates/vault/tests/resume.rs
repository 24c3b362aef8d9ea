//! A backup whose writer died is gone on with by the next one: what was put is used again, and nothing wrong is.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test ends where something is not as it must be")]

mod common;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use common::resume::{Parent, Steps, count, go_on, names, packs};
use common::{Bench, PAGE, closing, page, restored_by, sum};
use farshore_objects::layers::Action;
use farshore_objects::{Bucket, Faults, ObjectStore, Verb};
use farshore_types::ErrorKind;
use farshore_vault::Vault;
use farshore_vault::backup::{Taken, resume};
use farshore_vault::testing::SeededEntropy;

const MIB: u64 = 1 << 20;
const FILES: u64 = 12;
/// Bytes of each page file: four fill a pack.
const FILE_BYTES: u64 = 4 * MIB;

fn noise(seed: u64, bytes: usize) -> Vec<u8> {
    let entropy = SeededEntropy::new(seed);
    (0..bytes / 8).flat_map(|_| entropy.next().to_le_bytes()).collect()
}

/// Pages that do not compress.
fn pages(seed: u64, bytes: u64, position: u64) -> Vec<u8> {
    let mut content = noise(seed, bytes as usize);
    for (block, page) in content.chunks_exact_mut(PAGE).enumerate() {
        page[..8].copy_from_slice(&position.to_le_bytes());
        page[8..10].fill(0);
        let sum = sum(page, block as u32);
        page[8..10].copy_from_slice(&sum.to_le_bytes());
    }
    content
}

/// A bench whose store can die, and the store behind it.
struct Stage {
    bench: Bench,
    faults: Arc<Faults>,
    inner: Arc<dyn ObjectStore>,
}

fn stage() -> Stage {
    let inner: Arc<dyn ObjectStore> = Arc::new(Bucket::memory());
    let faults = Arc::new(Faults::new(inner.clone()));
    let mut bench = Bench::new(faults.clone(), 1);
    bench.workers = 1;
    (0..FILES).for_each(|file| bench.write(&format!("{file:02}.pages"), &pages(file, FILE_BYTES, 10)));
    (0..30u32).for_each(|file| bench.write(&format!("!small/{file:02}"), &file.to_be_bytes().repeat(100)));
    bench.write("!whole", &noise(99, 1 << 20));
    Stage { bench, faults, inner }
}

fn pack_put(verb: Verb, name: &str) -> bool {
    verb == Verb::PutNew && name.starts_with("packs/")
}

/// Lets the `nth` call that `counts` end in `action`.
fn die_at(faults: &Faults, nth: u64, action: Action, counts: fn(Verb, &str) -> bool) -> Arc<AtomicU64> {
    let seen = Arc::new(AtomicU64::new(0));
    let counter = seen.clone();
    faults.set_hook(Arc::new(move |verb, name| {
        match counts(verb, name) && counter.fetch_add(1, Ordering::SeqCst) + 1 == nth {
            true => action,
            false => Action::Go,
        }
    }));
    seen
}

impl Stage {
    /// A backup dies at a put of a pack; gives the large ones that it had put: the last one and the catalog's may overtake each other.
    fn die(&self, start: u64, parent: Parent, nth: u64, action: Action) -> Vec<(String, u64)> {
        let before: BTreeSet<_> = packs(&*self.inner).into_iter().collect();
        die_at(&self.faults, nth, action, pack_put);
        self.bench.try_backup(start, parent).unwrap_err();
        self.faults.clear();
        self.faults.heal();
        packs(&*self.inner).into_iter().filter(|pack| pack.1 > FILE_BYTES && !before.contains(pack)).collect()
    }

    fn vault(&self) -> Vault {
        self.bench.fresh(self.inner.clone()).unwrap()
    }

    fn go_on(&self, start: u64, parent: Parent) -> Taken {
        let steps = Steps { found: &|| {}, adopted: &|| {}, close: &|| Ok(closing(start)), believe: true };
        let taken = go_on(&self.bench, &self.vault(), start, parent, &steps).unwrap();
        self.assert_restores(&taken);
        taken
    }

    fn assert_restores(&self, taken: &Taken) {
        assert!(restored_by(&self.vault(), &taken.name).unwrap() == self.bench.content(), "it is another content");
    }

    fn put_page(&self, path: &str, block: u32, position: u64) {
        let mut content = std::fs::read(self.bench.path(path)).unwrap();
        let at = block as usize * PAGE;
        content[at..at + PAGE].copy_from_slice(&page(block, position, 7));
        std::fs::write(self.bench.path(path), content).unwrap();
    }
}

#[test]
fn what_a_dead_backup_has_put_is_not_put_again() {
    for (nth, action) in [(1, Action::StopAfter), (2, Action::StopBefore), (3, Action::StopAfter)] {
        let stage = stage();
        let put = stage.die(1000, None, nth, action);
        let bytes: u64 = put.iter().map(|pack| pack.1).sum();
        assert!(bytes > 15 * MIB, "{put:?}");
        let taken = stage.go_on(2000, None);
        // The file that the last pack began with is not complete in it.
        let left = FILES * FILE_BYTES + MIB - bytes + FILE_BYTES + MIB;
        assert!(taken.custody.sizes.new < left, "{} of {left}", taken.custody.sizes.new);
        assert!(put.iter().all(|(name, _)| names(&taken).contains(name)));
        assert_eq!(taken.custody.sizes.stored, taken.custody.packs().unwrap().iter().map(|pack| pack.1).sum::<u64>());
        let store = &*stage.inner;
        assert_eq!((count(store, "sessions/"), count(store, "fences/"), count(store, "backups/")), (0, 1, 1));
        // It is a parent as any other.
        stage.put_page("05.pages", 9, 2500);
        let next = stage.bench.backup(3000, Some((&taken.name, 2000)));
        stage.assert_restores(&next);
        assert!(next.custody.sizes.new < MIB);
    }
}

#[test]
fn positions_that_are_not_believed_make_every_page_new_and_digests_still_count() {
    let stage = stage();
    stage.die(1000, None, 1, Action::StopAfter);
    let steps = Steps { found: &|| {}, adopted: &|| {}, close: &|| Ok(closing(2000)), believe: false };
    let taken = go_on(&stage.bench, &stage.vault(), 2000, None, &steps).unwrap();
    stage.assert_restores(&taken);
    let new = taken.custody.sizes.new;
    assert!((FILES * FILE_BYTES..FILES * FILE_BYTES + MIB).contains(&new), "{new}: pages and nothing else");
}

#[test]
fn what_changed_after_the_dead_backup_began_is_taken() {
    let stage = stage();
    let put = stage.die(1000, None, 3, Action::StopAfter);
    let bench = &stage.bench;
    // Changed after the dead backup's start, perhaps before it read them: nobody knows.
    stage.put_page("00.pages", 3, 1000);
    stage.put_page("00.pages", 8191, 1999);
    // Another file with pages of long ago.
    bench.write("01.pages", &pages(77, FILE_BYTES, 10));
    bench.births.lock().unwrap().insert("01.pages".into(), 5);
    std::fs::remove_file(bench.path("02.pages")).unwrap();
    let open = |path: &str| std::fs::OpenOptions::new().write(true).open(bench.path(path)).unwrap();
    open("03.pages").set_len(FILE_BYTES / 2).unwrap();
    open("04.pages").set_len(FILE_BYTES + 8 * PAGE as u64).unwrap();
    stage.put_page("04.pages", 8194, 1500);
    // An odd length, a small file, an empty one, and something else altogether.
    open("05.pages").set_len(FILE_BYTES - 5).unwrap();
    open("06.pages").set_len(3 * PAGE as u64).unwrap();
    open("07.pages").set_len(0).unwrap();
    stage.put_page("08.pages", 17, 0);
    bench.write("!small/03", b"shorter");
    bench.write("!small/04", &[9; 400]);
    bench.write("!whole", &[noise(99, 1 << 20), b"and more".to_vec()].concat());
    std::fs::remove_file(bench.path("!small/05")).unwrap();
    std::os::unix::fs::symlink("elsewhere", bench.path("!small/05")).unwrap();
    let taken = stage.go_on(2000, None);
    assert!(put.iter().any(|(name, _)| names(&taken).contains(name)));
}

#[test]
fn a_page_that_was_bad_in_the_dead_backup_is_taken_when_it_is_well_again() {
    let stage = stage();
    let well = std::fs::read(stage.bench.path("00.pages")).unwrap();
    let mut bad = well.clone();
    bad[PAGE * 3 + 100] ^= 1;
    stage.bench.write("00.pages", &bad);
    let put = stage.die(1000, None, 3, Action::StopAfter);
    std::fs::write(stage.bench.path("00.pages"), &well).unwrap();
    let taken = stage.go_on(2000, None);
    assert_eq!(taken.custody.flags, [""; 0]);
    assert!(put.iter().all(|(name, _)| names(&taken).contains(name)));
}

#[test]
fn a_dead_incremental_backup_is_judged_by_its_own_start() {
    let stage = stage();
    let full = stage.bench.backup(1000, None);
    // Half of the files change; the dead backup puts them, and the next one need not.
    let content = pages(500, FILE_BYTES, 1500);
    (0..FILES / 2).for_each(|file| std::fs::write(stage.bench.path(&format!("{file:02}.pages")), &content).unwrap());
    stage.put_page("11.pages", 5, 1500);
    let put = stage.die(2000, Some((&full.name, 1000)), 1, Action::StopAfter);
    assert_eq!(put.len(), 1);
    stage.put_page("00.pages", 5, 2500);
    stage.put_page("10.pages", 5, 2500);
    let taken = stage.go_on(3000, Some((&full.name, 1000)));
    let left = FILES / 2 * FILE_BYTES - put[0].1 + FILE_BYTES + MIB;
    assert!(taken.custody.sizes.new < left, "{} of {left}", taken.custody.sizes.new);
    assert!(names(&taken).contains(&put[0].0));
    // A later death, and a parent that is newer than it began: the parent decides.
    stage.die(3500, Some((&taken.name, 3000)), 1, Action::StopAfter);
    let next = stage.bench.backup(4000, Some((&taken.name, 3000)));
    stage.put_page("10.pages", 6, 4500);
    let last = stage.go_on(5000, Some((&next.name, 4000)));
    assert!(last.custody.sizes.new < MIB);
}

#[test]
fn a_full_backup_adopts_of_a_dead_incremental_one_only_what_stands_alone() {
    let stage = stage();
    let full = stage.bench.backup(1000, None);
    let content = pages(500, FILE_BYTES, 1500);
    (0..6).for_each(|file| std::fs::write(stage.bench.path(&format!("{file:02}.pages")), &content).unwrap());
    (6..FILES).for_each(|file| stage.put_page(&format!("{file:02}.pages"), 5, 1500));
    let put = stage.die(2000, Some((&full.name, 1000)), 2, Action::StopAfter);
    let taken = stage.go_on(3000, None);
    assert!(put.iter().any(|(name, _)| names(&taken).contains(name)));
    assert!(names(&taken).is_disjoint(&names(&full)), "a full backup shares nothing with the one before");
}

#[test]
fn a_pack_that_is_missing_or_damaged_is_not_adopted() {
    let flipped = |bytes: &[u8], at: usize| {
        let mut bytes = bytes.to_vec();
        bytes[at] ^= 1;
        Some(bytes)
    };
    type Harm<'a> = &'a dyn Fn(&[u8]) -> Option<Vec<u8>>;
    let harms: [Harm; 6] = [
        &|_| None,
        &|bytes| flipped(bytes, bytes.len() - 1),
        &|bytes| flipped(bytes, 70),
        &|bytes| Some(bytes[..bytes.len() - 1].to_vec()),
        &|bytes| Some(bytes[..100].to_vec()),
        &|_| Some(Vec::new()),
    ];
    let stage = stage();
    for (at, harm) in harms.into_iter().enumerate() {
        // Each backup begins after the last one, so that what is left of its packs counts.
        let start = 1000 + 100 * at as u64;
        let put = stage.die(start, None, 3, Action::StopAfter);
        let (victim, _) = &put[at % put.len()];
        let strike = || {
            let bytes = stage.inner.get(victim).unwrap();
            stage.inner.delete(victim).unwrap();
            harm(&bytes).into_iter().for_each(|bytes| stage.inner.put_new(victim, bytes.into()).unwrap());
        };
        // A pack that goes after its index was read is missed in time, too.
        let late = at == 0;
        if !late {
            strike();
        }
        let found = || {
            if late {
                strike();
            }
        };
        let steps = Steps { found: &found, adopted: &|| {}, close: &|| Ok(closing(start + 50)), believe: true };
        let taken = go_on(&stage.bench, &stage.vault(), start + 50, None, &steps).unwrap();
        stage.assert_restores(&taken);
        assert!(!names(&taken).contains(victim), "harm {at}");
        // Of two files a part may lie in the victim and another in a pack that is adopted.
        let others: u64 = put.iter().filter(|(name, _)| name != victim).map(|pack| pack.1).sum();
        let (new, left) = (taken.custody.sizes.new, (FILES + 2) * FILE_BYTES + 2 * MIB - others);
        assert!(others > 15 * MIB && new < left, "harm {at}: {new} of {left}");
    }
}

#[test]
fn a_writer_that_was_only_stopped_commits_nothing_when_it_comes_back() {
    let stage = stage();
    let other = std::sync::Mutex::new(None);
    let mut close = || {
        *other.lock().unwrap() = Some(stage.go_on(2000, None));
        Ok(closing(1000))
    };
    let mut files = stage.bench.list().into_iter().map(Ok);
    let error = stage.bench.try_backup_of(&mut files, 1000, None, &mut close).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Conflict, "{error}");
    let other = other.into_inner().unwrap().unwrap();
    assert!(other.custody.sizes.new < MIB, "all of it was adopted");
    assert_eq!(stage.vault().repository.backups().unwrap(), [other.name]);
    stage.assert_restores(&other);
}

#[test]
fn a_backup_that_died_after_its_commit_stays_and_is_not_adopted() {
    let stage = stage();
    die_at(&stage.faults, 1, Action::StopBefore, |verb, name| verb == Verb::Delete && name.starts_with("sessions/"));
    stage.bench.try_backup(1000, None).unwrap_err();
    let vault = stage.vault();
    let backups = vault.repository.backups().unwrap();
    let next = vault.repository.next_generation().unwrap();
    assert_eq!((backups.len(), resume::unfinished(&vault.repository, next).unwrap()), (1, vec![]));
    let found = resume::find(&vault, &[backups[0].writer], &mut |_, _| true).unwrap();
    assert_eq!(found.needs(), [""; 0]);
    assert_eq!(vault.repository.backups().unwrap(), backups, "it is not fenced");
}

#[test]
fn a_backup_that_dies_while_it_adopts_is_gone_on_with() {
    let writes = |verb: Verb, _: &str| matches!(verb, Verb::PutNew | Verb::Delete);
    for action in [Action::StopBefore, Action::StopAfter] {
        for nth in 1.. {
            let stage = stage();
            let put = stage.die(1000, None, 3, Action::StopAfter);
            let faults = Arc::new(Faults::new(stage.inner.clone()));
            let seen = die_at(&faults, nth, action, writes);
            let steps = Steps { found: &|| {}, adopted: &|| {}, close: &|| Ok(closing(2000)), believe: true };
            let vault = stage.bench.fresh(faults).unwrap();
            let died = go_on(&stage.bench, &vault, 2000, None, &steps).is_err();
            assert_eq!(died, seen.load(Ordering::SeqCst) >= nth, "{nth}");
            stage.put_page("00.pages", 3, 2100);
            let taken = stage.go_on(3000, None);
            let committed = stage.vault().repository.backups().unwrap().len() > 1;
            if !committed {
                assert!(put.iter().all(|(name, _)| names(&taken).contains(name)), "{nth}");
            }
            if !died {
                // Fence, session, dead session, packs, manifest, session.
                assert!(nth > 6, "{nth}");
                break;
            }
        }
    }
}
