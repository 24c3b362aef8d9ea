//! `farshore mail-test`: one letter now, so that the settings are known to be right before a letter matters.

use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use farshore_control::notifications::Letter;
use farshore_store::id;
use farshore_types::{Clock, Error, Result, SystemEntropy};
use serde_json::json;

use crate::output;
use crate::platform::{Config, Place, post};

/// Sends it, and says what became of it.
pub fn run(config: &Path, to: &str, as_json: bool, clock: &Arc<dyn Clock>) -> Result<ExitCode> {
    let mail = Config::read(Some(config), &Place::of(None)?)?.mail.ok_or_else(|| {
        Error::invalid(format!("{} has no [smtp]", config.display()))
            .hint("add [smtp] with host, port and from; farshore mail-test --help shows one")
    })?;
    let server = format!("{}:{}", mail.host, mail.port);
    let now = clock.now();
    let letter = Letter {
        to: to.to_string(),
        subject: "Farshore: a letter to try the mail server".to_string(),
        text: format!(
            "This platform can send you letters.\n\nNothing has to be done. Sent {now} by farshore mail-test.\n"
        ),
        project_id: String::new(),
        event: String::new(),
    };
    post(mail).send(&id::new(now, &SystemEntropy)?, &letter)?;
    match as_json {
        true => output::json(&json!({"server": server, "to": to, "accepted": true})),
        false => output::say(&format!("{server} has accepted a letter to {to}.")),
    }
    Ok(ExitCode::SUCCESS)
}
