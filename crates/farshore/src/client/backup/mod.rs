//! `farshore backup` for services, one verb per file. (`farshore backup pg`, of a server without a platform, is another command.)

mod access;
mod create;
mod lag;
mod list;
mod tools;

use std::process::ExitCode;

use farshore_types::Result;

use super::args::BackupVerb;
use super::caller::Client;

/// Does what was typed.
pub fn run(client: &Client, verb: &BackupVerb) -> Result<ExitCode> {
    match verb {
        BackupVerb::List { service, .. } => list::run(client, service),
        BackupVerb::Lag { service, .. } => lag::run(client, service.as_deref()),
        BackupVerb::Create { service, wait, .. } => create::run(client, service, wait),
        BackupVerb::Access { service, to, .. } => access::run(client, service, to.as_deref()),
    }
}
