//! Random schedules of backups, copies, sweeps, deaths and pauses: whatever happens, every listed manifest restores.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "test helpers fail the test")]

mod common;

use std::sync::Arc;

use common::samples;
use common::world::{World, interrupted, mortal};
use farshore_objects::ObjectStore;
use farshore_objects::layers::{Action, Verb};
use farshore_vault::names::BackupId;
use farshore_vault::testing::SeededEntropy;

/// Steps of one schedule.
const STEPS: u64 = 40;

struct Schedule {
    world: Arc<World>,
    dice: SeededEntropy,
}

impl Schedule {
    fn roll(&self, sides: u64) -> u64 {
        self.dice.next() % sides
    }

    /// The region's store: as it is, with death at some call, or with other things happening at some call.
    fn store(self: &Arc<Self>, region: usize, depth: u32) -> Arc<dyn ObjectStore> {
        let inner = &self.world.regions[region];
        let nth = 1 + self.roll(12);
        let verb = [Verb::PutNew, Verb::PutNew, Verb::Delete][self.roll(3) as usize];
        match self.roll(if depth == 0 { 6 } else { 3 }) {
            0 => mortal(inner, verb, nth, Action::StopBefore),
            1 => mortal(inner, verb, nth, Action::StopAfter),
            2 => inner.clone(),
            way => {
                let (inside, sweeps_only) = (self.clone(), way == 3);
                let manifest = self.roll(2) == 0;
                let at =
                    move |verb: Verb, name: &str| !manifest || verb == Verb::PutNew && name.starts_with("backups/");
                let act = move || {
                    for _ in 0..=inside.roll(3) {
                        inside.wait(if sweeps_only { 60 } else { 12 });
                        if sweeps_only { inside.sweep(1) } else { inside.step(1) }
                    }
                };
                interrupted(inner, if manifest { 1 } else { 1 + self.roll(25) }, at, act).0
            }
        }
    }

    fn wait(&self, hours: u64) {
        self.world.advance_hours(self.roll(hours));
    }

    fn some_backup(&self, region: usize) -> Option<farshore_vault::names::ManifestName> {
        let backups = self.world.backups(region);
        let count = backups.len().max(1) as u64;
        backups.get(self.roll(count) as usize).copied()
    }

    fn backup(self: &Arc<Self>, depth: u32) {
        if depth == 0 {
            self.world.change(self.roll(1000));
        }
        let parent = self.some_backup(0).filter(|_| self.roll(5) > 0);
        let _ = self.world.backup(&self.store(0, depth), parent.as_ref());
    }

    fn copy(self: &Arc<Self>, depth: u32) {
        let (source, target) = (self.store(0, depth), self.store(1, depth));
        match (self.some_backup(0), self.roll(3)) {
            (_, 0) => drop(self.world.copy_round(&source, &target)),
            (Some(name), _) => drop(self.world.copy(&source, &target, &name)),
            (None, _) => {}
        }
    }

    /// A sweep is never held up for longer than its deadline within a single delete: that is the one thing it does not survive.
    fn sweep(self: &Arc<Self>, depth: u32) {
        let region = self.roll(2) as usize;
        let backups = self.world.backups(region);
        let expire: Vec<BackupId> = backups.iter().map(|name| name.id).filter(|_| self.roll(3) == 0).collect();
        let inner = &self.world.regions[region];
        let nth = 1 + self.roll(20);
        let store: Arc<dyn ObjectStore> = match self.roll(if depth == 0 { 5 } else { 3 }) {
            0 => mortal(inner, Verb::Delete, nth, Action::StopBefore),
            1 => mortal(inner, Verb::PutNew, 1 + self.roll(4), Action::StopAfter),
            2 => inner.clone(),
            _ => {
                let inside = self.clone();
                let act = move || {
                    inside.world.advance_hours(inside.roll(4));
                    inside.step(1);
                };
                interrupted(inner, nth, |_, _| true, act).0
            }
        };
        let _ = self.world.sweep(&store, &expire);
    }

    fn step(self: &Arc<Self>, depth: u32) {
        match self.roll(7) {
            0 | 1 => self.backup(depth),
            2 | 3 => self.copy(depth),
            _ => self.sweep(depth),
        }
    }
}

#[test]
fn every_listed_manifest_restores_after_any_schedule() {
    samples(4, 200, |seed| {
        let schedule = Arc::new(Schedule { world: World::new(seed), dice: SeededEntropy::new(seed) });
        let world = &schedule.world;
        world.backup(&world.regions[0], None).unwrap();
        for step in 0..STEPS {
            schedule.step(0);
            world.check(&format!("seed {seed} step {step}"));
            schedule.wait(30);
        }
        for region in 0..2 {
            world.advance_hours(100);
            world.check_clean(region);
        }
        world.check(&format!("seed {seed} in the end"));
        world.backup(&world.regions[0], None).unwrap();
        world.copy_round(&world.regions[0], &world.regions[1]).unwrap();
        world.check(&format!("seed {seed} with one more"));
    });
}
