//! Sweeps delete what nobody needs and nothing else, whoever is stopped or dies while they run.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "test helpers fail the test")]

mod common;

use std::sync::Arc;
use std::sync::atomic::Ordering;

use common::log;
use common::world::{World, interrupted, is_dead, mortal};
use farshore_objects::ObjectStore;
use farshore_objects::layers::{Action, Verb};
use farshore_types::{Clock, ErrorKind};
use farshore_vault::care::sweep::Swept;
use farshore_vault::format::notes::Purpose;
use farshore_vault::names::ManifestName;
use farshore_vault::session::{Announcement, Session};

fn count(store: &Arc<dyn ObjectStore>, folder: &str) -> usize {
    log::objects(&**store).keys().filter(|name| name.starts_with(folder)).count()
}

/// A world with a full backup and an incremental one on top.
fn chain(seed: u64) -> (Arc<World>, ManifestName, ManifestName) {
    let world = World::new(seed);
    let first = world.backup(&world.regions[0], None).unwrap();
    world.change(1);
    let second = world.backup(&world.regions[0], Some(&first)).unwrap();
    (world, first, second)
}

fn manifest_put(verb: Verb, name: &str) -> bool {
    verb == Verb::PutNew && name.starts_with("backups/")
}

#[test]
fn an_expired_backup_goes_in_two_phases_and_what_others_share_stays() {
    let (world, first, second) = chain(1);
    let store = &world.regions[0];
    let (packs, journal) = (count(store, "packs/"), count(store, "journal/"));
    world.advance_hours(100);
    let swept = world.sweep(store, &[first.id]).unwrap();
    assert_eq!((swept.manifests, swept.packs, swept.journal), (1, 0, 0));
    assert!(swept.condemned > 0);
    assert_eq!(world.backups(0), [second]);
    assert_eq!(count(store, "packs/"), packs);
    world.check("condemned");
    world.advance_hours(5);
    assert_eq!(world.sweep(store, &[]).unwrap(), Swept::default(), "the cycle is not over");
    world.advance_hours(2);
    let buried = world.sweep(store, &[]).unwrap();
    assert_eq!(buried.packs + buried.journal, swept.condemned);
    assert!(buried.packs > 0 && count(store, "packs/") < packs);
    assert_eq!((buried.journal, count(store, "journal/")), (1, journal - 1), "log before the oldest backup goes");
    assert_eq!(count(store, "tombstones/"), 0);
    world.check("buried");
    assert_eq!(world.sweep(store, &[]).unwrap(), Swept::default());
    world.check_clean(0);
}

#[test]
fn the_last_good_backup_and_young_objects_stay() {
    let (world, first, second) = chain(2);
    let store = &world.regions[0];
    let swept = world.sweep(store, &[first.id, second.id]).unwrap();
    assert_eq!((swept.kept, swept.manifests, swept.condemned), (1, 1, 0), "everything is younger than the grace");
    assert_eq!(world.backups(0), [second]);
    world.advance_hours(49);
    assert!(world.sweep(store, &[second.id]).unwrap().condemned > 0);
    world.check_clean(0);
    assert_eq!(world.backups(0), [second]);
}

#[test]
fn a_writer_stopped_between_its_last_check_and_its_manifest_is_fenced() {
    for hours in [1, 10, 47, 49, 100, 500] {
        let (world, first, _) = chain(3);
        world.change(2);
        let inside = world.clone();
        let (store, stopped) = interrupted(&world.regions[0], 1, manifest_put, move || {
            for _ in 0..4 {
                inside.advance_hours(hours);
                inside.sweep(&inside.regions[0], &[first.id]).unwrap();
            }
            inside.check("while the writer is stopped");
        });
        let outcome = world.backup(&store, Some(&first));
        assert!(stopped.load(Ordering::SeqCst));
        world.check("after the writer went on");
        // Twice the deadline of 24 hours and a margin of one.
        let late = hours * 4 > 49;
        assert_eq!(outcome.is_err(), late, "{hours}: {outcome:?}");
        assert_eq!(world.backups(0).iter().any(|name| Some(name) == outcome.as_ref().ok()), !late);
        world.check_clean(0);
        world.check("clean");
    }
}

#[test]
fn a_backup_whose_writer_died_after_its_commit_stays() {
    let (world, ..) = chain(4);
    let faults = mortal(&world.regions[0], Verb::PutNew, 1, Action::Go);
    faults.fail_nth(Verb::Delete, 1, Action::StopBefore);
    let store: Arc<dyn ObjectStore> = faults;
    world.backup(&store, None).unwrap_err();
    assert_eq!((world.backups(0).len(), count(&world.regions[0], "sessions/")), (3, 1));
    world.advance_hours(1000);
    assert_eq!(world.sweep(&world.regions[0], &[]).unwrap().fenced, 0);
    assert_eq!((world.backups(0).len(), count(&world.regions[0], "sessions/")), (3, 0));
    world.check("after the sweep");
}

#[test]
fn what_a_dead_writer_left_goes_and_its_fence_stays() {
    let (world, first, _) = chain(5);
    world.change(7);
    let faults = mortal(&world.regions[0], Verb::PutNew, 3, Action::StopAfter);
    let store: Arc<dyn ObjectStore> = faults;
    world.backup(&store, Some(&first)).unwrap_err();
    world.advance_hours(100);
    assert_eq!(world.sweep(&world.regions[0], &[]).unwrap().fenced, 1);
    world.check_clean(0);
    assert_eq!((count(&world.regions[0], "fences/"), world.backups(0).len()), (1, 2));
}

#[test]
fn a_sweep_that_dies_at_any_put_or_delete_is_finished_by_the_next() {
    let mut points = 0;
    for action in [Action::StopBefore, Action::StopAfter] {
        for verb in [Verb::PutNew, Verb::Delete] {
            for nth in 1.. {
                let (world, first, second) = chain(6);
                let writer: Arc<dyn ObjectStore> = mortal(&world.regions[0], Verb::PutNew, 2, Action::StopAfter);
                world.change(3);
                world.backup(&writer, Some(&second)).unwrap_err();
                world.advance_hours(100);
                let faults = mortal(&world.regions[0], verb, nth, action);
                let store: Arc<dyn ObjectStore> = faults.clone();
                let mut outcome = world.sweep(&store, &[first.id]);
                world.advance_hours(7);
                if outcome.is_ok() {
                    outcome = world.sweep(&store, &[first.id]);
                }
                let died = is_dead(&faults);
                world.check("after the death");
                world.advance_hours(20);
                world.sweep(&world.regions[0], &[first.id]).unwrap();
                world.check("after the next sweep");
                world.check_clean(0);
                world.check("clean");
                assert_eq!(world.backups(0), [second]);
                if !died {
                    outcome.unwrap();
                    break;
                }
                points += 1;
            }
        }
    }
    assert!(points > 20, "{points}");
}

#[test]
fn a_manifest_that_outlived_its_tombstone_keeps_its_packs_until_it_is_gone() {
    let (world, first, second) = chain(13);
    world.advance_hours(100);
    // The first sweep dies between its tombstone and its manifest, the second one between the packs and the manifest.
    let store: Arc<dyn ObjectStore> = mortal(&world.regions[0], Verb::PutNew, 2, Action::StopAfter);
    world.sweep(&store, &[first.id]).unwrap_err();
    world.advance_hours(20);
    for nth in 1..6 {
        let store: Arc<dyn ObjectStore> = mortal(&world.regions[0], Verb::Delete, nth, Action::StopAfter);
        let _ = world.sweep(&store, &[first.id]);
        world.check(&format!("dead at delete {nth}"));
        world.advance_hours(20);
    }
    world.check_clean(0);
    assert_eq!(world.backups(0), [second]);
}

#[test]
fn of_two_sweeps_at_once_one_gives_way() {
    for nth in 1..40 {
        let (world, first, second) = chain(7);
        world.advance_hours(100);
        world.sweep(&world.regions[0], &[first.id]).unwrap();
        world.advance_hours(7);
        let inside = world.clone();
        let own_put = |verb: Verb, name: &str| !(verb == Verb::PutNew && name.starts_with("sessions/"));
        let (store, both) = interrupted(&world.regions[0], nth, own_put, move || {
            // Before the first has put its session the second just runs.
            let outcome = inside.sweep(&inside.regions[0], &[second.id]);
            assert!(outcome.is_ok() || outcome.is_err_and(|error| error.kind() == ErrorKind::Busy));
        });
        world.sweep(&store, &[second.id]).unwrap();
        world.check("after both");
        if !both.load(Ordering::SeqCst) {
            assert!(nth > 10);
            return;
        }
    }
    panic!("a sweep of a small repository made 40 calls");
}

#[test]
fn a_backup_that_is_being_copied_stays_until_the_copier_has_ended() {
    let (world, first, second) = chain(8);
    let inside = world.clone();
    let (target, stopped) = interrupted(
        &world.regions[1],
        2,
        |verb, name| verb == Verb::PutNew && name.starts_with("packs/"),
        move || {
            for _ in 0..2 {
                inside.advance_hours(9);
                assert_eq!(inside.sweep(&inside.regions[0], &[first.id]).unwrap().kept, 1);
            }
        },
    );
    world.copy(&world.regions[0], &target, &first).unwrap();
    assert!(stopped.load(Ordering::SeqCst));
    assert_eq!((world.backups(0), world.backups(1).len()), (vec![first, second], 1));
    world.check("copied");
    world.sweep(&world.regions[0], &[first.id]).unwrap();
    world.check_clean(0);
    assert_eq!(world.backups(0), [second]);
    world.check("clean");
}

#[test]
fn a_pin_that_was_put_while_a_sweep_ran_is_honoured_by_the_next_through_the_tombstone() {
    let (world, first, second) = chain(9);
    world.advance_hours(100);
    // The pin comes after the sweep has listed the sessions, and before it puts its tombstone.
    let inside = world.clone();
    let pinned = Arc::new(std::sync::Mutex::new(None));
    let slot = pinned.clone();
    let (store, done) = interrupted(
        &world.regions[0],
        1,
        |verb, name| verb == Verb::PutNew && name.starts_with("tombstones/"),
        move || {
            let repository = inside.repository(0);
            let announcement = Announcement::new(Purpose::Restore, Some(first.id));
            let generation = repository.next_generation().unwrap();
            let clock: Arc<dyn Clock> = inside.clock.clone();
            let session = Session::begin(&repository, generation, announcement, clock, &inside.entropy).unwrap();
            *slot.lock().unwrap() = Some(session);
        },
    );
    world.sweep(&store, &[first.id]).unwrap();
    assert!(done.load(Ordering::SeqCst));
    assert_eq!(world.backups(0), [second]);
    let packs = count(&world.regions[0], "packs/");
    for _ in 0..4 {
        world.advance_hours(7);
        let swept = world.sweep(&world.regions[0], &[]).unwrap();
        assert_eq!((swept.packs, swept.postponed), (0, 1));
    }
    assert_eq!(count(&world.regions[0], "packs/"), packs);
    pinned.lock().unwrap().take().unwrap().end().unwrap();
    assert!(world.sweep(&world.regions[0], &[]).unwrap().packs > 0);
    world.check_clean(0);
}

#[test]
fn a_copier_whose_pin_the_source_refused_drops_a_backup_that_expires_under_it() {
    let (world, first, _) = chain(10);
    world.advance_hours(100);
    let reader = Arc::new(farshore_objects::Faults::new(world.regions[0].clone()));
    reader.set_hook(Arc::new(|verb, _| match verb {
        Verb::PutNew | Verb::Delete => Action::FailBefore(ErrorKind::Denied),
        _ => Action::Go,
    }));
    let source: Arc<dyn ObjectStore> = reader;
    let inside = world.clone();
    let (target, done) = interrupted(
        &world.regions[1],
        1,
        |verb, name| verb == Verb::PutNew && name.starts_with("sessions/"),
        move || {
            inside.sweep(&inside.regions[0], &[first.id]).unwrap();
            inside.advance_hours(7);
            inside.sweep(&inside.regions[0], &[]).unwrap();
        },
    );
    let error = world.copy(&source, &target, &first).unwrap_err();
    assert!(done.load(Ordering::SeqCst));
    assert_eq!(error.kind(), ErrorKind::Missing);
    assert!(world.backups(1).is_empty());
    world.check_clean(1);
}

/// Copies the first backup into a target that `prepare` has left something in, with sweeps of the target at every call.
fn race(prepare: fn(&World, &ManifestName), calls_at_least: u64) {
    for nth in 1.. {
        let (world, first, second) = chain(11);
        world.copy(&world.regions[0], &world.regions[1], &second).unwrap();
        prepare(&world, &first);
        let inside = world.clone();
        let sweeps = move || {
            for _ in 0..2 {
                // The copier may have committed by now: then its backup is given up again.
                inside.sweep(&inside.regions[1], &[first.id]).unwrap();
                inside.check("within the copier");
                inside.advance_hours(7);
            }
        };
        let (target, done) = interrupted(&world.regions[1], nth, |_, _| true, sweeps);
        let outcome = world.copy(&world.regions[0], &target, &first);
        world.check("after the copier");
        if let Err(error) = outcome {
            assert!(matches!(error.kind(), ErrorKind::Busy | ErrorKind::Conflict), "{nth}: {error}");
            for _ in 0..2 {
                world.advance_hours(7);
                world.sweep(&world.regions[1], &[]).unwrap();
            }
            world.copy(&world.regions[0], &world.regions[1], &first).unwrap();
        }
        world.check("copied");
        assert!(world.backups(1).iter().any(|name| name.id == second.id));
        if !done.load(Ordering::SeqCst) {
            assert!(nth > calls_at_least, "{nth}");
            return;
        }
    }
}

#[test]
fn a_copier_and_a_sweep_that_has_condemned_what_it_needs_make_no_broken_copy() {
    race(
        |world, first| {
            world.copy(&world.regions[0], &world.regions[1], first).unwrap();
            world.advance_hours(100);
            world.sweep(&world.regions[1], &[first.id]).unwrap();
            world.advance_hours(7);
        },
        12,
    );
}

#[test]
fn a_copier_and_a_sweep_that_finds_old_leftovers_make_no_broken_copy() {
    race(
        |world, first| {
            let faults = mortal(&world.regions[1], Verb::PutNew, 3, Action::StopAfter);
            let target: Arc<dyn ObjectStore> = faults;
            world.copy(&world.regions[0], &target, first).unwrap_err();
            world.advance_hours(100);
        },
        20,
    );
}

#[test]
fn a_manifest_that_cannot_be_read_stops_the_sweep_before_it_deletes() {
    let (world, first, second) = chain(12);
    world.advance_hours(100);
    let store = &world.regions[0];
    let mut bytes = store.get(&second.to_string()).unwrap().to_vec();
    bytes[300] ^= 1;
    store.delete(&second.to_string()).unwrap();
    store.put_new(&second.to_string(), bytes.into()).unwrap();
    let before = log::objects(&**store);
    let error = world.sweep(store, &[first.id]).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Corrupt);
    assert!(error.to_string().contains(&second.to_string()), "{error}");
    assert_eq!(log::objects(&**store), before);
    // Given up itself, it goes.
    assert_eq!(world.sweep(store, &[second.id]).unwrap().manifests, 1);
    assert_eq!(world.backups(0), [first]);
    world.check("without the damaged one");
}
