//! `farshore run list`: the newest runs of a service.

use std::process::ExitCode;

use farshore_types::Result;

use crate::client::answers::{Run, part};
use crate::client::caller::Client;
use crate::client::text::{count, moment, plain};
use crate::output::table;

/// Lists them, the newest first.
pub fn run(client: &Client, service: &str) -> Result<ExitCode> {
    let answer = client.api.get(&client.path(&["service", service, "run"])?)?;
    client.answer(&answer, || Ok(sentences(service, &part::<Vec<Run>>(&answer, "runs")?)))
}

fn sentences(service: &str, runs: &[Run]) -> String {
    let row = |run: &Run| {
        let far = match run.state.as_str() {
            "running" | "undoing" => format!("{}, {} of {}: {}", run.state, run.steps_done + 1, run.steps, run.step),
            state => state.to_string(),
        };
        let ended = run.end_time.as_deref().map(moment).unwrap_or_default();
        let why = run.error.as_deref().map(plain).unwrap_or_default();
        vec![plain(&run.id), plain(&run.kind), plain(&far), moment(&run.create_time), ended, why]
    };
    let rows: Vec<Vec<String>> = runs.iter().map(row).collect();
    let has = format!("Service {service} has {}.", count(runs.len(), "run"));
    match rows.is_empty() {
        true => has,
        false => format!("{has}\n{}", table(&["id", "kind", "state", "asked (UTC)", "ended (UTC)", "error"], &rows)),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn runs_stand_in_a_table_with_what_went_wrong() {
        let answer = json!({"runs": [
            {"id": "r2", "kind": "backup", "service_name": "pg-1", "state": "running", "step": "copy", "steps": 3,
             "steps_done": 1, "create_time": "2026-11-21T10:15:00Z", "end_time": null, "error": null,
             "progress": {"bytes_done": 0, "bytes_expected": null, "bytes_per_second": 0, "seconds_left": null}},
            {"id": "r1", "kind": "create", "service_name": "pg-1", "state": "failed", "step": "", "steps": 4, "steps_done": 0,
             "create_time": "2026-11-21T10:00:00Z", "end_time": "2026-11-21T10:01:00Z", "error": "no space left"},
        ]});
        assert_eq!(
            sentences("pg-1", &part::<Vec<Run>>(&answer, "runs").unwrap()),
            "Service pg-1 has 2 runs.\n\
             id  kind    state                  asked (UTC)          ended (UTC)          error\n\
             r2  backup  running, 2 of 3: copy  2026-11-21 10:15:00\n\
             r1  create  failed                 2026-11-21 10:00:00  2026-11-21 10:01:00  no space left"
        );
        assert_eq!(sentences("pg-1", &[]), "Service pg-1 has no runs.");
    }
}
