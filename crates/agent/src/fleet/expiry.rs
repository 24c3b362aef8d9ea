//! Which backups may go. Where they are counted, the one before the newest goes only after every stored object of the newest was read
//! and found whole: it may be the last good one.
//!
//! Nothing is written. A region that does not answer lets nothing go.

use farshore_types::{Progress, Result};
use farshore_vault::Repository;
use farshore_vault::care::retention::{Candidate, Keep, Window, choose as may_go};
use farshore_vault::care::verify::{Gravity, Level, Request, Which, verify};
use farshore_vault::names::BackupId;

use super::ground::Ground;

/// Those that retention no longer needs, oldest first. A newest one that is damaged counts as flagged: then an older one is kept for it.
pub fn choose(
    ground: &Ground,
    repository: &Repository,
    mut backups: Vec<Candidate>,
    (keep, windows): (Keep, &[Window]),
) -> Result<Vec<BackupId>> {
    let now = ground.host.clock.now();
    loop {
        let expire = may_go(&backups, keep, now, windows).expire;
        let counted = matches!(keep, Keep::Count(_)) && !expire.is_empty();
        let newest = backups.iter_mut().filter(|backup| counted && !backup.flagged).max_by_key(|backup| backup.id);
        let Some(newest) = newest else { return Ok(expire) };
        if is_whole(ground, repository, newest.id)? {
            return Ok(expire);
        }
        // Each turn flags one more, so this ends.
        newest.flagged = true;
    }
}

/// Reads everything that a backup needs. No key is needed for that.
fn is_whole(ground: &Ground, repository: &Repository, id: BackupId) -> Result<bool> {
    let which: Vec<_> = repository.backups()?.into_iter().filter(|name| name.id == id).collect();
    let (workers, progress) = (ground.workers, &Progress::default());
    let request = Request { level: Level::Scrub, which: Which::Only(which), kinds: &[], workers, progress };
    let service = repository.service();
    let found = verify(repository, None, &request, &mut |finding| {
        if finding.gravity == Gravity::Damage {
            tracing::error!(%service, backup = %id, object = finding.object, "an older backup is kept: {}", finding.what);
        }
    })?;
    Ok(found.damages == 0)
}
