//! What a sweep sees: sessions, then manifests and fences, then tombstones, and what time it is by the store's clock.

use std::collections::HashSet;
use std::time::Duration;

use farshore_types::error::ErrorContext;
use farshore_types::{Error, ErrorKind, Result, SessionId, Timestamp};

use super::settings::Settings;
use crate::format::notes::{self, FenceNote, Purpose, SessionNote, Tombstone};
use crate::names::{BACKUPS, BackupId, FENCES, FenceName, ManifestName, NoteName, SESSIONS};
use crate::repository::Repository;
use crate::session::Session;

/// Why a sweep fences, for people.
const REASON: &str = "expired before it had committed";

/// A session of somebody else.
pub struct Announced {
    /// Its object.
    pub name: NoteName,
    /// What it announces.
    pub note: SessionNote,
    /// Whether its time is over.
    pub expired: bool,
}

/// A listed tombstone.
pub struct Grave {
    /// Its object.
    pub name: String,
    /// How old it is.
    pub age: Duration,
    /// What it says.
    pub tombstone: Tombstone,
}

/// Everything that decides what is needed.
pub struct Scene {
    /// The store's time when the sweep began.
    pub now: Timestamp,
    /// Sessions of others, listed before the manifests.
    pub sessions: Vec<Announced>,
    /// Manifests that are backups, by name.
    pub backups: Vec<ManifestName>,
    /// Manifests of fenced sessions.
    pub fenced: Vec<ManifestName>,
    /// Tombstones of earlier sweeps.
    pub graves: Vec<Grave>,
    fences: HashSet<SessionId>,
}

/// How much younger `modified` is than `now`; nothing for what is newer.
pub fn age(now: Timestamp, modified: Timestamp) -> Duration {
    Duration::from_micros(u64::try_from(now.micros().saturating_sub(modified.micros())).unwrap_or(0))
}

impl Scene {
    /// Lists and reads. The order matters: sessions, manifests, fences.
    pub fn read(repository: &Repository, own: &Session, settings: &Settings) -> Result<Scene> {
        let (now, sessions) = sessions(repository, own, settings)?;
        let listed = repository.listed(BACKUPS)?;
        let fences: HashSet<_> = repository
            .listed(FENCES)?
            .iter()
            .map(|info| Ok(FenceName::parse(&info.name)?.session))
            .collect::<Result<_>>()?;
        // An object whose name is not that of a manifest is no backup, and none of ours to delete.
        let manifests = listed.iter().filter_map(|info| ManifestName::parse(&info.name).ok());
        let (fenced, backups) = manifests.partition(|name| fences.contains(&name.writer));
        let mut graves = Vec::new();
        repository.tombstones(&mut |info, tombstone| {
            graves.push(Grave { name: info.name.clone(), age: age(now, info.modified), tombstone });
            Ok(())
        })?;
        Ok(Scene { now, sessions, backups, fenced, graves, fences })
    }

    /// Fences the expired sessions that could still commit. One whose manifest is listed has committed and did not come to take its
    /// session back: its backup stays. Every writer confirms after its commit that it is not too late for this.
    pub fn fence(&self, repository: &Repository) -> Result<u64> {
        let commits = |purpose| matches!(purpose, Purpose::Backup | Purpose::Copy | Purpose::Journal);
        let mut count = 0;
        for session in self.sessions.iter().filter(|session| session.expired && commits(session.note.purpose)) {
            let id = session.name.session;
            if self.fences.contains(&id) || self.backups.iter().any(|name| name.writer == id) {
                continue;
            }
            let (name, bytes) = notes::encode_fence(&FenceNote { session: id, reason: REASON.to_string() })?;
            repository.store().put_new(&name.to_string(), bytes.into()).doing("fence", id)?;
            count += 1;
        }
        Ok(count)
    }

    /// Deletes the objects of expired sessions. Called only when all of them are fenced; fences stay for ever.
    pub fn delete_expired(&self, repository: &Repository, own: &Session) -> Result<()> {
        for session in self.sessions.iter().filter(|session| session.expired) {
            own.in_time()?;
            repository.store().delete(&session.name.to_string())?;
        }
        Ok(())
    }

    /// Sessions that may still rely on something.
    pub fn running(&self) -> impl Iterator<Item = &Announced> {
        self.sessions.iter().filter(|session| !session.expired)
    }

    /// Whether a running session relies on this backup.
    pub fn is_pinned(&self, id: &BackupId) -> bool {
        self.running().any(|session| session.note.pins == Some(*id))
    }
}

fn sessions(repository: &Repository, own: &Session, settings: &Settings) -> Result<(Timestamp, Vec<Announced>)> {
    let listed = repository.listed(SESSIONS)?;
    let mut sessions = Vec::new();
    let mut now = None;
    for info in &listed {
        let name = NoteName::parse(SESSIONS, &info.name)?;
        if name.session == own.id() {
            now = Some(info.modified);
            continue;
        }
        let bytes = match repository.store().get(&info.name) {
            // It has ended since: what it committed is in the listing of manifests that follows.
            Err(error) if error.kind() == ErrorKind::Missing => continue,
            bytes => bytes.doing("read", "a session")?,
        };
        let note: SessionNote = notes::decode(&info.name, name.hash, &bytes)?;
        sessions.push((name, note, info.modified));
    }
    let now = now.ok_or_else(|| Error::transient("the sweep's own session is not listed"))?;
    let announced = |(name, note, modified): (NoteName, SessionNote, Timestamp)| {
        let deadline = Duration::from_secs(note.deadline_s);
        let expired = age(now, modified) > deadline.saturating_mul(2).saturating_add(settings.session_margin);
        Announced { name, note, expired }
    };
    Ok((now, sessions.into_iter().map(announced).collect()))
}
