//! A backup that is being restored is not swept meanwhile, nor its log; a store that may only be read is restored from all the same.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "test helpers fail the test")]

mod common;

use std::sync::Arc;

use common::log;
use common::world::{World, interrupted};
use farshore_objects::ObjectStore;
use farshore_objects::layers::{Action, Faults, Verb};
use farshore_types::{Clock, ErrorKind, Result};
use farshore_vault::Repository;
use farshore_vault::format::notes::Purpose;
use farshore_vault::names::ManifestName;
use farshore_vault::read::Pin;
use farshore_vault::session::{Announcement, Session};

fn pin(world: &World, store: &Arc<dyn ObjectStore>, name: &ManifestName) -> Result<Pin> {
    let clock: Arc<dyn Clock> = world.clock.clone();
    Pin::take(&Repository::open(store.clone())?, name.id, (clock, &world.entropy))
}

fn chain(seed: u64) -> (Arc<World>, ManifestName, ManifestName) {
    let world = World::new(seed);
    let first = world.backup(&world.regions[0], None).unwrap();
    world.change(1);
    let second = world.backup(&world.regions[0], Some(&first)).unwrap();
    (world, first, second)
}

fn count(store: &Arc<dyn ObjectStore>, folder: &str) -> usize {
    log::objects(&**store).keys().filter(|name| name.starts_with(folder)).count()
}

#[test]
fn a_backup_stays_as_long_as_it_is_being_restored() {
    let (world, first, second) = chain(21);
    let store = &world.regions[0];
    world.advance_hours(100);
    let held = pin(&world, store, &first).unwrap();
    assert!(held.is_announced());
    for _ in 0..3 {
        world.advance_hours(9);
        assert_eq!(world.sweep(store, &[first.id]).unwrap().kept, 1);
    }
    assert_eq!(world.backups(0), [first, second]);
    drop(held);
    assert_eq!(count(store, "sessions/"), 0);
    world.sweep(store, &[first.id]).unwrap();
    assert_eq!(world.backups(0), [second]);
    world.check_clean(0);
}

#[test]
fn a_store_that_takes_nothing_is_read_without_an_announcement() {
    for kind in [ErrorKind::Denied, ErrorKind::Transient, ErrorKind::Busy] {
        let (world, first, _) = chain(22);
        let reader = Faults::new(world.regions[0].clone());
        reader.set_hook(Arc::new(move |verb, _| match verb {
            Verb::PutNew | Verb::Delete => Action::FailBefore(kind),
            _ => Action::Go,
        }));
        let store: Arc<dyn ObjectStore> = Arc::new(reader);
        assert!(!pin(&world, &store, &first).unwrap().is_announced());
    }
}

#[test]
fn a_backup_that_expired_before_it_was_announced_is_refused_and_leaves_no_announcement() {
    let (world, first, _) = chain(23);
    world.advance_hours(100);
    let inside = world.clone();
    let swept = move || {
        let _ = inside.sweep(&inside.regions[0], &[first.id]).unwrap();
    };
    let at = |verb, name: &str| verb == Verb::PutNew && name.starts_with("sessions/");
    let (store, _) = interrupted(&world.regions[0], 1, at, swept);
    assert_eq!(pin(&world, &store, &first).err().unwrap().kind(), ErrorKind::Conflict);
    assert_eq!(count(&world.regions[0], "sessions/"), 0);
}

#[test]
fn the_log_after_a_pinned_backup_stays_although_the_backup_was_condemned_before() {
    let (world, first, second) = chain(24);
    let region = &world.regions[0];
    world.advance_hours(100);
    // Log that only the first backup replays; it is too young for the sweep that condemns that backup.
    let vault = world.bench.fresh(region.clone()).unwrap();
    let (late, _) = log::put(&vault, 1, (1050, 1100), &world.entropy);
    world.advance_hours(30);
    let (inside, slot) = (world.clone(), Arc::new(std::sync::Mutex::new(None)));
    let held = slot.clone();
    let announces = move || {
        let repository = inside.repository(0);
        let announcement = Announcement::new(Purpose::Restore, Some(first.id));
        let (generation, clock) = (repository.next_generation().unwrap(), inside.clock.clone());
        let session = Session::begin(&repository, generation, announcement, clock, &inside.entropy).unwrap();
        *held.lock().unwrap() = Some(session);
    };
    let at = |verb, name: &str| verb == Verb::PutNew && name.starts_with("tombstones/");
    let (store, _) = interrupted(region, 1, at, announces);
    world.sweep(&store, &[first.id]).unwrap();
    assert_eq!(world.backups(0), [second]);
    // Old enough now; then two cycles.
    for hours in [19, 7, 7] {
        world.advance_hours(hours);
        world.sweep(region, &[]).unwrap();
        assert!(region.head(&late).is_ok(), "the log of a restore that is running was swept");
    }
    slot.lock().unwrap().take().unwrap().end().unwrap();
    world.check_clean(0);
    assert!(region.head(&late).is_err());
}
