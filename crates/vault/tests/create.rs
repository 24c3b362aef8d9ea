//! Making a repository: never over what is left of one, and one of two makers wins.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test ends where something is not as it must be")]

mod common;

use std::sync::Arc;
use std::sync::atomic::Ordering;

use common::world::interrupted;
use common::{Bench, log};
use farshore_objects::{Bucket, ObjectStore};
use farshore_types::{ErrorKind, Generation, Result};
use farshore_vault::format::notes::{self, FenceNote, Purpose, Tombstone};
use farshore_vault::names::{KEYS, ManifestName, TOMBSTONES};
use farshore_vault::testing::SeededEntropy;
use farshore_vault::{Identity, Repository, Vault};

fn memory() -> Arc<dyn ObjectStore> {
    Arc::new(Bucket::memory())
}

fn create(store: &Arc<dyn ObjectStore>, identity: &Identity, seed: u64) -> Result<Vault> {
    Vault::create(store.clone(), &"pg-1".parse()?, &identity.recipients(), &SeededEntropy::new(seed))
}

fn identity(seed: u64) -> Identity {
    Identity::random(&SeededEntropy::new(seed)).unwrap()
}

#[test]
fn a_repository_that_lost_its_format_keeps_its_keys_and_is_not_made_anew() {
    let bench = Bench::new(memory(), 1);
    bench.write("file", b"content");
    let taken = bench.backup(1000, None);
    let format = bench.store.get("format").unwrap();
    bench.store.delete("format").unwrap();
    let before = log::objects(&*bench.store);
    let error = create(&bench.store, &identity(2), 3).unwrap_err();
    assert_eq!((error.kind(), error.advice().is_some()), (ErrorKind::Conflict, true), "{error}");
    assert_eq!(log::objects(&*bench.store), before);
    bench.store.put_new("format", format).unwrap();
    let vault = bench.fresh(bench.store.clone()).unwrap();
    assert_eq!(common::restored_by(&vault, &taken.name).unwrap(), bench.content());
}

#[test]
fn of_two_that_make_a_repository_at_once_one_wins_and_its_keys_are_there() {
    for nth in 1.. {
        let inner = memory();
        let [ours, theirs] = [identity(1), identity(2)];
        let (others, other) = (inner.clone(), Identity::parse(&theirs.to_file_text()).unwrap());
        let (store, both) = interrupted(&inner, nth, |_, _| true, move || drop(create(&others, &other, 4)));
        let made = create(&store, &ours, 3);
        let repository = Repository::open(inner.clone()).unwrap();
        let winner = if made.is_ok() { ours } else { theirs };
        if let Err(error) = &made {
            assert_eq!(error.kind(), ErrorKind::Conflict, "{nth}: {error}");
        }
        repository.unlock(&winner).unwrap_or_else(|error| panic!("{nth}: {error}"));
        if !both.load(Ordering::SeqCst) {
            assert!(nth > 4 && made.is_ok(), "{nth}");
            return;
        }
    }
}

#[test]
fn wraps_of_an_attempt_that_died_are_removed_by_the_next() {
    let store = memory();
    let dead = Bench::new(memory(), 9);
    let wraps = dead.vault.repository.wraps().unwrap();
    for wrap in &wraps {
        store.put_new(&wrap.to_string(), dead.store.get(&wrap.to_string()).unwrap()).unwrap();
    }
    let vault = create(&store, &identity(1), 3).unwrap();
    let left = vault.repository.wraps().unwrap();
    assert_eq!((wraps.len(), left.len()), (1, 1));
    assert_ne!(wraps, left);
}

#[test]
fn objects_whose_names_are_not_of_the_format_are_passed_over() {
    let bench = Bench::new(memory(), 1);
    bench.write("file", b"content");
    for folder in ["backups/", KEYS, "fences/", "sessions/", TOMBSTONES, "packs/"] {
        bench.store.put_new(&format!("{folder}.nfs0000a1"), b"x"[..].into()).unwrap();
    }
    let full = bench.backup(1000, None);
    let next = bench.backup(2000, Some((&full.name, 1000)));
    let vault = bench.fresh(bench.store.clone()).unwrap();
    assert_eq!(vault.repository.backups().unwrap(), [full.name, next.name]);
    assert_eq!(common::restored_by(&vault, &next.name).unwrap(), bench.content());
}

#[test]
fn a_name_with_the_last_number_is_an_error_and_no_panic() {
    let bench = Bench::new(memory(), 1);
    let last = "ffffffffffffffff";
    let (session, hash) = ("00".repeat(16), "00".repeat(32));
    bench.store.put_new(&format!("backups/{last}-ffffffff-{session}-{session}-{hash}"), b""[..].into()).unwrap();
    assert_eq!(bench.vault.repository.next_generation().unwrap_err().kind(), ErrorKind::Corrupt);
    assert_eq!(bench.vault.repository.next_sequence().unwrap_err().kind(), ErrorKind::Corrupt);
}

#[test]
fn whoever_acts_on_a_later_order_is_newer_whatever_the_store_has_seen() {
    let under = |seen: Option<u64>, order: u64| {
        let bench = Bench::new(memory(), 1);
        if let Some(generation) = seen {
            let (session, hash) = ("00".repeat(16), "00".repeat(32));
            let name = format!("backups/{generation:016x}-00000001-{session}-{session}-{hash}");
            bench.store.put_new(&name, b""[..].into()).unwrap();
        }
        bench.vault.repository.next_generation_under(Generation(order)).map(|next| next.0).map_err(|error| error.kind())
    };
    let of = |order: u64, count: u64| (order << 32) + count;
    let table = [
        (None, 0, Ok(1)),
        (Some(41), 0, Ok(42)),
        (None, 7, Ok(of(7, 0))),
        (Some(41), 7, Ok(of(7, 0))),
        (Some(of(6, 900)), 7, Ok(of(7, 0))),
        (Some(of(7, 0)), 7, Ok(of(7, 1))),
        (Some(of(8, 0)), 7, Err(ErrorKind::Conflict)),
        (Some(of(8, 0)), 0, Ok(of(8, 1))),
        (Some(of(7, u64::from(u32::MAX))), 7, Err(ErrorKind::Corrupt)),
        (None, 1 << 32, Err(ErrorKind::Corrupt)),
    ];
    for (seen, order, expect) in table {
        assert_eq!(under(seen, order), expect, "order {order} where {seen:x?} was seen");
    }
}

/// Two copiers have put the same backup, and one of them was fenced: what a sweep says of its manifest is not said of the other.
#[test]
fn a_parent_is_not_condemned_by_a_tombstone_of_its_fenced_twin() {
    let bench = Bench::new(memory(), 1);
    bench.write("file", b"content");
    let full = bench.backup(1000, None).name;
    let dead = bench.session(Purpose::Copy, None);
    let twin = ManifestName { writer: dead.id(), ..full };
    bench.store.put_new(&twin.to_string(), bench.store.get(&full.to_string()).unwrap()).unwrap();
    let (name, bytes) = notes::encode_fence(&FenceNote { session: dead.id(), reason: "a test".into() }).unwrap();
    bench.store.put_new(&name.to_string(), bytes.into()).unwrap();
    let tombstone = Tombstone { manifests: vec![twin.to_string()], ..Tombstone::default() };
    let (name, bytes) = notes::encode(TOMBSTONES, dead.generation(), dead.id(), &tombstone).unwrap();
    bench.store.put_new(&name.to_string(), bytes.into()).unwrap();
    let next = bench.backup(2000, Some((&full, 1000)));
    assert_eq!(next.custody.parent, Some(full.id));
}
