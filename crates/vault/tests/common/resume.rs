//! A backup that goes on with what dead ones put, with something happening between its steps.

use std::collections::BTreeSet;
use std::sync::Arc;

use farshore_objects::ObjectStore;
use farshore_types::{Clock, Position, Progress, Result};
use farshore_vault::Vault;
use farshore_vault::backup::resume::{self, Adopted};
use farshore_vault::backup::{self, Bounds, Closing, Request, Taken};
use farshore_vault::format::notes::Purpose;
use farshore_vault::names::ManifestName;
use farshore_vault::session::{Announcement, Session};

use super::Bench;

pub type Parent<'a> = Option<(&'a ManifestName, u64)>;

pub fn packs(store: &dyn ObjectStore) -> Vec<(String, u64)> {
    let mut found = Vec::new();
    let mut each = |info: farshore_objects::ObjectInfo| {
        found.push((info.name, info.size));
        Ok(())
    };
    store.list("packs/", &mut each).unwrap();
    found
}

pub fn count(store: &dyn ObjectStore, folder: &str) -> usize {
    let mut count = 0;
    let mut each = |_| {
        count += 1;
        Ok(())
    };
    store.list(folder, &mut each).unwrap();
    count
}

/// What goes on between the steps of a backup that adopts.
pub struct Steps<'a> {
    pub found: &'a dyn Fn(),
    pub adopted: &'a dyn Fn(),
    pub close: &'a dyn Fn() -> Result<Closing>,
    pub believe: bool,
}

/// Takes a backup that goes on with whatever died.
pub fn go_on(bench: &Bench, vault: &Vault, start: u64, parent: Parent, steps: &Steps) -> Result<Taken> {
    let generation = vault.repository.next_generation()?;
    let dead = resume::unfinished(&vault.repository, generation)?;
    let found = resume::find(vault, &dead, &mut |then, _| steps.believe && then < start)?;
    (steps.found)();
    let announcement =
        Announcement { needs: found.needs(), ..Announcement::new(Purpose::Backup, parent.map(|(name, _)| name.id)) };
    let session = Session::begin(&vault.repository, generation, announcement, bench.clock.clone(), &bench.entropy)?;
    let adopted: Adopted = found.adopt(&vault.repository)?;
    (steps.adopted)();
    let open = parent.map(|(name, _)| vault.open_backup(name)).transpose()?;
    let request = Request {
        session: &session,
        engine: "test",
        parent: open.as_ref(),
        bounds: Bounds { since: parent.map_or(u64::MAX, |(_, since)| since), floor: 1 },
        start: Position(start),
        facts: serde_json::json!({"start": start}),
        adopted: Some(&adopted),
        settings: backup::Settings { workers: 2, ..Default::default() },
        progress: &Progress::default(),
    };
    let mut files = bench.list().into_iter().map(Ok);
    let clock = (bench.clock.clone() as Arc<dyn Clock>, &bench.entropy as _);
    let taken = backup::take(vault, &request, &mut files, &mut || (steps.close)(), clock)?;
    session.end()?;
    Ok(taken)
}

pub fn names(taken: &Taken) -> BTreeSet<String> {
    taken.custody.packs().unwrap().into_iter().map(|(name, _)| name.to_string()).collect()
}
