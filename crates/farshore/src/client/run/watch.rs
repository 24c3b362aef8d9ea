//! `farshore run watch`: how far a run is, until it ends. Exit status 0 only if it ended well.

use std::process::ExitCode;

use farshore_types::Result;

use crate::client::answers::{Run, part};
use crate::client::caller::Client;
use crate::client::ending::{failure, is_over};
use crate::client::text::{moment, plain, run_line};
use crate::client::watch::Seen;

/// Watches, and says how it ended.
pub fn run(client: &Client, id: &str, timeout_s: u64) -> Result<ExitCode> {
    let path = client.path(&["run", id])?;
    let answer = client.until(timeout_s, &format!("run {id}"), || {
        let answer = client.api.get(&path)?;
        let run: Run = part(&answer, "run")?;
        Ok(if is_over(&run) { Seen::Done(answer) } else { Seen::Going(run_line(&run)) })
    })?;
    let run: Run = part(&answer, "run")?;
    match failure(&run) {
        Some(error) => Err(error),
        None => client.answer(&answer, || Ok(sentence(&run))),
    }
}

fn sentence(run: &Run) -> String {
    let at = run.end_time.as_deref().map(|at| format!(" at {} UTC", moment(at))).unwrap_or_default();
    format!("{} {} is done{at}.", plain(&run.kind), plain(&run.service_name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_of_a_run_is_a_sentence() {
        let run = Run {
            kind: "backup".to_string(),
            service_name: "pg-1".to_string(),
            end_time: Some("2026-11-21T10:15:00Z".to_string()),
            ..Run::default()
        };
        assert_eq!(sentence(&run), "backup pg-1 is done at 2026-11-21 10:15:00 UTC.");
    }
}
