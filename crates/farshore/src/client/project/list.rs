//! `farshore project list`: the caller's projects.

use std::collections::BTreeMap;
use std::process::ExitCode;

use farshore_types::Result;
use serde_json::Value;

use crate::client::answers::{Project, part};
use crate::client::caller::Client;
use crate::client::text::{count, plain};
use crate::output::table;

/// Lists them.
pub fn run(client: &Client) -> Result<ExitCode> {
    let answer = client.api.get("/project")?;
    client.answer(&answer, || sentences(&answer))
}

fn sentences(answer: &Value) -> Result<String> {
    let projects: Vec<Project> = part(answer, "projects")?;
    let roles: BTreeMap<String, String> = part(answer, "project_membership").unwrap_or_default();
    let row = |project: &Project| {
        let role = roles.get(&project.project_name).map(|role| plain(role)).unwrap_or_default();
        vec![plain(&project.project_name), role, plain(&project.default_cloud)]
    };
    let rows: Vec<Vec<String>> = projects.iter().map(row).collect();
    if rows.is_empty() {
        return Ok("You have no projects.\n  farshore project create NAME".to_string());
    }
    let table = table(&["project", "your role", "default region"], &rows);
    Ok(format!("You have {}.\n{table}", count(projects.len(), "project")))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn projects_are_shown_with_the_callers_role() {
        let answer = json!({
            "projects": [{"project_name": "main", "default_cloud": "local-north"}, {"project_name": "b", "default_cloud": ""}],
            "project_membership": {"main": "owner"},
        });
        assert_eq!(
            sentences(&answer).unwrap(),
            "You have 2 projects.\nproject  your role  default region\nmain     owner      local-north\nb"
        );
        assert!(sentences(&json!({"projects": []})).unwrap().contains("farshore project create"));
    }
}
