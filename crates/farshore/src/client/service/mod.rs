//! `farshore service`: the life of services, one verb per file.

pub mod ask;
mod create;
mod get;
mod list;
mod logs;
mod terminate;
mod undelete;
mod update;
pub mod wait;

use std::process::ExitCode;

use farshore_types::Result;

use super::args::ServiceVerb;
use super::caller::Client;

/// Does what was typed.
pub fn run(client: &Client, verb: &ServiceVerb) -> Result<ExitCode> {
    match verb {
        ServiceVerb::List { deleted: false } => list::living(client),
        ServiceVerb::List { deleted: true } => list::deleted(client),
        ServiceVerb::Get { name, uri: false } => get::describe(client, name),
        ServiceVerb::Get { name, uri: true } => get::uri(client, name),
        ServiceVerb::Create(args) => create::run(client, args),
        ServiceVerb::Update(args) => update::run(client, args),
        ServiceVerb::Wait { name, state, timeout_s } => wait::run(client, name, *state, *timeout_s),
        ServiceVerb::Terminate { name, force } => terminate::run(client, name, *force),
        ServiceVerb::Undelete { id, wait } => undelete::run(client, id, wait),
        ServiceVerb::Logs { name, lines, follow } => logs::run(client, name, *lines, *follow),
    }
}
