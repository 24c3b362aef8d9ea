//! `farshore service list`: the services of a project; those that were terminated and can be brought back.

use std::process::ExitCode;

use farshore_types::Result;

use crate::client::answers::{Deleted, Service, part};
use crate::client::caller::Client;
use crate::client::text::{count, moment, plain, state_of};
use crate::output::table;

/// Those that there are.
pub fn living(client: &Client) -> Result<ExitCode> {
    let (project, answer) = (client.project()?, client.api.get(&client.path(&["service"])?)?);
    client.answer(&answer, || Ok(sentences(&project, &part::<Vec<Service>>(&answer, "services")?)))
}

/// Those that were terminated.
pub fn deleted(client: &Client) -> Result<ExitCode> {
    let (project, answer) = (client.project()?, client.api.get(&client.path(&["deleted-services"])?)?);
    client.answer(&answer, || Ok(gone(&project, &part::<Vec<Deleted>>(&answer, "services")?)))
}

fn sentences(project: &str, services: &[Service]) -> String {
    if services.is_empty() {
        return format!(
            "Project {project} has no services.\n  farshore service create pg-1 --type pg --plan startup-4 --wait"
        );
    }
    let runs = |service: &&Service| state_of(service) == "running";
    let running = services.iter().filter(runs).count();
    let row = |service: &Service| {
        let known =
            [&service.service_name, &service.service_type, &service.plan, &service.cloud_name].map(|text| plain(text));
        let told = [state_of(service), moment(&service.create_time)];
        known.into_iter().chain(told).collect()
    };
    let rows: Vec<Vec<String>> = services.iter().map(row).collect();
    let table = table(&["name", "type", "plan", "region", "state", "made (UTC)"], &rows);
    let has = count(services.len(), "service");
    let mut text = match running == services.len() {
        true => format!("Project {project} has {has}, running.\n{table}"),
        false => format!("Project {project} has {has}, {running} running.\n{table}"),
    };
    let warnings = services.iter().flat_map(|service| {
        let warnings = service.service_notifications.iter().filter(|notification| notification.level == "warning");
        warnings.map(|notification| format!("\n{}: {}", plain(&service.service_name), plain(&notification.message)))
    });
    text.extend(warnings);
    text
}

fn gone(project: &str, services: &[Deleted]) -> String {
    if services.is_empty() {
        return format!("Project {project} has no terminated services that can be brought back.");
    }
    let row = |service: &Deleted| {
        let known =
            [&service.service_id, &service.service_name, &service.service_type, &service.plan, &service.cloud_name];
        let known = known.map(|text| plain(text));
        known.into_iter().chain([moment(&service.delete_time), moment(&service.kept_until)]).collect()
    };
    let rows: Vec<Vec<String>> = services.iter().map(row).collect();
    let header = ["id", "name", "type", "plan", "region", "terminated (UTC)", "kept until (UTC)"];
    let can = count(services.len(), "terminated service");
    format!(
        "Project {project} has {can} that can be brought back: farshore service undelete ID\n{}",
        table(&header, &rows)
    )
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::client::answers::Node;

    #[test]
    fn services_stand_in_a_table_below_a_sentence_and_warnings_follow() {
        let answer = json!({"services": [
            {"service_name": "pg-1", "service_type": "pg", "plan": "startup-4", "cloud_name": "local-north",
             "state": "RUNNING", "create_time": "2026-11-21T10:15:00.5Z", "unknown": 1},
            {"service_name": "a", "service_type": "pg", "plan": "hobbyist", "cloud_name": "local-south",
             "state": "REBUILDING", "create_time": "2026-11-21T10:16:00Z",
             "service_notifications": [{"level": "warning", "message": "The last create failed: no disk", "type": "x"},
                                       {"level": "notice", "message": "quiet"}]},
        ]});
        let services: Vec<Service> = part(&answer, "services").unwrap();
        assert_eq!(
            sentences("main", &services),
            "Project main has 2 services, 1 running.\n\
             name  type  plan       region       state       made (UTC)\n\
             pg-1  pg    startup-4  local-north  running     2026-11-21 10:15:00\n\
             a     pg    hobbyist   local-south  being made  2026-11-21 10:16:00\n\
             a: The last create failed: no disk"
        );
        assert!(sentences("main", &services[..1]).starts_with("Project main has 1 service, running.\n"));
        let mut lost: Vec<Service> = part(&answer, "services").unwrap();
        lost[0].metadata.region_down_since = Some("2026-11-21T10:20:00Z".to_string());
        let text = sentences("main", &lost[..1]);
        assert!(
            text.starts_with("Project main has 1 service, 0 running.") && text.contains("  out of reach  "),
            "{text}"
        );
        let mut down: Vec<Service> = part(&answer, "services").unwrap();
        down[0].node_states =
            vec![Node { name: "pg-1-1".to_string(), state: "timing_out".to_string(), ..Node::default() }];
        let text = sentences("main", &down[..1]);
        assert!(text.starts_with("Project main has 1 service, 0 running.") && text.contains("  down  "), "{text}");
        assert!(sentences("main", &[]).starts_with("Project main has no services.\n  farshore service create"));
    }

    #[test]
    fn terminated_services_are_shown_with_the_id_that_brings_them_back() {
        let answer = json!({"services": [{"service_id": "pg-1-00ff", "service_name": "pg-1", "service_type": "pg",
            "plan": "startup-4", "cloud_name": "local-north", "create_time": "2026-11-20T00:00:00Z",
            "delete_time": "2026-11-21T10:15:00Z", "kept_until": "2026-12-21T10:15:00Z"}]});
        let text = gone("main", &part::<Vec<Deleted>>(&answer, "services").unwrap());
        assert!(text.starts_with(
            "Project main has 1 terminated service that can be brought back: farshore service undelete ID\n"
        ));
        assert!(
            text.ends_with("pg-1-00ff  pg-1  pg    startup-4  local-north  2026-11-21 10:15:00  2026-12-21 10:15:00"),
            "{text}"
        );
        assert!(gone("main", &[]).contains("no terminated services"));
    }
}
