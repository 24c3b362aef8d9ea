//! `farshore service create`: a new service, or a fork of another one.

use std::process::ExitCode;

use farshore_types::{Result, Timestamp};
use serde_json::{Map, Value, json};

use super::ask::schema;
use super::wait;
use crate::client::answers::{Backups, Service, part};
use crate::client::api::path;
use crate::client::args::{CreateArgs, State};
use crate::client::caller::Client;
use crate::client::{options, text};
use crate::output;

/// MiB in a GiB.
const MIB: u64 = 1024;

/// Asks for it, and waits if that was typed.
pub fn run(client: &Client, args: &CreateArgs) -> Result<ExitCode> {
    // A moment that is none is refused before anything is asked.
    args.at.as_deref().map(Timestamp::parse_or_utc).transpose()?;
    let (service_type, plan) = kind(client, args)?;
    let schema = if args.config.is_empty() { Value::Null } else { schema(client, &service_type)? };
    let request = request(args, &service_type, &plan, &schema)?;
    let answer = client.api.post(&client.path(&["service"])?, &request)?;
    let service: Service = part(&answer, "service")?;
    if !args.wait.wait {
        return client.answer(&answer, || Ok(begun(&service, args)));
    }
    if !client.as_json {
        output::say(&begun(&service, args));
    }
    let answer = wait::until(client, &args.name, State::Running, args.wait.timeout_s)?;
    client.answer(&answer, || {
        let service: Service = part(&answer, "service")?;
        Ok(super::get::sentences(&service, &Backups::default()))
    })
}

/// Type and plan: as typed, else those of the source.
fn kind(client: &Client, args: &CreateArgs) -> Result<(String, String)> {
    if let (Some(service_type), Some(plan)) = (&args.service_type, &args.plan) {
        return Ok((service_type.clone(), plan.clone()));
    }
    let source = args.fork_from.as_deref().unwrap_or_default();
    let place = match &args.fork_project {
        Some(project) => path(&["project", project.as_str(), "service", source]),
        None => client.path(&["service", source])?,
    };
    let source: Service = part(&client.api.get(&place)?, "service")?;
    let typed = |given: &Option<String>, of_source: String| given.clone().unwrap_or(of_source);
    Ok((typed(&args.service_type, source.service_type), typed(&args.plan, source.plan)))
}

/// The body of the call.
fn request(args: &CreateArgs, service_type: &str, plan: &str, schema: &Value) -> Result<Value> {
    let mut options = options::parse(&args.config, &[], schema)?;
    for (key, given) in [
        ("service_to_fork_from", &args.fork_from),
        ("recovery_target_time", &args.at),
        ("recovery_basebackup_name", &args.backup),
        ("project_to_fork_from", &args.fork_project),
    ] {
        if let Some(given) = given {
            options.insert(key.to_string(), json!(given));
        }
    }
    let mut request = Map::new();
    request.insert("service_name".to_string(), json!(args.name));
    request.insert("service_type".to_string(), json!(service_type));
    request.insert("plan".to_string(), json!(plan));
    request.insert("cloud".to_string(), json!(args.cloud));
    request.insert("user_config".to_string(), Value::Object(options));
    request.insert("termination_protection".to_string(), json!(args.protect));
    if let Some(gib) = args.disk_gib {
        request.insert("disk_space_mb".to_string(), json!(gib * MIB));
    }
    Ok(Value::Object(request))
}

fn begun(service: &Service, args: &CreateArgs) -> String {
    let (name, region) = (text::plain(&service.service_name), text::plain(&service.cloud_name));
    let made = match (&args.fork_from, &args.at) {
        (None, _) => format!("Service {name} is being made in {region}."),
        (Some(source), None) => {
            format!("Service {name} is being made in {region}, from the newest archived transaction of {source}.")
        }
        (Some(source), Some(at)) => format!("Service {name} is being made in {region}, as {source} was at {at}."),
    };
    match args.wait.wait {
        true => made,
        false => format!("{made}\n  farshore service wait {name}"),
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::client::args::ServiceVerb;

    #[derive(Debug, Parser)]
    struct Typed {
        #[command(subcommand)]
        verb: ServiceVerb,
    }

    fn typed(line: &str) -> CreateArgs {
        let words = ["x", "create"].into_iter().chain(line.split_whitespace());
        match Typed::try_parse_from(words).unwrap().verb {
            ServiceVerb::Create(args) => args,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn what_is_typed_becomes_the_call_of_the_api() {
        let schema = json!({"properties": {"backup_hour": {"type": ["integer", "null"]}}});
        for (line, expect) in [
            (
                "pg-1 --type pg --plan startup-4",
                json!({"service_name": "pg-1", "service_type": "pg", "plan": "startup-4", "cloud": null,
                       "user_config": {}, "termination_protection": false}),
            ),
            (
                "pg-1 --type pg --plan startup-4 --cloud local-south -c backup_hour=3 --disk-gib 80 --protect",
                json!({"service_name": "pg-1", "service_type": "pg", "plan": "startup-4", "cloud": "local-south",
                       "user_config": {"backup_hour": 3}, "disk_space_mb": 81920, "termination_protection": true}),
            ),
            (
                "f --fork-from pg-1 --at 2026-11-21T10:15:00Z --backup b1 --fork-project other",
                json!({"service_name": "f", "service_type": "pg", "plan": "startup-4", "cloud": null,
                       "user_config": {"service_to_fork_from": "pg-1", "recovery_target_time": "2026-11-21T10:15:00Z",
                                       "recovery_basebackup_name": "b1", "project_to_fork_from": "other"},
                       "termination_protection": false}),
            ),
        ] {
            assert_eq!(request(&typed(line), "pg", "startup-4", &schema).unwrap(), expect, "{line}");
        }
    }

    #[test]
    fn what_was_begun_is_said_with_the_next_command() {
        let service =
            Service { service_name: "f".to_string(), cloud_name: "local-south".to_string(), ..Service::default() };
        for (line, expect) in [
            ("f --type pg --plan p", "Service f is being made in local-south.\n  farshore service wait f"),
            ("f --type pg --plan p --wait", "Service f is being made in local-south."),
            (
                "f --fork-from a --wait",
                "Service f is being made in local-south, from the newest archived transaction of a.",
            ),
            ("f --fork-from a --at 10:15 --wait", "Service f is being made in local-south, as a was at 10:15."),
        ] {
            assert_eq!(begun(&service, &typed(line)), expect);
        }
    }
}
