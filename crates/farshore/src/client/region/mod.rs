//! `farshore region`: what the loss of a region means, and drills of it, one verb per file.

mod drill;
mod elsewhere;
mod fail;
mod fork_all;
mod giveback;
mod list;

use std::path::Path;
use std::process::ExitCode;

use farshore_types::Result;

use super::args::RegionVerb;
use super::caller::Client;

/// Does what was typed; drills are asked for in the folder of the platform.
pub fn run(client: &Client, folder: Option<&Path>, verb: &RegionVerb) -> Result<ExitCode> {
    match verb {
        RegionVerb::List => list::run(client),
        RegionVerb::ForkAll(args) => fork_all::run(client, args),
        RegionVerb::Fail { region, yes: false } => fail::after_a_question(client, folder, region),
        RegionVerb::Fail { region, yes: true } => fail::at_once(client, folder, region),
        RegionVerb::Return { region } => giveback::run(client, folder, region),
    }
}
