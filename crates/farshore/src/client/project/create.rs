//! `farshore project create`: a project, whose owner the caller becomes.

use std::process::ExitCode;

use farshore_types::Result;
use serde_json::json;

use crate::client::answers::{Project, part};
use crate::client::caller::Client;
use crate::client::text::plain;

/// Makes it.
pub fn run(client: &Client, name: &str, cloud: Option<&str>) -> Result<ExitCode> {
    let answer = client.api.post("/project", &json!({"project": name, "cloud": cloud}))?;
    client.answer(&answer, || {
        let project: Project = part(&answer, "project")?;
        let name = plain(&project.project_name);
        Ok(format!("Project {name} is made, and you are its owner.\n  eval \"$(farshore project use {name})\""))
    })
}
