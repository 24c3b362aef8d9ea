//! `farshore user delete`: an account goes.

use std::process::ExitCode;

use farshore_types::Result;

use crate::client::caller::Client;

/// Removes it.
pub fn run(client: &Client, service: &str, user: &str) -> Result<ExitCode> {
    let answer = client.api.delete(&client.path(&["service", service, "user", user])?)?;
    client.answer(&answer, || Ok(format!("User {user} of service {service} is removed.")))
}
