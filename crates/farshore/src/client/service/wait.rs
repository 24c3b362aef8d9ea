//! `farshore service wait`: until a service is as it shall be, showing how far its run is. Waiting asks for nothing: whoever stops it
//! changes nothing.

use std::process::ExitCode;

use farshore_types::{Error, ErrorKind, Result};
use serde_json::Value;

use super::ask::service;
use crate::client::answers::{Run, Service, part};
use crate::client::args::State;
use crate::client::caller::Client;
use crate::client::ending::{failure, is_over};
use crate::client::text::{headline, phase_line, plain, run_line};
use crate::client::watch::Seen;

/// Looks one after the other at which nothing may happen before that is believed: the platform may be about to ask for another run.
const IDLE_LOOKS: u32 = 3;
/// The kind of run during which a service is as it was.
const BACKUP: &str = "backup";

/// Waits, and says how the service is then.
pub fn run(client: &Client, name: &str, state: State, timeout_s: u64) -> Result<ExitCode> {
    let answer = until(client, name, state, timeout_s)?;
    client.answer(&answer, || Ok(headline(&part::<Service>(&answer, "service")?)))
}

/// Waits until the service is in this state; the last answer about it.
pub fn until(client: &Client, name: &str, state: State, timeout_s: u64) -> Result<Value> {
    let mut idle = 0;
    client.until(timeout_s, &format!("service {name}"), || {
        let (answer, service) = service(client, name)?;
        let runs = runs(client, name)?;
        let busy = runs.iter().rev().find(|run| !is_over(run));
        if service.state == state.word() && busy.is_none_or(|run| run.kind == BACKUP) {
            return Ok(Seen::Done(answer));
        }
        if let Some(run) = busy {
            idle = 0;
            return Ok(Seen::Going(run_line(run)));
        }
        idle += 1;
        match hopeless(&service, &runs) {
            Some(error) if idle >= IDLE_LOOKS => Err(error),
            _ => Ok(Seen::Going(going(&service))),
        }
    })
}

/// Why nothing is going to happen, as far as can be seen.
fn hopeless(service: &Service, runs: &[Run]) -> Option<Error> {
    let name = plain(&service.service_name);
    runs.first().and_then(failure).or_else(|| {
        let off = Error::conflict(format!("service {name} is powered off, and nobody asked to power it on"));
        (service.state == State::Poweroff.word())
            .then(|| off.hint(format!("farshore service update {name} --power-on --wait")))
    })
}

/// The runs of a service, newest first; none where a platform does not tell them.
fn runs(client: &Client, name: &str) -> Result<Vec<Run>> {
    match client.api.get(&client.path(&["service", name, "run"])?) {
        Ok(answer) => part(&answer, "runs"),
        Err(error) if matches!(error.kind(), ErrorKind::Missing | ErrorKind::Invalid) => Ok(Vec::new()),
        Err(error) => Err(error),
    }
}

fn going(service: &Service) -> String {
    let phase = service.node_states.iter().find_map(|node| phase_line(&node.name, &node.progress_updates));
    phase.unwrap_or_else(|| headline(service))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_service_that_is_off_by_will_is_not_waited_for() {
        let service =
            |state: &str| Service { service_name: "pg-1".to_string(), state: state.to_string(), ..Service::default() };
        let error = hopeless(&service("POWEROFF"), &[]).unwrap();
        assert_eq!(error.advice(), Some("farshore service update pg-1 --power-on --wait"));
        assert!(hopeless(&service("REBUILDING"), &[]).is_none());
    }
}
