//! `farshore region fork-all`: every service of a region comes up again in another one, as a fork from the copies there.
//!
//! Each fork is asked for with a call of its own. Who dies between two of them has asked for the first ones; the same command, typed
//! again, leaves those as they are and asks for the others.

use std::process::ExitCode;
use std::time::Duration;

use farshore_types::{Error, ErrorKind, Result, ServiceName};
use serde_json::{Value, json};

use super::elsewhere::{ask, named};
use crate::client::answers::{Region, RegionService, Service, ServiceCopy, part};
use crate::client::args::{ForkAllArgs, State};
use crate::client::caller::Client;
use crate::client::service::ask::service;
use crate::client::service::wait;
use crate::client::text::{count, moment, plain, word};
use crate::output;

/// What became of one service.
struct Fork {
    source: String,
    name: String,
    /// What it is made from.
    from: String,
    outcome: Outcome,
    /// What the copy holds that it is made from, as a half sentence, and where more is.
    reach: String,
}

/// How far its fork is.
enum Outcome {
    /// It was asked for now; what the platform answered.
    Asked(Value),
    /// It was there before.
    There,
    /// It runs; what the platform answered.
    Running(Value),
    /// There is none, or it does not run.
    Failed(String),
}

/// Asks for the forks, and waits for them if that was typed. Exit status 0 only if every service has one.
pub fn run(client: &Client, args: &ForkAllArgs) -> Result<ExitCode> {
    let (_, regions) = ask(client)?;
    let lost = sides(&regions, args)?;
    let mut forks = Vec::new();
    for of in &lost.services {
        let stays = regions.iter().any(|one| one.region == of.backup_region && !one.is_down());
        forks.push(begin(client, of, stays, args));
        tell(client, forks.last(), args);
    }
    if args.wait.wait {
        wait_for(client, &mut forks, args);
    }
    let answer = json!({"forks": forks.iter().map(Fork::told).collect::<Vec<Value>>()});
    let failed = forks.iter().any(|fork| matches!(fork.outcome, Outcome::Failed(_)));
    client.answer(&answer, || Ok(summary(&forks, args)))?;
    Ok(if failed { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

/// The region whose services are forked; refused if the other one cannot take them.
fn sides<'a>(regions: &'a [Region], args: &ForkAllArgs) -> Result<&'a Region> {
    let (lost, other) = (named(regions, &args.region)?, named(regions, &args.to)?);
    if lost.region == other.region {
        return Err(Error::invalid(format!("{} cannot take the place of itself", args.to)).hint("give another --to"));
    }
    if other.is_down() {
        let why = other.reason.as_deref().map_or_else(|| "no reason is known".to_string(), plain);
        return Err(Error::conflict(format!("region {} is down: {why}", args.to)).hint("give another --to"));
    }
    Ok(lost)
}

/// One fork. What goes wrong with it is its own affair: the others are asked for all the same.
fn begin(client: &Client, of: &RegionService, stays: bool, args: &ForkAllArgs) -> Fork {
    let name = match &args.suffix {
        Some(suffix) => format!("{}{suffix}", of.service_name),
        None => format!("{}-{}", of.service_name, args.to),
    };
    let has_copy = of.restorable.iter().any(|held| held.region == args.to);
    // The region of its backups may answer while that of its node is lost.
    let outcome = match has_copy || stays {
        true => asked(client, of, &name, &args.to),
        // What was made while it still could be restored there is as good.
        false => match is_there(client, of, &name, &args.to) {
            Ok(true) => Ok(Outcome::There),
            _ => Ok(Outcome::Failed(why_not(client, of, &args.to))),
        },
    };
    let outcome = outcome.unwrap_or_else(|error| Outcome::Failed(said(&error)));
    let source = of.service_name.clone();
    let from = match has_copy {
        true => format!("the copy of {} there", plain(&source)),
        false => format!("the backups of {} in {}", plain(&source), plain(&of.backup_region)),
    };
    Fork { source, name, from, outcome, reach: reach(of, &args.to) }
}

/// Up to when the copy in `to` goes, and which other region holds more.
fn reach(of: &RegionService, to: &str) -> String {
    let newest = |region: &dyn Fn(&str) -> bool| {
        let held = of.restorable.iter().filter(|held| region(&held.region));
        held.filter_map(|held| Some((held.to.as_deref()?, held.region.as_str()))).max()
    };
    let Some((here, _)) = newest(&|region| region == to) else { return String::new() };
    let more = newest(&|region| region != to).filter(|(there, _)| *there > here);
    let more = more.map(|(there, region)| format!("; {} holds more, up to {} UTC", plain(region), moment(there)));
    format!(", up to {} UTC{}", moment(here), more.unwrap_or_default())
}

fn asked(client: &Client, of: &RegionService, name: &str, to: &str) -> Result<Outcome> {
    name.parse::<ServiceName>().map_err(|error| error.hint("give a shorter --suffix, of a-z, 0-9 and '-'"))?;
    let (_, source) = service(client, &of.service_name)?;
    let request = json!({
        "service_name": name, "service_type": source.service_type, "plan": source.plan, "cloud": to,
        "user_config": {"service_to_fork_from": of.service_name},
    });
    match client.api.post(&client.path(&["service"])?, &request) {
        Ok(answer) => Ok(Outcome::Asked(answer)),
        Err(error) if error.kind() == ErrorKind::Conflict => match is_there(client, of, name, to) {
            Ok(true) => Ok(Outcome::There),
            Ok(false) => {
                Err(Error::conflict(format!("another service is called {name}")).hint("give another --suffix"))
            }
            // The platform refused something else than the name.
            Err(_) => Err(error),
        },
        Err(error) => Err(error),
    }
}

/// Whether the service of this name is the fork that is wanted; an error if there is none.
fn is_there(client: &Client, of: &RegionService, name: &str, to: &str) -> Result<bool> {
    let (_, found) = service(client, name)?;
    let source = found.user_config.get("service_to_fork_from").and_then(Value::as_str);
    Ok(source == Some(of.service_name.as_str()) && found.cloud_name == to)
}

/// Why a service cannot be restored in the other region, as far as its copies say.
fn why_not(client: &Client, of: &RegionService, to: &str) -> String {
    let copies = client.path(&["service", &of.service_name, "copies"]).and_then(|path| client.api.get(&path));
    let copies: Option<Vec<ServiceCopy>> = copies.and_then(|answer| part(&answer, "copies")).ok();
    let Some(copies) = copies else { return format!("it cannot be restored in {to} now") };
    match copies.into_iter().find(|copy| copy.region == to) {
        None => format!("it has no copy in {to}"),
        Some(copy) => match copy.pause_reason.as_deref() {
            Some(why) => format!("its copy in {to} cannot be restored, and copying rests: {}", plain(why)),
            None => format!("its copy in {to} cannot be restored yet"),
        },
    }
}

/// Waits for one after the other; the time is that of all together.
fn wait_for(client: &Client, forks: &mut [Fork], args: &ForkAllArgs) {
    let began = client.clock.monotonic();
    for fork in forks {
        if matches!(fork.outcome, Outcome::Failed(_)) {
            continue;
        }
        let left = Duration::from_secs(args.wait.timeout_s).saturating_sub(client.clock.monotonic() - began);
        fork.outcome = match wait::until(client, &fork.name, State::Running, left.as_secs()) {
            Ok(answer) => Outcome::Running(answer),
            Err(error) => Outcome::Failed(said(&error)),
        };
        tell(client, Some(fork), args);
    }
}

/// Says what became of one, at once: all together may last.
fn tell(client: &Client, fork: Option<&Fork>, args: &ForkAllArgs) {
    if let Some(fork) = fork.filter(|_| !client.as_json) {
        output::say(&fork.sentence(&args.to));
    }
}

fn said(error: &Error) -> String {
    match error.advice() {
        Some(hint) => format!("{} ({hint})", error.message()),
        None => error.message(),
    }
}

impl Fork {
    fn sentence(&self, to: &str) -> String {
        let (source, name) = (plain(&self.source), plain(&self.name));
        match &self.outcome {
            Outcome::Asked(_) => {
                format!("{name} is being made in {to}, from {}{}.", self.from, self.reach)
            }
            Outcome::There => format!("{name} is there already: a fork of {source} in {to}."),
            Outcome::Running(answer) => {
                let since = part::<Service>(answer, "service").map(|service| moment(&service.create_time));
                let since = since.ok().filter(|since| !since.is_empty());
                let made = since.map(|since| format!(", made {since} UTC")).unwrap_or_default();
                format!("{name} is running in {to}{made}.")
            }
            Outcome::Failed(why) => format!("{source} has no running fork {name}: {why}."),
        }
    }

    /// For programs: the platform's answer where there is one, else the reason.
    fn told(&self) -> Value {
        let (outcome, service, reason) = match &self.outcome {
            Outcome::Asked(answer) => ("asked", answer.get("service"), None),
            Outcome::There => ("there", None, None),
            Outcome::Running(answer) => ("running", answer.get("service"), None),
            Outcome::Failed(why) => ("failed", None, Some(why)),
        };
        json!({"service_name": self.source, "fork_name": self.name, "outcome": outcome, "service": service, "reason": reason})
    }
}

fn summary(forks: &[Fork], args: &ForkAllArgs) -> String {
    let (from, to) = (&args.region, &args.to);
    let good = forks.iter().filter(|fork| !matches!(fork.outcome, Outcome::Failed(_))).count();
    let what = if args.wait.wait { "a running fork" } else { "a fork" };
    let suffix = args.suffix.as_deref().map(|suffix| format!(" --suffix {}", word(suffix))).unwrap_or_default();
    let again = format!("\n  farshore region fork-all {from} --to {to}{suffix} --wait");
    match (forks.len(), good) {
        (0, _) => format!("No service is in {from}: nothing is to be forked."),
        (all, good) if all == good && args.wait.wait => {
            format!("{} of {from}: each has {what} in {to}.", count(all, "service"))
        }
        (all, 0) => format!("{} of {from}: none with {what} in {to}.{again}", count(all, "service")),
        (all, good) => format!("{} of {from}: {good} of them with {what} in {to}.{again}", count(all, "service")),
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::client::answers::Restorable;
    use crate::client::args::RegionVerb;

    #[derive(Debug, Parser)]
    struct Typed {
        #[command(subcommand)]
        verb: RegionVerb,
    }

    fn typed(line: &str) -> ForkAllArgs {
        let words = ["x", "fork-all"].into_iter().chain(line.split_whitespace());
        match Typed::try_parse_from(words).unwrap().verb {
            RegionVerb::ForkAll(args) => args,
            other => panic!("{other:?}"),
        }
    }

    fn fork(outcome: Outcome) -> Fork {
        let from = "the copy of pg-1 there".to_string();
        Fork { source: "pg-1".to_string(), name: "pg-1-s".to_string(), from, outcome, reach: String::new() }
    }

    #[test]
    fn it_is_said_up_to_when_a_copy_goes_and_where_more_is() {
        let held = |region: &str, to: Option<&str>| Restorable {
            region: region.to_string(),
            from: None,
            to: to.map(|hour| format!("2026-11-21T{hour}:15:00Z")),
        };
        for (restorable, expect) in [
            (vec![], ""),
            (vec![held("n", Some("10"))], ""),
            (vec![held("s", None)], ""),
            (vec![held("s", Some("10")), held("n", Some("09"))], ", up to 2026-11-21 10:15:00 UTC"),
            (
                vec![held("e", Some("11")), held("s", Some("10")), held("n", Some("12"))],
                ", up to 2026-11-21 10:15:00 UTC; n holds more, up to 2026-11-21 12:15:00 UTC",
            ),
        ] {
            let of = RegionService { restorable, ..RegionService::default() };
            assert_eq!(reach(&of, "s"), expect);
        }
        let asked = Fork { reach: ", up to now".to_string(), ..fork(Outcome::Asked(Value::Null)) };
        assert_eq!(asked.sentence("s"), "pg-1-s is being made in s, from the copy of pg-1 there, up to now.");
    }

    #[test]
    fn each_outcome_is_a_sentence() {
        let running = json!({"service": {"service_name": "pg-1-s", "create_time": "2026-11-21T10:15:00Z"}});
        for (outcome, expect) in [
            (Outcome::Asked(Value::Null), "pg-1-s is being made in s, from the copy of pg-1 there."),
            (Outcome::There, "pg-1-s is there already: a fork of pg-1 in s."),
            (Outcome::Running(running), "pg-1-s is running in s, made 2026-11-21 10:15:00 UTC."),
            (Outcome::Running(Value::Null), "pg-1-s is running in s."),
            (
                Outcome::Failed("it has no copy in s".to_string()),
                "pg-1 has no running fork pg-1-s: it has no copy in s.",
            ),
        ] {
            assert_eq!(fork(outcome).sentence("s"), expect);
        }
    }

    #[test]
    fn the_summary_counts_and_says_how_to_go_on() {
        let good = || fork(Outcome::There);
        let bad = || fork(Outcome::Failed("no".to_string()));
        for (line, forks, expect) in [
            ("n --to s", vec![], "No service is in n: nothing is to be forked."),
            ("n --to s --wait", vec![good()], "1 service of n: each has a running fork in s."),
            (
                "n --to s",
                vec![good()],
                "1 service of n: 1 of them with a fork in s.\n  farshore region fork-all n --to s --wait",
            ),
            (
                "n --to s",
                vec![bad()],
                "1 service of n: none with a fork in s.\n  farshore region fork-all n --to s --wait",
            ),
            (
                "n --to s --suffix -2 --wait",
                vec![good(), bad()],
                "2 services of n: 1 of them with a running fork in s.\n  farshore region fork-all n --to s --suffix -2 --wait",
            ),
        ] {
            assert_eq!(summary(&forks, &typed(line)), expect);
        }
    }

    #[test]
    fn a_region_that_cannot_take_the_forks_is_refused() {
        let regions: Vec<Region> = serde_json::from_value(json!([
            {"region": "n", "state": "down"}, {"region": "s", "state": "up"},
            {"region": "e", "state": "down", "reason": "a drill"},
        ]))
        .unwrap();
        assert_eq!(sides(&regions, &typed("n --to s")).unwrap().region, "n");
        for (line, expect) in [
            ("n --to n", "n cannot take the place of itself"),
            ("n --to e", "region e is down: a drill"),
            ("n --to w", "the platform has no region w"),
            ("w --to s", "the platform has no region w"),
        ] {
            assert_eq!(sides(&regions, &typed(line)).unwrap_err().message(), expect);
        }
    }
}
