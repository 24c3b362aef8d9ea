//! `farshore region return`: the end of a drill.

use std::path::Path;
use std::process::ExitCode;

use farshore_types::{Error, Result};

use super::drill::Drill;
use super::elsewhere::{named, within};
use crate::client::answers::{Region, part};
use crate::client::caller::Client;
use crate::client::text::{plain, state};

/// Takes the drill back, and waits until the region is there. A region that is down for another reason is not waited for.
pub fn run(client: &Client, folder: Option<&Path>, region: &str) -> Result<ExitCode> {
    let drill = Drill::find(client, folder, region)?;
    let asked_for = drill.end()?;
    if !asked_for && drill.region.is_down() {
        let why = drill.region.reason.as_deref().map_or_else(|| "no reason is known".to_string(), plain);
        let what = format!("no drill is asked for in region {region}, and it is down: {why}");
        return Err(Error::conflict(what).hint("it comes back by itself when its store and hosts answer again"));
    }
    let answer = drill.until(client, "up")?;
    client.answer(&answer, || {
        let regions: Vec<Region> = part(&answer, "regions")?;
        let said = sentences(named(&regions, region)?, &client.project()?, &drill.typed());
        Ok(if asked_for { said } else { format!("No drill was asked for in region {region}.\n{said}") })
    })
}

fn sentences(region: &Region, project: &str, folder: &str) -> String {
    let mut lines = vec![format!("Region {} is up.", plain(&region.region)), within(region, project)];
    let stopped = region.services.iter().filter(|service| service.state != "RUNNING");
    lines.extend(stopped.map(|service| format!("{} is {}.", plain(&service.service_name), state(&service.state))));
    lines.push(format!("How far its copies are now:\n  farshore backup lag{folder}"));
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_does_not_run_after_the_return_is_named() {
        let region: Region = serde_json::from_value(json!({"region": "n", "state": "up", "services": [
            {"service_name": "pg-1", "state": "RUNNING", "restorable": []},
            {"service_name": "pg-2", "state": "REBUILDING", "restorable": []}]}))
        .unwrap();
        assert_eq!(
            sentences(&region, "main", " --data /srv"),
            "Region n is up.\n\
             pg-1 and pg-2 of project main are in it.\n\
             pg-2 is being made.\n\
             How far its copies are now:\n  farshore backup lag --data /srv"
        );
    }
}
