//! The commands, one per file.

mod agent;
mod attach;
mod backup;
mod copy;
mod demo;
mod doctor;
mod down;
mod fork;
pub mod keygen;
pub mod log_fetch;
mod log_serve;
mod mail_test;
mod person;
mod token;
mod up;
mod vault;

use std::process::ExitCode;
use std::sync::Arc;

use farshore_types::{Clock, Result, SystemClock};

use crate::cli::{BackupCommand, Cli, Command};
use crate::client;

/// Runs what was typed.
pub fn run(cli: &Cli) -> Result<ExitCode> {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
    match &cli.command {
        Command::Vault(command) => vault::run(command, cli.json, clock),
        Command::Keygen { file } => keygen::run(file, cli.json),
        Command::Service(args) => client::service(args, cli.json, &clock),
        Command::Project(args) => client::project(args, cli.json, &clock),
        Command::Cloud(args) => client::cloud(args, cli.json, &clock),
        Command::Region(args) => client::region(args, cli.json, &clock),
        Command::User(args) => client::user(args, cli.json, &clock),
        Command::Run(args) => client::run(args, cli.json, &clock),
        Command::Backup(BackupCommand::OfService(verb)) => client::backup(verb, cli.json, &clock),
        Command::Backup(BackupCommand::Pg { source, full }) => backup::run(source, *full, cli.json, &clock),
        Command::Attach(command) => attach::run(command, cli.json, clock),
        Command::Agent(command) => agent::run(command, cli.json, &clock),
        Command::Copy(args) => copy::run(args, cli.json, clock),
        Command::Fork(command) => fork::run(command, cli.json, clock),
        Command::Down { data, forget_users } => down::run(data, *forget_users, cli.json, &clock),
        Command::Demo(args) => demo::run(args, cli.json, &clock),
        Command::LogServe { store, socket, staging, workers } => {
            log_serve::run(store, socket, staging, *workers, cli.json, clock)
        }
        Command::Up(args) => up::run(args, cli.json, &clock),
        Command::MailTest { config, to } => mail_test::run(config, to, cli.json, &clock),
        Command::Person(command) => person::run(command, cli.json, &clock),
        Command::Token(command) => token::run(command, cli.json, &clock),
        Command::Doctor { data } => doctor::run(data.as_deref(), cli.json),
    }
}
