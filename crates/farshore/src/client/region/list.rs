//! `farshore region list`: which regions are down and what that means, then all of them.

use std::process::ExitCode;

use farshore_types::Result;

use super::elsewhere::{ask, loss, next};
use crate::client::answers::Region;
use crate::client::caller::Client;
use crate::client::text::{count, plain};
use crate::output::table;

/// Lists them.
pub fn run(client: &Client) -> Result<ExitCode> {
    let (answer, regions) = ask(client)?;
    client.answer(&answer, || Ok(sentences(&client.project()?, &regions)))
}

fn sentences(project: &str, regions: &[Region]) -> String {
    let down: Vec<&Region> = regions.iter().filter(|region| region.is_down()).collect();
    let all = count(regions.len(), "region");
    let mut lines = match down.len() {
        0 if regions.len() > 1 => vec![format!("The platform has {all}, all up.")],
        0 => vec![format!("The platform has {all}, up.")],
        some => vec![format!("The platform has {all}, {some} down.")],
    };
    for lost in down {
        lines.extend(loss(lost, regions, project));
        lines.extend(next(lost, regions).map(|command| format!("  {command}")));
    }
    let row = |region: &Region| {
        let services: Vec<String> = region.services.iter().map(|service| plain(&service.service_name)).collect();
        vec![plain(&region.region), plain(&region.provider), plain(&region.state), services.join(", ")]
    };
    let rows: Vec<Vec<String>> = regions.iter().map(row).collect();
    lines.push(table(&["region", "provider", "state", "services"], &rows));
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn regions(state: &str) -> Vec<Region> {
        serde_json::from_value(json!([
            {"region": "local-north", "provider": "local", "state": state, "since": "2026-11-21T10:15:04Z",
             "reason": "a drill", "services": [
                {"service_name": "pg-1", "state": "RUNNING", "restorable": [
                    {"region": "local-south", "from": "2026-11-20T03:07:00Z", "to": "2026-11-21T10:15:03Z"}]},
                {"service_name": "pg-2", "state": "RUNNING", "restorable": [], "unknown": 1}]},
            {"region": "local-south", "provider": "local", "state": "up", "services": []},
        ]))
        .unwrap()
    }

    #[test]
    fn a_region_that_is_down_is_told_above_the_table() {
        assert_eq!(
            sentences("main", &regions("down")),
            "The platform has 2 regions, 1 down.\n\
             Region local-north is down since 2026-11-21 10:15:04 UTC: a drill.\n\
             pg-1 and pg-2 of project main are in it.\n\
             pg-1 can be restored in local-south up to 2026-11-21 10:15:03 UTC.\n\
             pg-2 cannot be restored in another region now.\n  farshore region fork-all local-north --to local-south\n\
             region       provider  state  services\n\
             local-north  local     down   pg-1, pg-2\n\
             local-south  local     up"
        );
        assert!(sentences("main", &regions("up")).starts_with("The platform has 2 regions, all up.\nregion "));
    }
}
