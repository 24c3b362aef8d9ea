//! `farshore run retry`: a stuck run tries again to take back what it did.

use std::process::ExitCode;

use farshore_types::Result;
use serde_json::json;

use crate::client::answers::{Run, part};
use crate::client::caller::Client;
use crate::client::text::plain;

/// Asks for it.
pub fn run(client: &Client, id: &str) -> Result<ExitCode> {
    let answer = client.api.post(&client.path(&["run", id, "retry"])?, &json!({}))?;
    let run: Run = part(&answer, "run")?;
    client.answer(&answer, || {
        let (kind, service) = (plain(&run.kind), plain(&run.service_name));
        Ok(format!("{kind} {service} goes on.\n  farshore run watch {}", plain(&run.id)))
    })
}
