//! What has arrived in the second region: seen from outside, without a key. The platform copies it there by itself.

use std::time::Duration;

use farshore_types::{Result, Timestamp};
use farshore_vault::Repository;
use farshore_vault::journal::{WAL, chains};

use super::forks::South;
use super::north::North;
use super::scene::Scene;
use crate::stores;

/// For copies to arrive.
const PATIENCE: Duration = Duration::from_secs(300);

/// What the second region holds of the service; `None` while that is nothing.
fn copy(scene: &Scene, south: &South) -> Result<Option<Repository>> {
    if !scene.south_store().join(&south.service).join("format").exists() {
        return Ok(None);
    }
    let root = stores::store(&south.store, scene.clock().clone())?;
    Repository::open(stores::scoped(&root, &south.service.parse()?)?).map(Some)
}

/// Waits until the second region has a backup.
pub fn await_backup(scene: &Scene, south: &South, north: &North, sequence: u32) -> Result<()> {
    let began = scene.clock().monotonic();
    scene.wait_for("the copy of the backups", PATIENCE, &mut || {
        north.platform.check()?;
        let Some(copy) = copy(scene, south)? else { return Ok(None) };
        let there = copy.backups()?.iter().any(|name| name.id.sequence == sequence);
        Ok(there.then_some(()))
    })?;
    let waited = (scene.clock().monotonic() - began).as_secs_f64();
    scene.note(&format!("region south holds backup {sequence}, {waited:.1} s after it was taken"));
    Ok(())
}

/// Waits until the second region has the log of a moment.
pub fn await_moment(scene: &Scene, south: &South, north: &North, moment: Timestamp) -> Result<()> {
    scene.wait_for("the copy of the log", PATIENCE, &mut || {
        north.platform.check()?;
        let Some(copy) = copy(scene, south)? else { return Ok(None) };
        let chains = chains::list(&copy, WAL)?;
        Ok(chains.chains.last().filter(|chain| chain.moment > moment).map(drop))
    })
}
