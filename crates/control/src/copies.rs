//! Copies of a service's backups in further regions: which there shall be, and how far they are.
//!
//! The option `additional_backup_regions` says what is wanted, rows of `copies` what is there or on its way. Both change in one transaction.
//! A copy that is no longer wanted stays for a grace period, so that a slip of the hand costs nothing.

use farshore_store::copies::{self, Copy};
use farshore_store::services::Service;
use farshore_store::{Tx, backups, windows};
use farshore_types::{Error, RegionName, Result, Timestamp};
use serde_json::{Map, Value, json};

use crate::hosts::{CopyView, NodeState, NodeView};
use crate::policy::copies::{Known, OPTION, check, may_change};
use crate::service::state;
use crate::settings::{Region, Settings};
use crate::upkeep::config;
use crate::{Control, departed, events};

/// Backups of a region that are counted.
const BACKUPS_MAX: u32 = 10_000;

/// What a copy is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Condition {
    /// It holds everything that its source holds.
    Complete,
    /// Something is on its way.
    Copying,
    /// It rests.
    Paused,
    /// It is no longer wanted, and is deleted soon.
    Leaving,
}

/// One copy, as it is shown.
#[derive(Debug, Clone, PartialEq)]
pub struct Shown {
    /// Where.
    pub region: String,
    /// What it is doing.
    pub condition: Condition,
    /// How old the newest work may be that would be lost with the first region, in seconds; `None`: nothing can be restored from here yet.
    pub lag_s: Option<f64>,
    /// Nothing that was acknowledged before is missing.
    pub complete: Option<Timestamp>,
    /// Backups that it holds, newest first.
    pub backups: Vec<backups::Backup>,
    /// Stretches of moments that restore from it, oldest first.
    pub windows: Vec<windows::Window>,
    /// What is still to be copied.
    pub view: CopyView,
    /// Why it rests.
    pub paused: Option<String>,
    /// When it is deleted.
    pub ends_at: Option<Timestamp>,
}

impl Shown {
    /// The newest stretch of moments that restores from it. Its log may be known to be whole up to a later moment than was read there last.
    pub fn window(&self) -> Option<(Timestamp, Timestamp)> {
        let last = self.windows.last()?;
        Some((last.from_at, self.complete.map_or(last.to_at, |complete| complete.max(last.to_at))))
    }
}

/// Older clients split what was typed as a list at its commas, brackets and all: `["['south'", "'east']"]` means `["south", "east"]`.
/// An empty text is no region, and is left to be refused: it must not end a copy.
pub fn untangled(options: &Value) -> Value {
    let mut options = options.clone();
    if let Some(Value::Array(items)) = options.get_mut(OPTION)
        && let Some(texts) = items.iter().map(Value::as_str).collect::<Option<Vec<&str>>>()
    {
        let typed = texts.join(",");
        let listed = typed.trim().strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
        match listed.map(str::trim) {
            Some("") => items.clear(),
            Some(names) => {
                let names = names.split(',').map(|name| name.trim().trim_matches(['"', '\'']));
                *items = names.map(Value::from).collect();
            }
            None => {}
        }
    }
    options
}

/// A fork takes its source's further regions over, but for those that it may not have where it is itself.
pub fn inherited(settings: &Settings, options: &Map<String, Value>, own: &Region) -> Map<String, Value> {
    let mut options = options.clone();
    if let Some(Value::Array(items)) = options.get_mut(OPTION) {
        items.retain(|item| item.as_str().is_some_and(|name| check(settings, own, &[name]).is_ok()));
    }
    options
}

/// Refuses what a user may not ask of a service that has copies already. What the platform does by itself is free.
pub fn may_follow(tx: &mut Tx<'_>, control: &Control, service: &Service) -> Result<()> {
    let wanted = wanted(service)?;
    let known = Known { held: &copies::of_service(tx, &service.id)?, gone: &departed::of(service)? };
    may_change(&known, &wanted, tx.now(), control.settings.copy_change_wait)
}

/// The further regions that the options of a service name.
fn wanted(service: &Service) -> Result<Vec<RegionName>> {
    config(service)?.texts(OPTION).into_iter().map(str::parse).collect()
}

/// Brings the rows of a service to what its options say, which were checked when they were given: what the settings have forbidden since
/// goes on. Called in the transaction that changes them.
pub fn follow_options(tx: &mut Tx<'_>, control: &Control, service: &Service) -> Result<()> {
    let wanted = wanted(service)?;
    let now = tx.now();
    let known = copies::of_service(tx, &service.id)?;
    for region in &wanted {
        let there = known.iter().find(|copy| copy.region == region.as_str());
        if there.is_some_and(|copy| copy.ends_at.is_none()) {
            continue;
        }
        if there.is_some_and(|copy| !is_usable(copy, now)) {
            let what = format!("the former copy of service {} in {region} is being destroyed", service.name);
            return Err(Error::busy(what).hint("ask again in a minute"));
        }
        let (region, service_id) = (region.to_string(), service.id.clone());
        let text = format!("Backups of service {} are copied to {region}", service.name);
        copies::put(tx, &Copy { service: service_id, region, enabled_at: now, ends_at: None, late_since: None })?;
        events::record(tx, control, &service.project_id, "farshore", "service_copy_begin", Some(&service.name), &text)?;
    }
    let grace = i64::try_from(control.settings.copy_grace.as_micros()).unwrap_or(i64::MAX);
    for copy in known {
        if copy.ends_at.is_some() || wanted.iter().any(|region| region.as_str() == copy.region) {
            continue;
        }
        let ends_at = now.plus_micros(grace);
        let text = format!(
            "Backups of service {} are no longer copied to {}; what is there is deleted at {ends_at}",
            service.name, copy.region
        );
        copies::put(tx, &Copy { ends_at: Some(ends_at), late_since: None, ..copy })?;
        events::record(tx, control, &service.project_id, "farshore", "service_copy_end", Some(&service.name), &text)?;
    }
    Ok(())
}

/// The regions that hold a copy of a service, or are to.
pub fn regions_of(control: &Control, service: &Service) -> Result<Vec<String>> {
    let rows = control.store.read(|tx| copies::of_service(tx, &service.id))?;
    Ok(rows.into_iter().map(|row| row.region).collect())
}

/// The copies of a service. Regions are not read: what was seen last is shown.
pub fn of_service(control: &Control, service: &Service) -> Result<Vec<Shown>> {
    let rows = control.store.read(|tx| copies::of_service(tx, &service.id))?;
    rows.into_iter().map(|row| shown(control, service, row)).collect()
}

fn shown(control: &Control, service: &Service, row: Copy) -> Result<Shown> {
    let (backups, windows, first) = control.store.read(|tx| {
        let backups = backups::of_region(tx, &service.id, &row.region, BACKUPS_MAX)?;
        let windows = windows::of_region(tx, &service.id, &row.region, BACKUPS_MAX)?;
        Ok((backups, windows, backups::of_region(tx, &service.id, service.stored_in(), 1)?))
    })?;
    let down = |region: &str| {
        let down = control.regions.down(region)?;
        Some(format!("region {region} has not answered since {}", down.since))
    };
    // One that was taken out of the settings hides none of the others.
    let known = control.settings.region(&row.region).map(|region| &region.name);
    let looked = match known.and_then(|name| control.hosts.copy_view(&service.id, name)) {
        Ok(view) => view.unwrap_or_default(),
        Err(error) => CopyView { paused: Some(error.to_string()), ..CopyView::default() },
    };
    // Before the first backup there is nothing to be copied, and perhaps nothing to be read: nothing is wrong with that.
    let looked_paused = looked.paused.clone().filter(|_| !first.is_empty());
    let paused = down(&row.region).or_else(|| down(service.stored_in())).or(looked_paused);
    let paused = match row.ends_at {
        Some(at) => Some(format!("{} is no longer a backup region: this copy is deleted at {at}", row.region)),
        None => paused,
    };
    // What this process has not followed yet was read in the region before.
    let complete = looked.complete.max(windows.last().map(|window| window.to_at));
    let idle = looked.followed && looked.compared && looked.waiting_backups == 0 && !backups.is_empty();
    let looked = match (row.ends_at, &paused) {
        (None, Some(_)) => at_least(looked, &missing(control, service, &backups)?),
        _ => looked,
    };
    let condition = match (row.ends_at, &paused) {
        (Some(_), _) => Condition::Leaving,
        (None, Some(_)) => Condition::Paused,
        (None, None) if idle => Condition::Complete,
        (None, None) => Condition::Copying,
    };
    let lag_s = match (complete.filter(|_| !backups.is_empty()), reference(control, service)?) {
        (None, _) => None,
        (Some(_), None) => Some(0.0),
        (Some(complete), Some(reference)) => Some(reference.seconds_since(complete).max(0.0)),
    };
    Ok(Shown {
        region: row.region,
        condition,
        lag_s,
        complete,
        backups,
        windows,
        view: looked,
        paused,
        ends_at: row.ends_at,
    })
}

/// Backups of the first region that a copy lacks, as both were seen last; those that are older than everything in it are no longer wanted.
fn missing(control: &Control, service: &Service, held: &[backups::Backup]) -> Result<Vec<backups::Backup>> {
    let all = control.store.read(|tx| backups::of_region(tx, &service.id, service.stored_in(), BACKUPS_MAX))?;
    let oldest = held.last().map(|backup| backup.taken_at);
    let lacks =
        |backup: &backups::Backup| Some(backup.taken_at) > oldest && !held.iter().any(|held| held.name == backup.name);
    Ok(all.into_iter().filter(lacks).collect())
}

/// A copy that rests cannot count what it lacks: then at least what is known to be missing is shown.
fn at_least(looked: CopyView, missing: &[backups::Backup]) -> CopyView {
    let count = missing.len() as u64;
    if looked.waiting_backups >= count {
        return looked;
    }
    let bytes = missing.iter().map(|backup| backup.stored_bytes).sum::<u64>();
    CopyView {
        waiting_backups: count,
        waiting_objects: looked.waiting_objects.max(count),
        waiting_bytes: looked.waiting_bytes.max(bytes),
        oldest_waiting: missing.last().map(|backup| backup.taken_at),
        ..looked
    }
}

/// The moment before which nothing is missing in the copy of a region, if it is one and that is known.
pub fn complete(control: &Control, service: &Service, region: &RegionName) -> Result<Option<Timestamp>> {
    let copy = of_service(control, service)?.into_iter().find(|copy| copy.region == region.as_str());
    Ok(copy.and_then(|copy| copy.complete))
}

/// Whether a copy may be used: one whose grace is over may be half destroyed already.
pub fn is_usable(copy: &Copy, now: Timestamp) -> bool {
    copy.ends_at.is_none_or(|at| at > now)
}

/// Against what moment a copy is late: now, while the service works, also where only its store is lost; when its node was lost with its region; the end of the log of a service that is off.
/// `None` where there is nothing that could be lost.
fn reference(control: &Control, service: &Service) -> Result<Option<Timestamp>> {
    if service.state == state::POWEROFF {
        let last = control.store.read(|tx| windows::of_region(tx, &service.id, service.stored_in(), BACKUPS_MAX))?;
        return Ok(last.last().map(|window| window.to_at));
    }
    let lost = control.regions.down(&service.region).filter(|_| {
        let works = |view: NodeView| matches!(view.state, NodeState::Ready | NodeState::Busy);
        !control.hosts.view(&service.id).is_ok_and(works)
    });
    Ok(Some(lost.map_or_else(|| control.clock.now(), |down| down.since)))
}

/// Regions other than that of its node which hold something of a service, with the newest stretch of moments there; the newest first.
pub fn elsewhere(control: &Control, service: &Service) -> Result<Vec<(String, Timestamp, Timestamp)>> {
    elsewhere_of(control, service, &of_service(control, service)?)
}

/// The same, for whoever has looked at the copies already.
pub fn elsewhere_of(
    control: &Control,
    service: &Service,
    copies: &[Shown],
) -> Result<Vec<(String, Timestamp, Timestamp)>> {
    let restorable = |copy: &Shown| copy.window().map(|(from, to)| (copy.region.clone(), from, to));
    let mut regions: Vec<_> = copies.iter().filter_map(restorable).collect();
    if let Some(stored_in) = &service.backup_region {
        let windows = control.store.read(|tx| windows::of_region(tx, &service.id, stored_in, BACKUPS_MAX))?;
        regions.extend(windows.last().map(|window| (stored_in.clone(), window.from_at, window.to_at)));
    }
    regions.sort_by_key(|(_, _, newest)| std::cmp::Reverse(*newest));
    Ok(regions)
}

/// Says where a service can be restored, for an error about its own region. The newest copy is the one to ask for.
pub fn hint_elsewhere(control: &Control, service: &Service) -> Result<String> {
    let regions = elsewhere(control, service)?;
    let newest = regions.iter().find(|(region, _, _)| !control.regions.is_down(region)).or(regions.first());
    let Some((newest, _, _)) = newest else { return Ok("no other region holds a copy".to_string()) };
    // What does not answer either is named only where nothing else is.
    let up = |region: &str| region == newest || !control.regions.is_down(region);
    let regions = regions.iter().filter(|(region, _, _)| up(region));
    let list: Vec<String> = regions.map(|(region, _, to)| format!("{region} (up to {to})")).collect();
    Ok(format!("copies are in {}: ask with cloud {newest}", list.join(", ")))
}

/// The service lives in `to` from now on, where a copy was; its former region becomes a further one, or is left behind for the grace
/// period where the copy was not wanted any more.
pub fn swap(tx: &mut Tx<'_>, control: &Control, service: &mut Service, to: &RegionName) -> Result<()> {
    let from = service.stored_in().to_string();
    (service.region, service.backup_region) = (to.to_string(), None);
    if let Value::Object(options) = &mut service.user_config {
        let mut regions: Vec<Value> = options.get(OPTION).and_then(Value::as_array).cloned().unwrap_or_default();
        regions
            .iter_mut()
            .filter(|region| region.as_str() == Some(to.as_str()))
            .for_each(|region| *region = json!(from));
        options.insert(OPTION.to_string(), Value::Array(regions));
    }
    if let Value::Object(facts) = &mut service.facts {
        // Another host gives another address.
        ["host", "port", "breaks"].iter().for_each(|fact| drop(facts.remove(*fact)));
    }
    copies::forget(tx, &service.id, to.as_str())?;
    follow_options(tx, control, service)?;
    if !copies::of_service(tx, &service.id)?.iter().any(|copy| copy.region == from) {
        // Nobody asked for a copy there: what it holds goes as any copy that is no longer wanted.
        let grace = i64::try_from(control.settings.copy_grace.as_micros()).unwrap_or(i64::MAX);
        let (service, ends_at, enabled_at) = (service.id.clone(), Some(tx.now().plus_micros(grace)), tx.now());
        copies::put(tx, &Copy { service, region: from, enabled_at, ends_at, late_since: None })?;
    }
    Ok(())
}

/// Refuses a move to a region that holds no copy, or an old one that is no longer kept while another holds more.
pub fn must_hold_copy(tx: &mut Tx<'_>, control: &Control, service: &Service, to: &RegionName) -> Result<()> {
    let now = tx.now();
    let there = copies::of_service(tx, &service.id)?;
    // What lies in a region that is none of them may be the past of long ago.
    let kept = there.iter().find(|copy| copy.region == to.as_str() && is_usable(copy, now));
    let holds = !backups::of_region(tx, &service.id, to.as_str(), 1)?.is_empty();
    if let Some(kept) = kept.filter(|_| holds) {
        return match kept.ends_at {
            Some(_) => must_be_newest(control, service, to, &there),
            None => Ok(()),
        };
    }
    let what = format!("cloud: region {to} holds no copy of service {}", service.name);
    Err(Error::invalid(what).hint(hint_elsewhere(control, service)?))
}

fn must_be_newest(control: &Control, service: &Service, to: &RegionName, copies: &[Copy]) -> Result<()> {
    let newest = elsewhere(control, service)?;
    let here = newest.iter().find(|(region, _, _)| region == to.as_str()).map(|(_, _, here)| *here);
    let kept = |region: &str| copies.iter().any(|copy| copy.region == region && copy.ends_at.is_none());
    let more = newest
        .iter()
        .find(|(region, _, there)| Some(*there) > here && kept(region) && !control.regions.is_down(region));
    let Some((other, _, there)) = more else { return Ok(()) };
    let end = here.map_or("nothing".to_string(), |here| format!("everything up to {here}"));
    let what = format!("cloud: the copy of service {} in {to} is no longer kept and holds {end}", service.name);
    Err(Error::invalid(what).hint(format!("{other} holds everything up to {there}: ask with cloud {other}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_that_an_older_client_sends_as_one_text_is_read_as_the_list_that_was_typed() {
        for (sent, meant) in [
            (json!(["['local-south']"]), json!(["local-south"])),
            (json!(["[\"a\", 'b']"]), json!(["a", "b"])),
            (json!(["['a'", " 'b']"]), json!(["a", "b"])),
            (json!(["[]"]), json!([])),
            (json!(["[ ]"]), json!([])),
            (json!([""]), json!([""])),
            (json!(["['']"]), json!([""])),
            (json!(["['a'", "'']"]), json!(["a", ""])),
            (json!(["a", ""]), json!(["a", ""])),
            (json!(["['a']", 5]), json!(["['a']", 5])),
            (json!(["a"]), json!(["a"])),
            (json!(["[a]", "b"]), json!(["[a]", "b"])),
            (json!(null), json!(null)),
        ] {
            assert_eq!(untangled(&json!({ OPTION: sent })), json!({ OPTION: meant }), "{sent}");
        }
        assert_eq!(untangled(&json!("x")), json!("x"));
    }
}
