//! `farshore project get`: a project.

use std::process::ExitCode;

use farshore_types::Result;

use crate::client::answers::{Project, part};
use crate::client::api::path;
use crate::client::caller::Client;
use crate::client::text::plain;

/// Shows it; the present one if none is named.
pub fn run(client: &Client, name: Option<&str>) -> Result<ExitCode> {
    let name = match name {
        Some(name) => name.to_string(),
        None => client.project()?,
    };
    let answer = client.api.get(&path(&["project", &name]))?;
    client.answer(&answer, || Ok(sentences(&part(&answer, "project")?)))
}

fn sentences(project: &Project) -> String {
    let name = plain(&project.project_name);
    match project.default_cloud.is_empty() {
        true => format!("Project {name} has no default region."),
        false => format!("Project {name}: services that name no region are made in {}.", plain(&project.default_cloud)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_region_is_told() {
        for (region, expect) in [
            ("local-north", "Project main: services that name no region are made in local-north."),
            ("", "Project main has no default region."),
        ] {
            let (project_name, default_cloud) = ("main".to_string(), region.to_string());
            assert_eq!(sentences(&Project { project_name, default_cloud, ..Project::default() }), expect);
        }
    }
}
