//! `farshore project use`: the line that makes a project the present one of a shell. Nothing is remembered in a file, so two shells can
//! work on two projects.

use std::process::ExitCode;

use farshore_types::Result;
use serde_json::json;

use crate::client::answers::{Project, part};
use crate::client::api::path;
use crate::client::caller::Client;
use crate::client::text::{plain, word};

/// Prints it, if the project is there.
pub fn run(client: &Client, name: &str) -> Result<ExitCode> {
    let project: Project = part(&client.api.get(&path(&["project", name]))?, "project")?;
    let name = plain(&project.project_name);
    client.answer(&json!({"AIVEN_PROJECT": name}), || Ok(format!("export AIVEN_PROJECT={}", word(&name))))
}
