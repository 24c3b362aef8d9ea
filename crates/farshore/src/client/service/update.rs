//! `farshore service update`: only what was typed is sent; the rest stays.

use std::process::ExitCode;

use farshore_types::{Error, Result};
use serde_json::{Map, Value, json};

use super::ask::{schema, service};
use super::wait;
use crate::client::answers::{Service, part};
use crate::client::args::{State, UpdateArgs};
use crate::client::caller::Client;
use crate::client::options;
use crate::client::text::{headline, plain};

/// MiB in a GiB.
const MIB: u64 = 1024;

/// Asks for it, and waits if that was typed.
pub fn run(client: &Client, args: &UpdateArgs) -> Result<ExitCode> {
    let options = !args.config.is_empty() || !args.reset.is_empty();
    let schema = match options {
        true => schema(client, &service(client, &args.name)?.1.service_type)?,
        false => Value::Null,
    };
    let request = request(args, &schema)?;
    if request.is_empty() {
        let what = format!("nothing of service {} is to be changed", args.name);
        return Err(Error::invalid(what).hint("farshore service update --help shows what can be"));
    }
    let answer = client.api.put(&client.path(&["service", args.name.as_str()])?, &Value::Object(request))?;
    if !args.wait.wait {
        return client.answer(&answer, || Ok(format!("Changed. {}", next(&answer)?)));
    }
    let state = if args.power_off { State::Poweroff } else { State::Running };
    let answer = wait::until(client, &args.name, state, args.wait.timeout_s)?;
    client.answer(&answer, || Ok(headline(&part::<Service>(&answer, "service")?)))
}

fn next(answer: &Value) -> Result<String> {
    let service: Service = part(answer, "service")?;
    Ok(match service.state.as_str() {
        "REBUILDING" | "REBALANCING" => {
            format!("{}\n  farshore service wait {}", headline(&service), plain(&service.service_name))
        }
        _ => headline(&service),
    })
}

/// The body of the call; empty if nothing was typed.
fn request(args: &UpdateArgs, schema: &Value) -> Result<Map<String, Value>> {
    let mut request = Map::new();
    let mut set = |key: &str, value: Option<Value>| {
        if let Some(value) = value {
            request.insert(key.to_string(), value);
        }
    };
    let options = options::parse(&args.config, &args.reset, schema)?;
    set("user_config", (!options.is_empty()).then_some(Value::Object(options)));
    set("plan", args.plan.as_ref().map(|plan| json!(plan)));
    set("cloud", args.cloud.as_ref().map(|cloud| json!(cloud)));
    set("disk_space_mb", args.disk_gib.map(|gib| json!(gib * MIB)));
    set("powered", (args.power_on || args.power_off).then_some(json!(args.power_on)));
    set("termination_protection", (args.protect || args.unprotect).then_some(json!(args.protect)));
    let mut maintenance = Map::new();
    for (key, given) in [("dow", &args.maintenance_day), ("time", &args.maintenance_time)] {
        if let Some(given) = given {
            maintenance.insert(key.to_string(), json!(given.to_lowercase()));
        }
    }
    set("maintenance", (!maintenance.is_empty()).then_some(Value::Object(maintenance)));
    Ok(request)
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

    #[test]
    fn only_what_was_typed_is_sent() {
        let schema = json!({"properties": {"backup_hour": {"type": ["integer", "null"]}}});
        for (line, expect) in [
            ("pg-1", json!({})),
            ("pg-1 --wait", json!({})),
            (
                "pg-1 -c backup_hour=3 --reset backup_minute",
                json!({"user_config": {"backup_hour": 3, "backup_minute": null}}),
            ),
            ("pg-1 --plan startup-8 --cloud local-east", json!({"plan": "startup-8", "cloud": "local-east"})),
            ("pg-1 --power-off", json!({"powered": false})),
            ("pg-1 --power-on", json!({"powered": true})),
            ("pg-1 --protect", json!({"termination_protection": true})),
            ("pg-1 --unprotect", json!({"termination_protection": false})),
            ("pg-1 --disk-gib 100", json!({"disk_space_mb": 102_400})),
            (
                "pg-1 --maintenance-day Sunday --maintenance-time 03:00:00",
                json!({"maintenance": {"dow": "sunday", "time": "03:00:00"}}),
            ),
        ] {
            let words = ["x", "update"].into_iter().chain(line.split_whitespace());
            let ServiceVerb::Update(args) = Typed::try_parse_from(words).unwrap().verb else { panic!("{line}") };
            assert_eq!(Value::Object(request(&args, &schema).unwrap()), expect, "{line}");
        }
    }

    #[test]
    fn what_goes_on_after_a_change_is_said_with_the_next_command() {
        for (state, expect) in [
            ("RUNNING", "Service pg-1 is running in n."),
            ("REBUILDING", "Service pg-1 is being made in n.\n  farshore service wait pg-1"),
        ] {
            let answer = json!({"service": {"service_name": "pg-1", "state": state, "cloud_name": "n"}});
            assert_eq!(next(&answer).unwrap(), expect);
        }
    }
}
