//! Which region is down, and what of it can be restored in others, in sentences. A region that is down itself restores nothing.

use farshore_types::{Error, Result, Timestamp};
use serde_json::Value;

use crate::client::answers::{Region, RegionService, Restorable, part};
use crate::client::caller::Client;
use crate::client::text::{moment, plain, together, word};

/// The regions, as they are answered and as they are read.
pub fn ask(client: &Client) -> Result<(Value, Vec<Region>)> {
    let answer = client.api.get(&client.path(&["regions"])?)?;
    let regions = part(&answer, "regions")?;
    Ok((answer, regions))
}

/// One of them.
pub fn named<'a>(regions: &'a [Region], name: &str) -> Result<&'a Region> {
    regions.iter().find(|region| region.region == name).ok_or_else(|| {
        let names: Vec<String> = regions.iter().map(|region| plain(&region.region)).collect();
        let what = format!("the platform has no region {name}");
        Error::missing(what).hint(format!("its regions are {}", together(&names)))
    })
}

/// A region that is down: since when and why, what of the project is in it, and how far each of that can be restored.
pub fn loss(lost: &Region, regions: &[Region], project: &str) -> Vec<String> {
    let since = lost.since.as_deref().map(|since| format!(" since {} UTC", moment(since))).unwrap_or_default();
    let reason = lost.reason.as_deref().map(|why| format!(": {}", plain(why).trim_end_matches('.')));
    let mut lines = vec![format!("Region {} is down{since}{}.", plain(&lost.region), reason.unwrap_or_default())];
    lines.push(within(lost, project));
    lines.extend(waiting(lost));
    lines.extend(lost.services.iter().map(|service| restorable(service, lost, regions)));
    lines
}

/// What waits for a region that is down, of services that are elsewhere.
fn waiting(lost: &Region) -> Vec<String> {
    let named = |names: &[String]| together(&names.iter().map(|name| plain(name)).collect::<Vec<String>>());
    let (stored, copied) = (named(&lost.backups_of), named(&lost.copies_of));
    let stored = match lost.backups_of.len() {
        0 => None,
        1 => Some(format!("{stored} goes on in another region; its backups and its log wait until this one is back.")),
        _ => {
            Some(format!("{stored} go on in other regions; their backups and their logs wait until this one is back."))
        }
    };
    let copied = match lost.copies_of.len() {
        0 => None,
        1 => Some(format!("The copy of {copied} rests.")),
        _ => Some(format!("The copies of {copied} rest.")),
    };
    stored.into_iter().chain(copied).collect()
}

/// Which services are in a region.
pub fn within(region: &Region, project: &str) -> String {
    let names: Vec<String> = region.services.iter().map(|service| plain(&service.service_name)).collect();
    let are = if names.len() == 1 { "is" } else { "are" };
    match names.is_empty() {
        true => format!("No service of project {project} is in it."),
        false => format!("{} of project {project} {are} in it.", together(&names)),
    }
}

/// The command that brings everything up again elsewhere: in the region from which most services can be restored.
pub fn next(lost: &Region, regions: &[Region]) -> Option<String> {
    let count = |region: &Region| {
        lost.services
            .iter()
            .filter(|service| sources(service, lost, regions).any(|one| one.region == region.region))
            .count()
    };
    let counted = regions.iter().map(|region| (count(region), region)).filter(|(count, _)| *count > 0);
    // The first of equals, in the order of the platform.
    let (_, best) = counted.rev().max_by_key(|(count, _)| *count)?;
    let (from, to) = (plain(&lost.region), plain(&best.region));
    Some(format!("farshore region fork-all {} --to {}", word(&from), word(&to)))
}

fn restorable(service: &RegionService, lost: &Region, regions: &[Region]) -> String {
    let name = plain(&service.service_name);
    let mut newest: Vec<&Restorable> = Vec::new();
    for one in sources(service, lost, regions) {
        match newest.iter_mut().find(|known| known.region == one.region) {
            Some(known) if end(one) > end(known) => *known = one,
            Some(_) => {}
            None => newest.push(one),
        }
    }
    newest.sort_by_key(|one| std::cmp::Reverse(end(one)));
    let places: Vec<String> = newest.into_iter().map(place).collect();
    match places.is_empty() {
        true => format!("{name} cannot be restored in another region now."),
        false => format!("{name} can be restored {}.", together(&places)),
    }
}

fn place(one: &Restorable) -> String {
    match &one.to {
        Some(to) => format!("in {} up to {} UTC", plain(&one.region), moment(to)),
        None => format!("in {} up to now", plain(&one.region)),
    }
}

/// What serves a restore elsewhere.
fn sources<'a>(
    service: &'a RegionService,
    lost: &'a Region,
    regions: &'a [Region],
) -> impl Iterator<Item = &'a Restorable> {
    let down = |name: &str| regions.iter().any(|region| region.region == name && region.is_down());
    service.restorable.iter().filter(move |one| one.region != lost.region && !down(&one.region))
}

/// Orders ends: now is the last one, what cannot be read the first.
fn end(one: &Restorable) -> (bool, Option<Timestamp>) {
    (one.to.is_none(), one.to.as_deref().and_then(|to| to.parse().ok()))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn regions() -> Vec<Region> {
        let held = |region: &str, to: Option<&str>| json!({"region": region, "from": "2026-11-20T03:07:00Z", "to": to});
        let (early, late) = (Some("2026-11-21T10:15:03Z"), Some("2026-11-21T10:15:12.5Z"));
        serde_json::from_value(json!([
            {"region": "local-north", "provider": "local", "state": "down", "since": "2026-11-21T10:15:04.7Z",
             "reason": "a drill", "services": [
                {"service_name": "pg-1", "state": "RUNNING",
                 "restorable": [held("local-south", early), held("local-east", late), held("local-north", None)]},
                {"service_name": "pg-2", "state": "RUNNING", "restorable": [held("local-south", early), held("local-south", late)]},
                {"service_name": "pg-3", "state": "RUNNING", "restorable": []}]},
            {"region": "local-south", "provider": "local", "state": "up", "since": null, "reason": null, "services": [],
             "backups_of": ["pg-4"], "copies_of": ["pg-1", "pg-2"]},
            {"region": "local-east", "provider": "local", "state": "up", "services": []},
        ]))
        .unwrap()
    }

    #[test]
    fn a_loss_says_what_was_there_and_how_far_it_can_be_restored() {
        let mut regions = regions();
        assert_eq!(
            loss(&regions[0], &regions, "main"),
            [
                "Region local-north is down since 2026-11-21 10:15:04 UTC: a drill.",
                "pg-1, pg-2 and pg-3 of project main are in it.",
                "pg-1 can be restored in local-east up to 2026-11-21 10:15:12 UTC and in local-south up to 2026-11-21 10:15:03 UTC.",
                "pg-2 can be restored in local-south up to 2026-11-21 10:15:12 UTC.",
                "pg-3 cannot be restored in another region now.",
            ]
        );
        regions[1].state = "down".to_string();
        assert_eq!(
            loss(&regions[1], &regions, "main")[1..],
            [
                "No service of project main is in it.",
                "pg-4 goes on in another region; its backups and its log wait until this one is back.",
                "The copies of pg-1 and pg-2 rest.",
            ]
        );
        let said = loss(&regions[0], &regions, "main");
        assert_eq!(said[3], "pg-2 cannot be restored in another region now.");
        let empty = Region { region: "r".to_string(), state: "down".to_string(), ..Region::default() };
        assert_eq!(loss(&empty, &regions, "main"), ["Region r is down.", "No service of project main is in it."]);
    }

    #[test]
    fn the_next_command_leads_where_most_can_be_restored() {
        let mut regions = regions();
        let next = |regions: &[Region]| next(&regions[0], regions);
        assert_eq!(next(&regions).unwrap(), "farshore region fork-all local-north --to local-south");
        regions[1].state = "down".to_string();
        assert_eq!(next(&regions).unwrap(), "farshore region fork-all local-north --to local-east");
        regions[2].state = "down".to_string();
        assert_eq!(next(&regions), None);
    }

    #[test]
    fn a_region_that_the_platform_does_not_have_is_refused_with_those_that_it_has() {
        let error = named(&regions(), "local-west").unwrap_err();
        assert_eq!(error.message(), "the platform has no region local-west");
        assert_eq!(error.advice(), Some("its regions are local-north, local-south and local-east"));
    }
}
