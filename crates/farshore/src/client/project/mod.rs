//! `farshore project`, one verb per file.

mod choose;
mod create;
mod get;
mod list;

use std::process::ExitCode;

use farshore_types::Result;

use super::args::ProjectVerb;
use super::caller::Client;

/// Does what was typed.
pub fn run(client: &Client, verb: &ProjectVerb) -> Result<ExitCode> {
    match verb {
        ProjectVerb::List => list::run(client),
        ProjectVerb::Get { name } => get::run(client, name.as_deref()),
        ProjectVerb::Create { name, cloud } => create::run(client, name, cloud.as_deref()),
        ProjectVerb::Use { name } => choose::run(client, name),
    }
}
