//! Takes the backups of one node, each from a running server whose log is archived; whose turn it is, the module `turn` says.

use farshore_engines::postgresql::snapshot::Checkpoint;
use farshore_types::error::ErrorContext;
use farshore_types::{Error, Generation, Progress, Result};
use farshore_vault::backup;
use farshore_vault::journal::WAL;

use super::Member;
use crate::fleet::report::Taken;
use crate::tasks::take_backup::TakeBackup;

impl Member {
    /// See [`crate::fleet::Fleet::take_backup`]. Other verbs may work meanwhile: a server that is stopped ends the backup.
    pub fn take_backup(&self, generation: Generation, request: &str, progress: &Progress) -> Result<Taken> {
        self.backing.fulfil(request, progress, || self.back_up(generation, progress))
    }

    fn back_up(&self, generation: Generation, progress: &Progress) -> Result<Taken> {
        let task = {
            let state = self.take(generation)?;
            let node = state.node.as_ref().ok_or_else(|| self.absent())?;
            let archiving = state.archiving.as_ref().ok_or_else(|| {
                Error::busy(format!("the log of service {} is not archived yet", self.service)).hint("try again soon")
            })?;
            TakeBackup {
                server: node.settings()?,
                data_directory: Some(node.layout().data()),
                vault: self.vault(&state)?,
                order: state.order.generation,
                stream: WAL.to_string(),
                horizon: Some(archiving.horizon().clone()),
                full: false,
                checkpoint: Checkpoint::Fast,
                settings: backup::Settings { workers: self.ground.workers, ..backup::Settings::default() },
                clock: state.host.clock.clone(),
                entropy: state.host.entropy.clone(),
            }
        };
        let outcome = task.run(progress).doing("back up service", &self.service)?;
        let sizes = &outcome.taken.custody.sizes;
        self.tell(format!("backup {} was taken: {} bytes, {} put", outcome.taken.name.id, sizes.raw, sizes.new));
        Ok(Taken {
            name: outcome.taken.name.id.to_string(),
            raw_bytes: sizes.raw,
            new_bytes: sizes.new,
            full_because: outcome.full_because,
            bad_pages: outcome.taken.bad_pages.len() as u64,
        })
    }
}
