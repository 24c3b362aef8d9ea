//! Sweeps while a backup goes on with what a dead one put: nothing that it relies on is deleted under it.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test ends where something is not as it must be")]

mod common;

use std::collections::BTreeSet;
use std::sync::Arc;

use common::resume::{Steps, count, go_on, names, packs};
use common::world::{World, mortal};
use common::{closing, restored_by};
use farshore_objects::layers::Action;
use farshore_objects::{ObjectStore, Verb};
use farshore_types::ErrorKind;

/// A world in which a backup died after its packs, hours ago.
fn dead_world(hours: u64) -> Arc<World> {
    let world = World::new(1);
    let store: Arc<dyn ObjectStore> = mortal(&world.regions[0], Verb::PutNew, 4, Action::StopBefore);
    world.backup(&store, None).unwrap_err();
    assert_eq!(packs(&*world.regions[0]).len(), 2);
    world.advance_hours(hours);
    world
}

#[test]
fn no_sweep_deletes_what_a_running_backup_has_adopted() {
    let world = dead_world(40);
    let before: BTreeSet<_> = packs(&*world.regions[0]).into_iter().map(|pack| pack.0).collect();
    let sweeps = || {
        // Past the grace, then past the cycle of a tombstone; the session's deadline is 24 hours.
        for hours in [15, 7] {
            world.advance_hours(hours);
            world.sweep(&world.regions[0], &[]).unwrap();
        }
        assert_eq!(count(&*world.regions[0], "tombstones/"), 0);
        Ok(closing(2000))
    };
    let vault = world.bench.fresh(world.regions[0].clone()).unwrap();
    let steps = Steps { found: &|| {}, adopted: &|| {}, close: &sweeps, believe: true };
    let taken = go_on(&world.bench, &vault, 2000, None, &steps).unwrap();
    assert!(!names(&taken).is_disjoint(&before), "something was adopted");
    assert_eq!(restored_by(&vault, &taken.name).unwrap(), world.bench.content());
}

#[test]
fn whenever_a_sweep_runs_a_backup_that_adopts_fails_or_restores() {
    let mut outcomes = [0; 2];
    for (hours, point) in [1, 40, 48, 49, 50, 100].into_iter().flat_map(|hours| (0..3).map(move |at| (hours, at))) {
        let world = dead_world(hours);
        let sweep = |at| {
            if at == point {
                for _ in 0..3 {
                    world.sweep(&world.regions[0], &[]).unwrap();
                    world.advance_hours(7);
                }
            }
        };
        let vault = world.bench.fresh(world.regions[0].clone()).unwrap();
        let close = || {
            sweep(2);
            Ok(closing(2000))
        };
        let steps = Steps { found: &|| sweep(0), adopted: &|| sweep(1), close: &close, believe: true };
        let taken = go_on(&world.bench, &vault, 2000, None, &steps);
        let taken = taken.or_else(|error| {
            outcomes[0] += 1;
            assert!(matches!(error.kind(), ErrorKind::Busy | ErrorKind::Conflict), "{hours} {point}: {error}");
            let steps = Steps { found: &|| {}, adopted: &|| {}, close: &|| Ok(closing(3000)), believe: true };
            go_on(&world.bench, &vault, 3000, None, &steps)
        });
        outcomes[1] += 1;
        let taken = taken.unwrap();
        for _ in 0..4 {
            world.advance_hours(100);
            world.sweep(&world.regions[0], &[]).unwrap();
            assert_eq!(restored_by(&vault, &taken.name).unwrap(), world.bench.content(), "{hours} {point}");
        }
    }
    assert_eq!(outcomes[1], 18);
}
