//! `farshore region fail`: a region is lost, as a drill, and what that means. Who types it at a terminal is asked; a script says `--yes`.

use std::path::Path;
use std::process::ExitCode;

use farshore_types::Result;

use super::drill::Drill;
use super::elsewhere::{loss, named, next};
use crate::client::answers::{Region, part};
use crate::client::caller::Client;
use crate::client::question::Question;
use crate::client::text::{plain, word};

/// Takes it down if whoever types agrees.
pub fn after_a_question(client: &Client, folder: Option<&Path>, region: &str) -> Result<ExitCode> {
    let drill = Drill::find(client, folder, region)?;
    Question { noun: "region", name: region, done: "taken down for all projects", flag: "--yes" }.ask()?;
    carry_out(client, &drill)
}

/// Takes it down.
pub fn at_once(client: &Client, folder: Option<&Path>, region: &str) -> Result<ExitCode> {
    carry_out(client, &Drill::find(client, folder, region)?)
}

fn carry_out(client: &Client, drill: &Drill) -> Result<ExitCode> {
    drill.begin()?;
    let answer = drill.until(client, "down")?;
    client.answer(&answer, || {
        let regions: Vec<Region> = part(&answer, "regions")?;
        let lost = named(&regions, &drill.region.region)?;
        Ok(sentences(lost, &regions, &client.project()?, &drill.typed()))
    })
}

fn sentences(lost: &Region, regions: &[Region], project: &str, folder: &str) -> String {
    let mut lines = loss(lost, regions, project);
    if let Some(command) = next(lost, regions) {
        lines.push(format!("What can be restored elsewhere is brought up there with:\n  {command}{folder}"));
    }
    let name = word(&plain(&lost.region));
    lines.push(format!("The region comes back with:\n  farshore region return {name}{folder}"));
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_ways_on_and_back_are_the_last_lines() {
        let regions = |restorable: serde_json::Value| -> Vec<Region> {
            serde_json::from_value(json!([
                {"region": "n", "state": "down", "services": [
                    {"service_name": "pg-1", "state": "RUNNING", "restorable": restorable}]},
                {"region": "s", "state": "up", "services": []},
            ]))
            .unwrap()
        };
        let some = regions(json!([{"region": "s", "from": "2026-11-20T03:07:00Z", "to": "2026-11-21T10:15:03Z"}]));
        assert_eq!(
            sentences(&some[0], &some, "main", " --data /srv"),
            "Region n is down.\n\
             pg-1 of project main is in it.\n\
             pg-1 can be restored in s up to 2026-11-21 10:15:03 UTC.\n\
             What can be restored elsewhere is brought up there with:\n  farshore region fork-all n --to s --data /srv\n\
             The region comes back with:\n  farshore region return n --data /srv"
        );
        let none = regions(json!([]));
        assert!(!sentences(&none[0], &none, "main", "").contains("fork-all"));
    }
}
