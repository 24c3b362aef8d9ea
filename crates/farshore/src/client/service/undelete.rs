//! `farshore service undelete`: a terminated service comes back, from its backups.

use std::process::ExitCode;

use farshore_types::Result;
use serde_json::json;

use super::wait;
use crate::client::answers::{Service, part};
use crate::client::args::{State, WaitArgs};
use crate::client::caller::Client;
use crate::client::text::{headline, plain};

/// Asks for it, and waits if that was typed.
pub fn run(client: &Client, id: &str, args: &WaitArgs) -> Result<ExitCode> {
    let answer = client.api.post(&client.path(&["deleted-services", id, "undelete"])?, &json!({}))?;
    let service: Service = part(&answer, "service")?;
    let name = plain(&service.service_name);
    if !args.wait {
        return client.answer(&answer, || {
            Ok(format!("Service {name} is being brought back from its backups.\n  farshore service wait {name}"))
        });
    }
    let answer = wait::until(client, &service.service_name, State::Running, args.timeout_s)?;
    client.answer(&answer, || Ok(headline(&part::<Service>(&answer, "service")?)))
}
