//! How runs end, and what a caller should do about it.

use farshore_types::{Error, ErrorKind};

use super::answers::Run;
use super::text::plain;

/// Whether nothing more happens in a run.
pub fn is_over(run: &Run) -> bool {
    !matches!(run.state.as_str(), "waiting" | "running" | "undoing")
}

/// What went wrong with a run, if anything did.
pub fn failure(run: &Run) -> Option<Error> {
    let why = run.error.as_deref().map_or_else(|| "no reason is known".to_string(), plain);
    let what = format!("{} {}", plain(&run.kind), plain(&run.service_name));
    match run.state.as_str() {
        "failed" => Some(Error::conflict(format!("{what} failed: {why}"))),
        "cancelled" => Some(Error::conflict(format!("{what} was cancelled"))),
        "stuck" => {
            let error =
                Error::new(ErrorKind::Bug, format!("{what} is stuck: it failed and could not be taken back: {why}"));
            let (service, id) = (plain(&run.service_name), plain(&run.id));
            Some(error.hint(format!("look at `farshore service logs {service}`, then `farshore run retry {id}`")))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_that_ended_badly_is_an_error_with_its_reason() {
        let run = |state: &str, error: Option<&str>| Run {
            kind: "create".to_string(),
            service_name: "pg-1".to_string(),
            state: state.to_string(),
            error: error.map(str::to_string),
            ..Run::default()
        };
        for state in ["waiting", "running", "undoing", "done"] {
            assert!(failure(&run(state, None)).is_none(), "{state}");
            assert_eq!(is_over(&run(state, None)), state == "done", "{state}");
        }
        let failed = failure(&run("failed", Some("no space left"))).unwrap();
        assert_eq!(
            (failed.kind(), failed.message().as_str()),
            (ErrorKind::Conflict, "create pg-1 failed: no space left")
        );
        let stuck = failure(&run("stuck", None)).unwrap();
        assert!(stuck.kind() == ErrorKind::Bug && stuck.advice().is_some(), "{stuck}");
    }
}
