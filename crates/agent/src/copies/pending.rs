//! What is still to be copied: backups that the first region has, that retention keeps, and that the copy lacks.
//!
//! Retention is asked of the first region's backups with the same rule as in the target, so that what the target has given up is not
//! copied again: whatever the rule keeps of all backups it keeps of any part of them that holds it.
//! Memory: the names of the packs of these backups, as copying one of them needs them anyway.

use std::collections::HashSet;

use farshore_types::{ErrorKind, Result, Timestamp};
use farshore_vault::Repository;
use farshore_vault::care::copy::{Order, plan_copies};
use farshore_vault::care::retention::{Candidate, Keep, choose};
use farshore_vault::format::manifest::Custody;
use farshore_vault::names::{ManifestName, PACKS};

use super::view::Waiting;

/// What is missing, the newest first, with the figures.
pub fn find(source: &Repository, target: &Repository, keep: Keep, now: Timestamp) -> Result<Pending> {
    let missing = plan_copies(source, target, Order::NewestFirst)?;
    if missing.is_empty() {
        return Ok(Pending::default());
    }
    let mut candidates = Vec::new();
    for name in source.backups()? {
        if let Some(custody) = custody(source, &name)? {
            candidates.push(Candidate::of(name.id, &custody));
        }
    }
    let kept = choose(&candidates, keep, now, &[]).keep;
    let names: Vec<ManifestName> = missing.into_iter().filter(|name| kept.contains(&name.id)).collect();
    let waiting = waiting(source, target, &names)?;
    Ok(Pending { names, waiting })
}

/// What is missing.
#[derive(Debug, Default)]
pub struct Pending {
    /// Manifests, the newest first.
    pub names: Vec<ManifestName>,
    /// The figures.
    pub waiting: Waiting,
}

/// `None` where it cannot be used: then it is not copied either, and verify says why.
fn custody(source: &Repository, name: &ManifestName) -> Result<Option<Custody>> {
    match source.custody(name) {
        Ok((_, custody)) => Ok(Some(custody)),
        Err(error) if matches!(error.kind(), ErrorKind::Corrupt | ErrorKind::Missing) => Ok(None),
        Err(error) => Err(error),
    }
}

fn waiting(source: &Repository, target: &Repository, names: &[ManifestName]) -> Result<Waiting> {
    let (mut packs, mut waiting) = (HashSet::new(), Waiting::default());
    if names.is_empty() {
        return Ok(waiting);
    }
    let mut there = HashSet::new();
    target.store().list(PACKS, &mut |info| {
        there.insert(info.name);
        Ok(())
    })?;
    for name in names {
        let Some(custody) = custody(source, name)? else { continue };
        waiting.backups += 1;
        waiting.objects += 1;
        waiting.oldest = Some(waiting.oldest.map_or(custody.finished, |oldest| oldest.min(custody.finished)));
        for (pack, size) in custody.packs()? {
            let pack = pack.to_string();
            if !there.contains(&pack) && packs.insert(pack) {
                waiting.objects += 1;
                waiting.bytes += size;
            }
        }
    }
    Ok(waiting)
}
