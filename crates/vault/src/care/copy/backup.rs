//! Copying one backup: sessions on both sides, packs and journal, the manifest last.
//!
//! The session in the target says what is needed, so that its sweep spares objects that are there already; after putting it we look for
//! tombstones that name any of them. The session in the source pins the backup. If we die anywhere before the manifest, the target
//! has no backup more than before, and what was put is used by the next try or swept. The manifest's name carries our session: if we
//! are stopped before putting it for so long that a sweep fences the session, readers ignore it.

use std::sync::Arc;

use bytes::Bytes;
use farshore_objects::Throttle;
use farshore_types::error::ErrorContext;
use farshore_types::{Clock, Entropy, Error, ErrorKind, Progress, Result};

use super::objects::{Copied, Settings, Wanted, absent, copy_all};
use super::plan::check_same;
use crate::format::manifest::Custody;
use crate::format::notes::Purpose;
use crate::names::{JournalName, ManifestName};
use crate::repository::Repository;
use crate::session::{Announcement, Session};

/// Copies the backup `name` of `source`; nothing to do where the target has it. `Missing` where it has expired in the source,
/// `Busy` while a sweep of the target is about to delete what is needed: try again after it. Needs `ensure_repository` before.
pub fn copy_backup(
    source: &Repository,
    target: &Repository,
    name: &ManifestName,
    settings: &Settings,
    (clock, entropy): (Arc<dyn Clock>, &dyn Entropy),
    progress: &Progress,
) -> Result<Copied> {
    check_same(source, target)?;
    if target.backups()?.iter().any(|there| there.id == name.id) {
        return Ok(Copied::default());
    }
    let copying = Copying { source, target, name, settings, clock, entropy, progress };
    let pin = copying.pin()?;
    let outcome = copying.run();
    end(pin);
    outcome
}

/// What one copy works with.
struct Copying<'a> {
    source: &'a Repository,
    target: &'a Repository,
    name: &'a ManifestName,
    settings: &'a Settings,
    clock: Arc<dyn Clock>,
    entropy: &'a dyn Entropy,
    progress: &'a Progress,
}

/// Takes an announcement back. Where that fails it expires by itself.
fn end(session: Option<Session>) {
    if let Some(Err(error)) = session.map(Session::end) {
        tracing::info!(%error, "the session of a copy stays behind until it expires");
    }
}

impl Copying<'_> {
    /// Announces in the source that the backup is being copied. A source that we may only read cannot be told.
    fn pin(&self) -> Result<Option<Session>> {
        match self.begin(self.source, Announcement::new(Purpose::Copy, Some(self.name.id))) {
            Ok(session) => Ok(Some(session)),
            Err(error) if error.kind() == ErrorKind::Denied => {
                tracing::info!(%error, backup = %self.name.id, "the source cannot be told that this backup is being copied");
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    fn begin(&self, at: &Repository, announcement: Announcement) -> Result<Session> {
        Session::begin(at, at.next_generation()?, announcement, self.clock.clone(), self.entropy)
    }

    /// Copies what is missing, under a session of its own in the target.
    fn run(&self) -> Result<Copied> {
        let (manifest, custody) = self.source.custody(self.name).map_err(expired)?;
        let wanted = wanted(&custody)?;
        let mut announcement = Announcement::new(Purpose::Copy, None);
        announcement.needs = wanted.iter().map(|wanted| wanted.name.clone()).collect();
        let session = self.begin(self.target, announcement)?;
        let outcome = self.put(&session, &wanted, manifest);
        end(Some(session));
        outcome
    }

    fn put(&self, session: &Session, wanted: &[Wanted], manifest: Bytes) -> Result<Copied> {
        let target = &**self.target.store();
        session.check()?;
        let missing = absent(target, wanted)?;
        self.progress.expect_bytes(missing.iter().map(|wanted| wanted.size).sum());
        let source = Throttle::new(self.source.store().clone(), self.clock.clone(), self.settings.bytes_per_second);
        let copied = copy_all(&source, target, &missing, self.settings.workers, self.progress).map_err(expired)?;
        if let Some(gone) = absent(target, wanted)?.first() {
            return Err(Error::conflict(format!("{} vanished from the target while the backup was copied", gone.name))
                .hint("start again"));
        }
        session.check()?;
        let size = manifest.len() as u64;
        let here = ManifestName { writer: session.id(), ..*self.name };
        // If we are stopped here for longer than the deadline, a sweep fences the session and readers ignore the manifest.
        target.put_new(&here.to_string(), manifest).doing("commit the copy of", self.name.id)?;
        session.confirm()?;
        let skipped = (wanted.len() - missing.len()) as u64;
        Ok(Copied { objects: copied.objects + 1, bytes: copied.bytes + size, skipped })
    }
}

fn expired(error: Error) -> Error {
    match error.kind() {
        ErrorKind::Missing => error.hint("the backup has expired in the source; copy another one"),
        _ => error,
    }
}

/// Everything that a backup needs: its packs and the journal without which it is not consistent.
fn wanted(custody: &Custody) -> Result<Vec<Wanted>> {
    let packs =
        custody.packs()?.into_iter().map(|(pack, size)| Wanted { name: pack.to_string(), hash: pack.hash, size });
    let mut wanted: Vec<_> = packs.collect();
    for (name, size) in &custody.journal {
        wanted.push(Wanted { name: name.clone(), hash: JournalName::parse(name)?.hash(), size: *size });
    }
    Ok(wanted)
}
