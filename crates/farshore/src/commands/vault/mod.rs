//! `farshore vault …`: everything that needs nothing but a store and a key.

mod export;
mod list;
mod restore;
mod show;
mod verify;

use std::process::ExitCode;
use std::sync::Arc;

use farshore_types::{Clock, Result};

use crate::cli::VaultCommand;

/// Runs one of the commands.
pub fn run(command: &VaultCommand, json: bool, clock: Arc<dyn Clock>) -> Result<ExitCode> {
    match command {
        VaultCommand::List { store } => list::run(store, json, clock),
        VaultCommand::Show { store, backup, files } => show::run(store, backup, *files, json, clock),
        VaultCommand::Verify { store, backup, level } => verify::run(store, backup.as_deref(), *level, json, clock),
        VaultCommand::Restore { store, backup, to, file } => {
            restore::run(store, backup, to, file.as_deref(), json, &clock)
        }
        VaultCommand::Export { store, backup, to } => export::run(store, backup, to, json, clock),
    }
}
