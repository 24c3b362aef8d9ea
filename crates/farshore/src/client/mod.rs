//! The client: the verbs for people, over the same API that other clients use. One verb per file, each a call or two, then plain
//! sentences and a table, or with `--json` the API's own answer.
//!
//! Nothing is kept here between two commands. A command that dies, or is interrupted, has either asked for something or not: what was
//! asked for goes on in the platform.

pub mod answers;
pub mod api;
pub mod args;
mod backup;
pub mod caller;
mod cloud;
pub mod ending;
mod options;
mod project;
mod question;
mod reach;
mod region;
mod run;
mod service;
mod text;
mod user;
mod watch;

use std::process::ExitCode;
use std::sync::Arc;

use farshore_types::{Clock, Result};

use args::{BackupVerb, CloudArgs, CloudVerb, ProjectArgs, RegionArgs, RunArgs, ServiceArgs, UserArgs};
use caller::Client;

/// `farshore service`.
pub fn service(args: &ServiceArgs, as_json: bool, clock: &Arc<dyn Clock>) -> Result<ExitCode> {
    service::run(&Client::new(&args.api, as_json, clock)?, &args.verb)
}

/// `farshore backup`, for services.
pub fn backup(verb: &BackupVerb, as_json: bool, clock: &Arc<dyn Clock>) -> Result<ExitCode> {
    let (BackupVerb::List { api, .. }
    | BackupVerb::Lag { api, .. }
    | BackupVerb::Create { api, .. }
    | BackupVerb::Access { api, .. }) = verb;
    backup::run(&Client::new(api, as_json, clock)?, verb)
}

/// `farshore project`.
pub fn project(args: &ProjectArgs, as_json: bool, clock: &Arc<dyn Clock>) -> Result<ExitCode> {
    project::run(&Client::new(&args.api, as_json, clock)?, &args.verb)
}

/// `farshore cloud`.
pub fn cloud(args: &CloudArgs, as_json: bool, clock: &Arc<dyn Clock>) -> Result<ExitCode> {
    let CloudVerb::List = args.verb;
    cloud::list(&Client::new(&args.api, as_json, clock)?)
}

/// `farshore region`.
pub fn region(args: &RegionArgs, as_json: bool, clock: &Arc<dyn Clock>) -> Result<ExitCode> {
    region::run(&Client::new(&args.api, as_json, clock)?, args.api.data.as_deref(), &args.verb)
}

/// `farshore user`.
pub fn user(args: &UserArgs, as_json: bool, clock: &Arc<dyn Clock>) -> Result<ExitCode> {
    user::run(&Client::new(&args.api, as_json, clock)?, &args.verb)
}

/// `farshore run`.
pub fn run(args: &RunArgs, as_json: bool, clock: &Arc<dyn Clock>) -> Result<ExitCode> {
    run::run(&Client::new(&args.api, as_json, clock)?, &args.verb)
}
