//! A reader's announcement: the backup that is being restored, with all log from its start on, is not swept meanwhile.
//!
//! Where it cannot be announced (a store that may only be read, or that is full) the restore goes on without: what a sweep
//! takes away under it is then missing by name. If we die, the announcement expires by itself, at twice its deadline.

use std::sync::Arc;

use farshore_types::{Clock, Entropy, Error, Result};

use crate::format::notes::Purpose;
use crate::names::BackupId;
use crate::repository::Repository;
use crate::session::{Announcement, Session};

/// Held as long as a backup is being read; dropping it takes the announcement back.
#[must_use = "the backup may be swept as soon as this is dropped"]
pub struct Pin {
    session: Option<Session>,
}

impl Pin {
    /// Announces a restore, then looks whether the backup is still there: a sweep that began before may have taken it.
    /// `Conflict` if it has. A tombstone that names it does no harm: later sweeps spare what it names for whoever is announced.
    pub fn take(
        repository: &Repository,
        backup: BackupId,
        (clock, entropy): (Arc<dyn Clock>, &dyn Entropy),
    ) -> Result<Pin> {
        let announcement = Announcement::new(Purpose::Restore, Some(backup));
        let begun = repository
            .next_generation()
            .and_then(|generation| Session::begin(repository, generation, announcement, clock, entropy));
        let pin = match begun {
            Ok(session) => Pin { session: Some(session) },
            Err(error) => {
                tracing::info!(%error, %backup, "the store cannot be told that this backup is being restored");
                Pin { session: None }
            }
        };
        match repository.backups()?.iter().any(|name| name.id == backup) {
            true => Ok(pin),
            false => Err(Error::conflict(format!("backup {backup} has expired just now")).hint("start again")),
        }
    }

    /// Whether the store knows of it.
    pub fn is_announced(&self) -> bool {
        self.session.is_some()
    }
}

impl Drop for Pin {
    fn drop(&mut self) {
        if let Some(Err(error)) = self.session.take().map(Session::end) {
            tracing::info!(%error, "the announcement of a restore stays behind until it expires");
        }
    }
}
