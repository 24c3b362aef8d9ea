//! `farshore service get`: how a service is, in sentences, with the one number that matters first: how much data would be lost now.

use std::process::ExitCode;

use farshore_types::{Error, Result, units};
use serde_json::json;

use super::ask::service;
use crate::client::answers::{Backups, Service};
use crate::client::caller::Client;
use crate::client::text::{count, headline, is_down, kind_name, loss, moment, phase_line, plain, window};
use crate::output;

/// Says how it is.
pub fn describe(client: &Client, name: &str) -> Result<ExitCode> {
    let (answer, service) = service(client, name)?;
    client.answer(&answer, || {
        let backups = client.api.get(&client.path(&["service", name, "backups"])?)?;
        let backups: Backups = serde_json::from_value(backups).unwrap_or_default();
        Ok(sentences(&service, &backups))
    })
}

/// Prints the address, for other programs.
pub fn uri(client: &Client, name: &str) -> Result<ExitCode> {
    let (answer, service) = service(client, name)?;
    if service.service_uri.is_empty() {
        let what = format!("service {name} has no address now: its state is {}", plain(&service.state));
        return Err(Error::conflict(what).hint(format!("farshore service wait {name}")));
    }
    match client.as_json {
        true => output::json(&json!({"service_uri": answer.pointer("/service/service_uri")})),
        false => output::say(&plain(&service.service_uri)),
    }
    Ok(ExitCode::SUCCESS)
}

/// What a person wants to know of a service.
pub fn sentences(service: &Service, backups: &Backups) -> String {
    let mut lines = vec![headline(service)];
    let at_risk_s = service.metadata.data_at_risk_seconds;
    if service.state == "RUNNING" && service.metadata.region_down_since.is_none() {
        lines.push(at_risk_s.map_or_else(|| "How much data you would lose is not known yet.".to_string(), risk));
    }
    lines.push(format!("{}, plan {}, made {} UTC.", kind(service), plain(&service.plan), moment(&service.create_time)));
    lines.extend(stored(backups));
    lines.extend(window(backups, service.backups_away()));
    let listens = service.metadata.region_down_since.is_none() && service.state != "POWEROFF" && !is_down(service);
    lines.extend(connection(service).filter(|_| listens));
    let nodes = service.node_states.iter().filter(|node| node.state != "running");
    lines.extend(nodes.filter_map(|node| phase_line(&node.name, &node.progress_updates)));
    lines.extend(service.service_notifications.iter().map(|notification| {
        let word = if notification.level == "warning" { "Warning: " } else { "" };
        format!("{word}{}", plain(&notification.message))
    }));
    lines.join("\n")
}

/// What it is and in which version, without what stands around both.
fn kind(service: &Service) -> String {
    let name = kind_name(&service.service_type_description);
    let version = service.metadata.version.as_ref().or(service.metadata.major.as_ref());
    let version = version.map(|version| version.as_str().map_or_else(|| version.to_string(), plain));
    match version.as_deref().and_then(|version| version.split(' ').next()) {
        Some(version) => format!("{name} {version}"),
        None => name,
    }
}

/// How much would be lost with the node.
fn risk(seconds: f64) -> String {
    match loss(seconds) {
        Some(span) => format!("You would lose {span} of data."),
        None => "You would lose no data.".to_string(),
    }
}

fn stored(backups: &Backups) -> Option<String> {
    let newest = backups.backups.iter().max_by(|a, b| a.backup_time.cmp(&b.backup_time))?;
    Some(format!(
        "It has {}, the newest of {} UTC with {} of data in {}.",
        count(backups.backups.len(), "backup"),
        moment(&newest.backup_time),
        units::bytes(newest.data_size),
        plain(&newest.storage_location)
    ))
}

fn connection(service: &Service) -> Option<String> {
    let part = |name: &str| service.service_uri_params.get(name).map(|text| plain(text));
    let (host, port, user, database) = (part("host")?, part("port")?, part("user")?, part("dbname")?);
    let name = plain(&service.service_name);
    Some(format!(
        "It listens at {host}, port {port}: user {user}, database {database}. farshore service get {name} --uri shows the password."
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn running() -> Service {
        serde_json::from_value(json!({
            "service_name": "pg-1", "service_type": "pg", "service_type_description": "PostgreSQL - relational database", "state": "RUNNING",
            "plan": "startup-4", "cloud_name": "local-north", "create_time": "2026-11-21T10:00:00Z",
            "service_uri": "postgres://avnadmin:hush@127.0.0.1:5433/defaultdb?sslmode=require",
            "service_uri_params": {"host": "127.0.0.1", "port": "5433", "user": "avnadmin", "dbname": "defaultdb",
                                   "password": "hush", "sslmode": "require"},
            "metadata": {"version": "15.13 (Debian 15.13-0)", "data_at_risk_seconds": 2.0},
            "node_states": [{"name": "pg-1-1", "state": "running", "progress_updates": []}],
            "service_notifications": [{"level": "warning", "message": "The disk is full"}],
        }))
        .unwrap()
    }

    fn stored() -> Backups {
        serde_json::from_value(json!({
            "backups": [
                {"backup_name": "1", "backup_time": "2026-11-21T10:00:05Z", "data_size": 1, "storage_location": "local-north"},
                {"backup_name": "2", "backup_time": "2026-11-21T10:10:05Z", "data_size": 23_000_000, "storage_location": "local-north"},
            ],
            "pitr": {"primary_region": {"pitr_range_start": "2026-11-21T10:00:05Z", "pitr_range_end": null}},
        }))
        .unwrap()
    }

    #[test]
    fn a_running_service_is_told_in_sentences_without_its_password() {
        assert_eq!(
            sentences(&running(), &stored()),
            "Service pg-1 is running in local-north.\n\
             You would lose 2.0 s of data.\n\
             PostgreSQL 15.13, plan startup-4, made 2026-11-21 10:00:00 UTC.\n\
             It has 2 backups, the newest of 2026-11-21 10:10:05 UTC with 23.0 MB of data in local-north.\n\
             Every moment from 2026-11-21 10:00:05 UTC until now can be restored.\n\
             It listens at 127.0.0.1, port 5433: user avnadmin, database defaultdb. farshore service get pg-1 --uri shows the password.\n\
             Warning: The disk is full"
        );
    }

    #[test]
    fn a_service_whose_region_is_down_is_promised_nothing_from_there() {
        let mut service = running();
        service.metadata.region_down_since = Some("2026-11-21T10:20:00Z".to_string());
        let text = sentences(&service, &stored());
        assert!(
            text.contains("\nOnce local-north answers again: every moment from 2026-11-21 10:00:05 UTC."),
            "{text}"
        );
        assert!(!text.contains("listens at") && !text.contains("can be restored"), "{text}");
    }

    #[test]
    fn a_service_whose_server_is_down_is_not_said_to_run() {
        let mut service = running();
        service.node_states[0].state = "timing_out".to_string();
        let text = sentences(&service, &stored());
        assert!(text.starts_with("Service pg-1 does not answer: its server in local-north is down.\n"), "{text}");
        assert!(!text.contains("listens at") && text.contains("can be restored"), "{text}");
    }

    #[test]
    fn what_is_not_known_is_not_said() {
        let mut service = Service { state: "POWEROFF".to_string(), ..running() };
        service.service_uri_params.clear();
        service.service_notifications.clear();
        let text = sentences(&service, &Backups::default());
        assert!(text.starts_with("Service pg-1 is powered off in local-north.\nPostgreSQL"), "{text}");
        assert_eq!(text.lines().count(), 2, "{text}");
    }

    #[test]
    fn what_is_at_risk_is_said_as_a_span() {
        for (seconds, expect) in [
            (0.0, "no data"),
            (0.04, "no data"),
            (0.5, "0.5 s of data"),
            (75.0, "1 min 15 s of data"),
            (-1.0, "no data"),
        ] {
            assert_eq!(risk(seconds), format!("You would lose {expect}."));
        }
    }
}
