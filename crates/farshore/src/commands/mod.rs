//! The commands, one per file.

mod attach;
mod backup;
mod doctor;
mod down;
mod fork;
mod keygen;
pub mod log_fetch;
mod vault;

use std::process::ExitCode;
use std::sync::Arc;

use farshore_types::{Clock, Result, SystemClock};

use crate::cli::{Cli, Command};

/// Runs what was typed.
pub fn run(cli: &Cli) -> Result<ExitCode> {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
    match &cli.command {
        Command::Vault(command) => vault::run(command, cli.json, clock),
        Command::Keygen { file } => keygen::run(file, cli.json),
        Command::Backup(command) => backup::run(command, cli.json, clock),
        Command::Attach(command) => attach::run(command, cli.json, clock),
        Command::Fork(command) => fork::run(command, cli.json, clock),
        Command::Down { data } => down::run(data, cli.json, clock),
        Command::Doctor => doctor::run(cli.json),
    }
}
