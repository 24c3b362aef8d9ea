//! `farshore backup lag`: how much work would be lost with the first region of a service, and what the copies in other regions wait for.

use std::collections::BTreeMap;
use std::process::ExitCode;

use farshore_types::{ErrorKind, Result, units};
use serde_json::{Value, json};

use crate::client::answers::{Region, Service, ServiceCopy, part};
use crate::client::caller::Client;
use crate::client::text::{count, loss, moment, plain, together};
use crate::output::table;

/// A service and its copies.
struct Lag {
    service: String,
    copies: Vec<ServiceCopy>,
}

/// Regions that do not answer, and where services are.
#[derive(Default)]
struct Away {
    regions: Vec<Region>,
    /// By service: the region of its node and that of its backups, where they are two.
    apart: BTreeMap<String, (String, String)>,
}

impl Away {
    /// A platform that does not know which is one where none is.
    fn ask(client: &Client) -> Result<Away> {
        let answer = match client.api.get(&client.path(&["regions"])?) {
            Err(error) if error.kind() == ErrorKind::Missing => return Ok(Away::default()),
            answer => answer?,
        };
        Ok(Away::of(part(&answer, "regions")?))
    }

    fn of(mut regions: Vec<Region>) -> Away {
        let mut apart = BTreeMap::new();
        for region in &regions {
            let moved =
                region.services.iter().filter(|one| !["", &region.region].contains(&one.backup_region.as_str()));
            apart.extend(
                moved.map(|one| (one.service_name.clone(), (region.region.clone(), one.backup_region.clone()))),
            );
        }
        regions.retain(Region::is_down);
        Away { regions, apart }
    }

    /// What must be lost, or is, before a copy is needed; and how the sentence about its loss goes on.
    fn when(&self, service: &str) -> (String, &'static str) {
        let Some((node, stored)) = self.apart.get(service) else {
            return match self.home(service).map(plain) {
                Some(region) => (format!("{region} is down: restored elsewhere,"), "loses"),
                None => ("If its region were lost now,".to_string(), "would lose"),
            };
        };
        let (down, name) = ((self.has(node), self.has(stored)), plain(service));
        let (node, stored) = (plain(node), plain(stored));
        match down {
            (true, true) => (format!("{node} and {stored} are down: restored elsewhere,"), "loses"),
            (true, false) => {
                (format!("{node} is down, the backups of {name} are in {stored}. If that were lost now,"), "would lose")
            }
            (false, true) => {
                (format!("{stored} is down, the server of {name} is in {node}. If that were lost now,"), "would lose")
            }
            (false, false) => (format!("If {node} and {stored} were lost now,"), "would lose"),
        }
    }

    fn has(&self, region: &str) -> bool {
        self.regions.iter().any(|away| away.region == region)
    }

    /// The region of a service, if it is one of them.
    fn home(&self, service: &str) -> Option<&str> {
        let holds = |region: &&Region| region.services.iter().any(|one| one.service_name == service);
        self.regions.iter().find(holds).map(|region| region.region.as_str())
    }
}

/// Asks for one service, or for all of the project, one call each.
pub fn run(client: &Client, service: Option<&str>) -> Result<ExitCode> {
    let names = match service {
        Some(name) => vec![name.to_string()],
        None => names(client)?,
    };
    let (mut answers, mut lags) = (Vec::new(), Vec::new());
    for name in names {
        let answer = match client.api.get(&client.path(&["service", &name, "copies"])?) {
            // It was terminated since the services were listed.
            Err(error) if error.kind() == ErrorKind::Missing && service.is_none() => continue,
            answer => answer?,
        };
        lags.push(Lag { service: name.clone(), copies: part(&answer, "copies")? });
        answers.push(json!({"service_name": name, "copies": answer.get("copies").unwrap_or(&Value::Null)}));
    }
    client.answer(&json!({"services": answers}), || Ok(sentences(&client.project()?, &lags, &Away::ask(client)?)))
}

fn names(client: &Client) -> Result<Vec<String>> {
    let services: Vec<Service> = part(&client.api.get(&client.path(&["service"])?)?, "services")?;
    Ok(services.into_iter().map(|service| service.service_name).collect())
}

fn sentences(project: &str, lags: &[Lag], away: &Away) -> String {
    if lags.is_empty() {
        return format!("Project {project} has no services.");
    }
    let mut lines: Vec<String> = lags.iter().flat_map(|lag| of_service(lag, away)).collect();
    let rows: Vec<Vec<String>> =
        lags.iter().flat_map(|lag| lag.copies.iter().map(|copy| row(&lag.service, copy))).collect();
    if !rows.is_empty() {
        let header = ["service", "region", "state", "lag", "newest moment (UTC)", "waiting", "oldest not copied (UTC)"];
        lines.push(table(&header, &rows));
    }
    lines.join("\n")
}

/// What the loss of the first region would mean, or does, the best copy first, then what stands in the way of the others. A copy in a region
/// that does not answer restores nothing.
fn of_service(lag: &Lag, away: &Away) -> Vec<String> {
    let name = plain(&lag.service);
    let command = format!("\n  farshore service update {name} -c additional_backup_regions=REGION");
    let home = away.home(&lag.service).map(plain);
    if lag.copies.is_empty() {
        return vec![match home {
            Some(region) => format!("{region} is down, and {name} has no copy in another region."),
            None => format!("{name} has no copy in another region:{command}"),
        }];
    }
    let (lost, mut known): (Vec<_>, Vec<_>) = lag
        .copies
        .iter()
        .filter_map(|copy| copy.lag_seconds.map(|lag_s| (lag_s, copy)))
        .partition(|(_, copy)| away.has(&copy.region));
    known.sort_by(|(a, _), (b, _)| a.total_cmp(b));
    let (when, would) = away.when(&lag.service);
    let mut lines = Vec::new();
    match known.split_first() {
        Some(((lag_s, best), others)) => {
            let work = loss(*lag_s).map_or_else(|| "no work".to_string(), |span| format!("{span} of work"));
            lines.push(format!("{when} {name} {would} {work}{}.", held(best)));
            lines.extend(others.iter().map(|(lag_s, copy)| {
                let work = loss(*lag_s).map_or_else(|| "none".to_string(), |span| format!("{span} of it"));
                format!("With {} alone it {would} {work}{}.", plain(&copy.region), held(copy))
            }));
        }
        None => lines.push(nothing_left(&name, away.home(&lag.service), &lost)),
    }
    lines.extend(lag.copies.iter().filter_map(|copy| hindered(&name, copy)));
    if lag.copies.iter().all(|copy| copy.state == "leaving") {
        lines.push(format!("{name} has no backup region now:{command}"));
    }
    lines
}

/// No copy can be restored: for good, or until a region is back.
fn nothing_left(name: &str, home: Option<&str>, lost: &[(f64, &ServiceCopy)]) -> String {
    let regions: Vec<String> = lost.iter().map(|(_, copy)| plain(&copy.region)).collect();
    let until =
        if regions.is_empty() { "as a whole".to_string() } else { format!("until {} is back", together(&regions)) };
    match home {
        Some(region) if regions.is_empty() => {
            format!("{} is down, and {name} cannot be restored in another region.", plain(region))
        }
        Some(region) => format!("{} is down, and {name} cannot be restored elsewhere {until}.", plain(region)),
        None => format!("If its region were lost now, {name} would be lost {until}."),
    }
}

/// What a copy holds; nothing where its newest moment is not known.
fn held(copy: &ServiceCopy) -> String {
    let region = plain(&copy.region);
    let said = copy.newest_moment.as_deref().map(|newest| {
        let newest = moment(newest);
        format!(": {region} holds everything up to {newest} UTC")
    });
    said.unwrap_or_default()
}

/// What a person must know of a copy that is not simply kept up to date.
fn hindered(name: &str, copy: &ServiceCopy) -> Option<String> {
    let region = plain(&copy.region);
    let why = copy.pause_reason.as_deref().map(|why| format!(": {}", plain(why).trim_end_matches('.')));
    let why = why.unwrap_or_default();
    match copy.state.as_str() {
        "paused" if copy.lag_seconds.is_none() => {
            Some(format!("Copying {name} to {region} rests{why}. Nothing can be restored there yet."))
        }
        "paused" => Some(format!("Copying {name} to {region} rests{why}.")),
        "leaving" => Some(match &copy.deleted_at {
            Some(at) => {
                let at = moment(at);
                format!("{region} is no longer a backup region of {name}: what it holds is deleted at {at} UTC.")
            }
            None => format!("{region} is no longer a backup region of {name}: what it holds will be deleted."),
        }),
        _ if copy.lag_seconds.is_none() => {
            Some(format!("{name} cannot be restored in {region} yet: {}.", on_its_way(copy)))
        }
        _ => None,
    }
}

fn on_its_way(copy: &ServiceCopy) -> String {
    match copy.pending_backups {
        0 => "no backup is there".to_string(),
        1 => "1 backup is on its way".to_string(),
        several => format!("{several} backups are on their way"),
    }
}

fn row(service: &str, copy: &ServiceCopy) -> Vec<String> {
    let lag = copy.lag_seconds.map(|lag_s| loss(lag_s).unwrap_or_else(|| "none".to_string()));
    let waiting = match (copy.pending_objects, copy.pending_bytes) {
        (0, 0) => "nothing".to_string(),
        (objects, bytes) => {
            let objects = usize::try_from(objects).unwrap_or(usize::MAX);
            format!("{}, {}", count(objects, "object"), units::bytes(bytes))
        }
    };
    vec![
        plain(service),
        plain(&copy.region),
        plain(&copy.state),
        lag.unwrap_or_else(|| "not known".to_string()),
        copy.newest_moment.as_deref().map(moment).unwrap_or_default(),
        waiting,
        copy.oldest_uncopied_backup_time.as_deref().map(moment).unwrap_or_default(),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::answers::RegionService;

    fn copy(region: &str, state: &str, lag_seconds: Option<f64>) -> ServiceCopy {
        let newest = lag_seconds.map(|_| "2026-11-21T10:15:03.4Z".to_string());
        let (region, state) = (region.to_string(), state.to_string());
        ServiceCopy { region, state, lag_seconds, newest_moment: newest, ..ServiceCopy::default() }
    }

    fn lag(service: &str, copies: Vec<ServiceCopy>) -> Lag {
        Lag { service: service.to_string(), copies }
    }

    #[test]
    fn the_loss_is_said_first_and_the_table_says_what_waits() {
        let behind = ServiceCopy {
            pending_objects: 12,
            pending_bytes: 3_400_000,
            oldest_uncopied_backup_time: Some("2026-11-21T03:07:00Z".to_string()),
            ..copy("local-east", "copying", Some(75.0))
        };
        let lags = [lag("pg-1", vec![behind, copy("local-south", "complete", Some(1.4))]), lag("pg-2", Vec::new())];
        assert_eq!(
            sentences("main", &lags, &Away::default()),
            "If its region were lost now, pg-1 would lose 1.4 s of work: local-south holds everything up to 2026-11-21 10:15:03 UTC.\n\
             With local-east alone it would lose 1 min 15 s of it: local-east holds everything up to 2026-11-21 10:15:03 UTC.\n\
             pg-2 has no copy in another region:\n  farshore service update pg-2 -c additional_backup_regions=REGION\n\
             service  region       state            lag  newest moment (UTC)  waiting              oldest not copied (UTC)\n\
             pg-1     local-east   copying   1 min 15 s  2026-11-21 10:15:03  12 objects, 3.40 MB  2026-11-21 03:07:00\n\
             pg-1     local-south  complete       1.4 s  2026-11-21 10:15:03  nothing"
        );
        assert_eq!(sentences("main", &[], &Away::default()), "Project main has no services.");
    }

    #[test]
    fn a_copy_that_is_not_kept_up_to_date_says_why() {
        let paused = |reason: Option<&str>, lag_seconds| ServiceCopy {
            pause_reason: reason.map(str::to_string),
            ..copy("local-south", "paused", lag_seconds)
        };
        let leaving = |at: Option<&str>| ServiceCopy {
            deleted_at: at.map(str::to_string),
            ..copy("local-south", "leaving", Some(0.0))
        };
        let coming = |backups| ServiceCopy { pending_backups: backups, ..copy("local-south", "copying", None) };
        for (copy, expect) in [
            (
                paused(Some("the store is full."), Some(9.0)),
                Some("Copying pg-1 to local-south rests: the store is full."),
            ),
            (paused(None, None), Some("Copying pg-1 to local-south rests. Nothing can be restored there yet.")),
            (
                leaving(Some("2026-11-28T10:15:00Z")),
                Some(
                    "local-south is no longer a backup region of pg-1: what it holds is deleted at 2026-11-28 10:15:00 UTC.",
                ),
            ),
            (leaving(None), Some("local-south is no longer a backup region of pg-1: what it holds will be deleted.")),
            (coming(0), Some("pg-1 cannot be restored in local-south yet: no backup is there.")),
            (coming(1), Some("pg-1 cannot be restored in local-south yet: 1 backup is on its way.")),
            (coming(2), Some("pg-1 cannot be restored in local-south yet: 2 backups are on their way.")),
            (copy("local-south", "complete", Some(1.0)), None),
        ] {
            assert_eq!(hindered("pg-1", &copy).as_deref(), expect, "{copy:?}");
        }
    }

    #[test]
    fn regions_that_are_down_change_what_is_said() {
        let region = |name: &str, services: &[&str]| Region {
            region: name.to_string(),
            state: "down".to_string(),
            services: services
                .iter()
                .map(|name| RegionService { service_name: (*name).to_string(), ..RegionService::default() })
                .collect(),
            ..Region::default()
        };
        let one = || vec![copy("local-south", "paused", Some(2.8))];
        let newest = "local-south holds everything up to 2026-11-21 10:15:03 UTC.";
        for (regions, copies, expect) in [
            (
                vec![region("local-north", &["pg-1"])],
                one(),
                format!("local-north is down: restored elsewhere, pg-1 loses 2.8 s of work: {newest}"),
            ),
            (
                vec![region("local-north", &["pg-1"])],
                Vec::new(),
                "local-north is down, and pg-1 has no copy in another region.".to_string(),
            ),
            (
                vec![region("local-north", &["pg-1"])],
                vec![copy("local-south", "copying", None)],
                "local-north is down, and pg-1 cannot be restored in another region.".to_string(),
            ),
            (
                vec![region("local-north", &["pg-1"]), region("local-south", &[])],
                one(),
                "local-north is down, and pg-1 cannot be restored elsewhere until local-south is back.".to_string(),
            ),
            (
                vec![region("local-south", &["pg-2"])],
                one(),
                "If its region were lost now, pg-1 would be lost until local-south is back.".to_string(),
            ),
        ] {
            let said = of_service(&lag("pg-1", copies), &Away::of(regions));
            assert_eq!(said[0], expect);
        }
        let leaving = of_service(&lag("pg-1", vec![copy("local-south", "leaving", Some(2.8))]), &Away::default());
        assert!(
            leaving[2].starts_with("pg-1 has no backup region now:\n  farshore service update pg-1 -c "),
            "{leaving:?}"
        );
    }

    #[test]
    fn work_that_is_all_there_is_not_lost() {
        let said = of_service(&lag("pg-1", vec![copy("local-south", "complete", Some(0.0))]), &Away::default());
        assert_eq!(
            said,
            [
                "If its region were lost now, pg-1 would lose no work: local-south holds everything up to 2026-11-21 10:15:03 UTC."
            ]
        );
        let unknown = ServiceCopy { newest_moment: None, ..copy("local-south", "complete", Some(0.0)) };
        assert_eq!(
            of_service(&lag("pg-1", vec![unknown]), &Away::default()),
            ["If its region were lost now, pg-1 would lose no work."]
        );
        let nothing = copy("local-south", "copying", None);
        let said = of_service(&lag("pg-1", vec![nothing.clone()]), &Away::default());
        assert_eq!(said[0], "If its region were lost now, pg-1 would be lost as a whole.");
        assert_eq!(row("pg-1", &nothing)[3], "not known");
    }
}
