//! `farshore user`: accounts inside services, one verb per file.

mod create;
mod delete;
mod list;
mod password_reset;

use std::process::ExitCode;

use farshore_types::Result;

use super::args::UserVerb;
use super::caller::Client;

/// Does what was typed.
pub fn run(client: &Client, verb: &UserVerb) -> Result<ExitCode> {
    match verb {
        UserVerb::List { service } => list::run(client, service),
        UserVerb::Create { service, user } => create::run(client, service, user),
        UserVerb::PasswordReset { service, user, password_file } => {
            password_reset::run(client, service, user, password_file.as_deref())
        }
        UserVerb::Delete { service, user } => delete::run(client, service, user),
    }
}
