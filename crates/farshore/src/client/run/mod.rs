//! `farshore run`: what the platform does and has done, one verb per file.

mod list;
mod retry;
pub mod watch;

use std::process::ExitCode;

use farshore_types::Result;

use super::args::RunVerb;
use super::caller::Client;

/// Does what was typed.
pub fn run(client: &Client, verb: &RunVerb) -> Result<ExitCode> {
    match verb {
        RunVerb::List { service } => list::run(client, service),
        RunVerb::Retry { id } => retry::run(client, id),
        RunVerb::Watch { id, timeout_s } => watch::run(client, id, *timeout_s),
    }
}
