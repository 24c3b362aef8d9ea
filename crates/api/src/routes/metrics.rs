//! The platform in numbers, as text for a scraper ("Exposition formats", heading "Text-based format", of the Prometheus project).

use std::collections::BTreeMap;
use std::fmt::{Display, Write};

use farshore_control::metrics::{self, CopyGauge, Gauges, ServiceGauge};
use farshore_control::{projects, services};
use farshore_types::Result;

use crate::answer::Answer;
use crate::call::Call;
use crate::route::{Access, Method, Route, route};

const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";
const STATES: [&str; 4] =
    [services::state::POWEROFF, services::state::REBALANCING, services::state::REBUILDING, services::state::RUNNING];

pub(super) fn routes() -> Vec<Route> {
    let summary = "Services by state, data at risk, ages of backups, runs by state, as text for a scraper";
    vec![route(Method::Get, "/metrics", "Metrics", Access::Machine, summary).raw(scrape)]
}

/// Whoever comes with a token sees the services of the projects in which the user is a member; the machine itself sees all.
fn scrape(call: &Call) -> Result<Answer> {
    let control = call.control()?;
    let mine = match call.caller() {
        Ok(caller) => {
            let memberships = projects::list(control, &caller.user)?.into_iter();
            Some(memberships.map(|one| one.project.id).collect::<Vec<String>>())
        }
        Err(_) => None,
    };
    Ok(Answer::bytes(CONTENT_TYPE, text(&metrics::gauges(control, mine.as_deref())?).into_bytes()))
}

fn text(gauges: &Gauges) -> String {
    let mut text = String::new();
    let mut states: BTreeMap<&str, u64> = STATES.iter().map(|state| (*state, 0)).collect();
    for service in &gauges.services {
        *states.entry(service.state.as_str()).or_default() += 1;
    }
    let by_state = |(state, count): (&str, u64)| (format!("state=\"{state}\""), count);
    family(&mut text, "farshore_services", "Services by state.", states.into_iter().map(by_state));
    let of_service = |service: &ServiceGauge, value: Option<f64>| {
        Some((format!("service_id=\"{}\",service=\"{}\"", service.id, service.name), value?))
    };
    let at_risk = gauges.services.iter().filter_map(|service| of_service(service, service.at_risk_s));
    let help = "Age of the oldest work that no store holds.";
    family(&mut text, "farshore_data_at_risk_seconds", help, at_risk);
    let ages = gauges.services.iter().filter_map(|service| of_service(service, service.backup_age_s));
    family(&mut text, "farshore_backup_age_seconds", "Age of the newest backup.", ages);
    copies(&mut text, &gauges.services);
    let runs = gauges.runs.iter().map(|(state, count)| (format!("state=\"{state}\""), *count));
    family(&mut text, "farshore_runs", "Runs by state, the newest of each service.", runs);
    text
}

/// Copies in further regions: how far behind, what waits, and whether they rest.
fn copies(text: &mut String, services: &[ServiceGauge]) {
    let all = || services.iter().flat_map(|service| service.copies.iter().map(move |copy| (service, copy)));
    let mut gauge = |name: &str, help: &str, value: &dyn Fn(&CopyGauge) -> Option<f64>| {
        let samples = all().filter_map(|(service, copy)| {
            let labels =
                format!("service_id=\"{}\",service=\"{}\",region=\"{}\"", service.id, service.name, copy.region);
            Some((labels, value(copy)?))
        });
        family(text, name, help, samples);
    };
    let help = "Age of the newest work that would be lost with the first region.";
    gauge("farshore_copy_lag_seconds", help, &|copy| copy.lag_s);
    gauge("farshore_copy_pending_objects", "Objects still to be copied.", &|copy| Some(copy.waiting_objects as f64));
    gauge("farshore_copy_pending_bytes", "Bytes of these objects.", &|copy| Some(copy.waiting_bytes as f64));
    let help = "Age of the oldest backup that is not copied; 0 where all are.";
    gauge("farshore_copy_oldest_uncopied_backup_seconds", help, &|copy| Some(copy.oldest_waiting_s));
    gauge("farshore_copy_paused", "Whether copying rests.", &|copy| Some(f64::from(u8::from(copy.paused))));
}

/// Names and ids of services need no escapes: they are of `a-z`, `0-9` and `-`.
fn family<V: Display>(text: &mut String, name: &str, help: &str, samples: impl Iterator<Item = (String, V)>) {
    // Writing into a String cannot fail.
    let _ = write!(text, "# HELP {name} {help}\n# TYPE {name} gauge\n");
    for (labels, value) in samples {
        let _ = writeln!(text, "{name}{{{labels}}} {value}");
    }
}
