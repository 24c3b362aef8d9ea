//! Sessions: a writer announces itself before it puts anything, and commits only while its announcement holds.
//!
//! The deadline is counted on the writer's monotonic clock. A writer that was stopped between its last check and its manifest is
//! harmless: before a sweep deletes anything it fences every expired session, and readers ignore manifests of fenced sessions.
//! If we die at any point the session object stays behind, expires, and is fenced and swept.

use std::sync::Arc;
use std::time::Duration;

use farshore_types::{Clock, Entropy, Error, Generation, Result, SessionId};

use crate::format::notes::{self, Purpose, SessionNote};
use crate::names::{BackupId, NoteName, SESSIONS};
use crate::repository::Repository;

/// A writer may commit until this long after it began.
pub const DEADLINE: Duration = Duration::from_secs(24 * 3600);

/// A running writer.
pub struct Session {
    repository: Repository,
    name: NoteName,
    clock: Arc<dyn Clock>,
    began: Duration,
    deadline: Duration,
    note: SessionNote,
}

/// What a session announces.
pub struct Announcement {
    /// What it is for.
    pub purpose: Purpose,
    /// The backup that it relies on.
    pub pins: Option<BackupId>,
    /// Names of objects that it relies on besides.
    pub needs: Vec<String>,
    /// How long it may take.
    pub deadline: Duration,
}

impl Announcement {
    /// With the usual deadline and no further needs.
    pub fn new(purpose: Purpose, pins: Option<BackupId>) -> Announcement {
        Announcement { purpose, pins, needs: Vec::new(), deadline: DEADLINE }
    }
}

impl Session {
    /// Puts the session. Its clock starts before the put, so that it never believes to have more time than the sweep gives it.
    pub fn begin(
        repository: &Repository,
        generation: Generation,
        announcement: Announcement,
        clock: Arc<dyn Clock>,
        entropy: &dyn Entropy,
    ) -> Result<Session> {
        let Announcement { purpose, pins, needs, deadline } = announcement;
        let id = SessionId::random(entropy)?;
        let note = SessionNote { purpose, pins, needs, deadline_s: deadline.as_secs() };
        let (name, bytes) = notes::encode(SESSIONS, generation, id, &note)?;
        let began = clock.monotonic();
        repository.store().put_new(&name.to_string(), bytes.into())?;
        Ok(Session { repository: repository.clone(), name, clock, began, deadline, note })
    }

    /// Its id, which stands in the names of everything it puts.
    pub fn id(&self) -> SessionId {
        self.name.session
    }

    /// Its generation.
    pub fn generation(&self) -> Generation {
        self.name.generation
    }

    /// What it pins.
    pub fn pins(&self) -> Option<BackupId> {
        self.note.pins
    }

    /// The last check before a commit: the deadline has not passed, no fence stands, the pinned backup is still there and named in
    /// no tombstone, and no tombstone names anything that is needed besides (`Busy`: try again after the sweep).
    pub fn check(&self) -> Result<()> {
        self.in_time()?;
        if self.repository.fenced()?.contains(&self.id()) {
            return Err(Error::conflict("the session was fenced by a sweep").hint("start again"));
        }
        if let Some(pinned) = self.note.pins {
            // Tombstones are looked at before the listing: one that is gone by then has taken the backup with it.
            if self.repository.condemned(&pinned)? {
                return Err(Error::conflict(format!("the backup {pinned} that this one builds on is being deleted"))
                    .hint("start again"));
            }
            if !self.repository.backups()?.iter().any(|name| name.id == pinned) {
                return Err(Error::conflict(format!("the backup {pinned} that this one builds on has expired"))
                    .hint("start again"));
            }
        }
        match self.repository.condemned_of(&self.note.needs)? {
            Some(name) => Err(Error::busy(format!("a sweep is about to delete {name}, which is needed"))
                .hint("try again when the sweep has ended")),
            None => Ok(()),
        }
    }

    /// Whether the deadline has not passed yet.
    pub fn in_time(&self) -> Result<()> {
        if self.clock.monotonic().saturating_sub(self.began) >= self.deadline {
            let what = format!("the session took longer than its deadline of {} s", self.deadline.as_secs());
            return Err(Error::conflict(what).hint("start again; what was done already is not done twice"));
        }
        Ok(())
    }

    /// The check right after a commit: what was committed counts only if no sweep has given the session up meanwhile, and none can
    /// any more. A sweep looks for the manifest before it fences a session, and does so no earlier than twice the deadline.
    pub fn confirm(&self) -> Result<()> {
        if self.repository.fenced()?.contains(&self.id()) {
            return Err(Error::conflict("the session was fenced while it was committing").hint("start again"));
        }
        if self.clock.monotonic().saturating_sub(self.began) >= self.deadline.saturating_mul(2) {
            let what = "the commit took so long that a sweep may have given it up";
            return Err(Error::conflict(what).hint("start again, then see which backups are listed"));
        }
        Ok(())
    }

    /// Takes the announcement back, after the commit or after giving up.
    pub fn end(self) -> Result<()> {
        self.repository.store().delete(&self.name.to_string())
    }
}
