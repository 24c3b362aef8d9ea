//! `farshore backup create`: a backup of a service now.

use std::process::ExitCode;

use farshore_types::Result;
use serde_json::json;

use crate::client::answers::{Run, part};
use crate::client::args::WaitArgs;
use crate::client::caller::Client;
use crate::client::run::watch;
use crate::client::text::plain;

/// Asks for it, and waits if that was typed.
pub fn run(client: &Client, service: &str, args: &WaitArgs) -> Result<ExitCode> {
    let answer = client.api.post(&client.path(&["service", service, "backups"])?, &json!({}))?;
    let run: Run = part(&answer, "run")?;
    if args.wait {
        return watch::run(client, &run.id, args.timeout_s);
    }
    client.answer(&answer, || {
        Ok(format!("A backup of service {service} is being taken.\n  farshore run watch {}", plain(&run.id)))
    })
}
