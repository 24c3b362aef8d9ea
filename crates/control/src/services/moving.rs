//! Moves of a service to another region (`cloud`). Its backups stay where they are made, and so do their copies; only where the region of
//! its backups is lost does it move to a copy, which becomes what its backups are made on.

use farshore_runs::{NewRun, enqueue};
use farshore_store::services::Service;
use farshore_store::{Tx, backups, runs};
use farshore_types::{Error, RegionName, Result, Target};

use super::fork::no_backup;
use super::power::restored;
use super::read::in_project;
use super::{Actor, under_way};
use crate::hosts::{NodeState, RestoreOrder};
use crate::kinds::{self, Destination};
use crate::service::{relocate, state};
use crate::{Control, copies, events};

/// A move that may be made.
pub struct Move {
    to: RegionName,
    way: Way,
}

/// How.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    /// It runs: it is stopped with everything stored, and made there.
    Running,
    /// It has no node that could be asked: it is made there from its backups.
    FromBackups,
    /// It is off and stays off.
    Off,
    /// The region of its backups is lost: it is made there from the copy.
    FromCopy,
}

/// What is asked for, if it is anything that may be done. Nothing is changed.
pub fn wanted(
    tx: &mut Tx<'_>,
    control: &Control,
    service: &Service,
    (asked, powered): (Option<&str>, Option<bool>),
) -> Result<Option<Move>> {
    let Some(asked) = asked.filter(|asked| is_move(control, service, asked)) else { return Ok(None) };
    let to = control.settings.region(asked)?.name.clone();
    // Where a region is lost what is under way may never end.
    if control.regions.first_down(service.regions()).is_none() && is_under_way(tx, service, &to)? {
        return Ok(None);
    }
    let way = way(tx, control, service, powered, &to)?;
    control.regions.must_be_up(to.as_str())?;
    let on = powered.unwrap_or(service.powered);
    if !on && way != Way::Off {
        let what = format!("cloud: service {} moves only when it is powered on", service.name);
        return Err(Error::invalid(what).hint("ask with powered true"));
    }
    Ok(Some(Move { to, way }))
}

fn way(tx: &mut Tx<'_>, control: &Control, service: &Service, powered: Option<bool>, to: &RegionName) -> Result<Way> {
    let off = service.state == state::POWEROFF;
    if control.regions.is_down(service.stored_in()) {
        copies::must_hold_copy(tx, control, service, to)?;
        if let Some(node) = node_of(control, service).filter(|_| !off) {
            let (stored_in, name) = (service.stored_in(), &service.name);
            let what = match node {
                NodeState::Ready => {
                    format!("cloud: the server of service {name} answers, only the store of {stored_in} does not")
                }
                _ => format!(
                    "cloud: the node of service {name} is in {}, which answers, and may hold more than any copy",
                    service.region
                ),
            };
            return Err(Error::conflict(what).hint(format!("fork it with cloud {to}, or wait")));
        }
        return Ok(Way::FromCopy);
    }
    if off && powered != Some(true) {
        return Ok(Way::Off);
    }
    if backups::of_region(tx, &service.id, service.stored_in(), 1)?.is_empty() {
        return Err(no_backup(service));
    }
    let failed =
        service.state == state::REBUILDING && runs::unfinished_of_subject(tx, service.id.as_str(), 1)?.is_empty();
    if off || failed || control.regions.is_down(&service.region) && node_of(control, service).is_none() {
        return Ok(Way::FromBackups);
    }
    if service.state != state::RUNNING {
        let what = format!("cloud: service {} cannot be moved while its state is {}", service.name, service.state);
        return Err(Error::conflict(what).hint("wait until it is RUNNING"));
    }
    Ok(Way::Running)
}

/// Whether a region that is named is another one. The same one is, where the service has lost its backups and its node: a copy may be there.
fn is_move(control: &Control, service: &Service, asked: &str) -> bool {
    if service.region != asked {
        return true;
    }
    let gone = || service.state == state::POWEROFF || node_of(control, service).is_none();
    service.stored_in() != asked && control.regions.is_down(service.stored_in()) && gone()
}

/// The node of a service, where one is there: one that answers, or one that does not on hosts that do. One that is being made is none yet.
fn node_of(control: &Control, service: &Service) -> Option<NodeState> {
    if service.state == state::REBUILDING {
        return None;
    }
    let state = control.hosts.view(&service.id).ok()?.state;
    match state {
        NodeState::Absent | NodeState::Lost => None,
        NodeState::Ready => Some(state),
        _ => Some(state).filter(|_| !control.regions.is_down(&service.region)),
    }
}

/// Somebody who saw no answer asks again.
fn is_under_way(tx: &mut Tx<'_>, service: &Service, to: &RegionName) -> Result<bool> {
    let runs = under_way::runs_of(tx, service)?;
    let mut moves = runs.iter().filter(|run| run.kind == kinds::MOVE && !run.cancel);
    Ok(moves.any(|run| Destination::of(&run.input).is_ok_and(|destination| destination.to == *to)))
}

/// What cannot be made there must not cost what is left. Asked before anything is written: it reads a region.
pub fn must_restore_there(control: &Control, project: &str, name: &str, asked: Option<&str>) -> Result<()> {
    let Some(asked) = asked else { return Ok(()) };
    let service = control.store.read(|tx| in_project(tx, project, name))?;
    let lost = control.regions.is_down(service.stored_in());
    let from = if lost { asked } else { service.stored_in() };
    let needless = !is_move(control, &service, asked);
    if needless || control.store.read(|tx| backups::of_region(tx, &service.id, from, 1))?.is_empty() {
        // Said, where it is refused, with the rest.
        return Ok(());
    }
    let (to, region) = (&control.settings.region(asked)?.name, control.settings.region(from)?.name.clone());
    control.regions.must_be_up(asked)?;
    let major = service.facts.get("major").and_then(serde_json::Value::as_u64);
    let there = control.hosts.versions(to, &service.service_type)?;
    if major.is_some_and(|major| !there.iter().any(|version| u64::from(*version) == major)) {
        let what = format!("cloud: the hosts of {to} do not run the version of service {name}");
        return Err(Error::conflict(what).hint("install it there: `farshore doctor`"));
    }
    let (source, target) = (service.id, Target::latest());
    control.hosts.check_restore(&RestoreOrder { region, source, target, backup: None, assured: None })
}

/// Changes the row of a service that moves, and asks for what brings it there. The caller writes the row.
pub fn begin(tx: &mut Tx<'_>, control: &Control, actor: &Actor, service: &mut Service, wanted: &Move) -> Result<()> {
    let (name, from, to) = (service.name.clone(), service.region.clone(), &wanted.to);
    let text = match wanted.way {
        Way::Running => {
            format!("Service {name} moves from {from} to {to}; its backups stay in {}", service.stored_in())
        }
        Way::FromBackups => {
            format!("Service {name} moves from {from} to {to}, from its backups, which stay in {}", service.stored_in())
        }
        Way::Off => format!(
            "Service {name} will be in {to}, and no longer in {from}, when it is powered on; its backups stay in {}",
            service.stored_in()
        ),
        Way::FromCopy if from == to.as_str() => format!("Service {name} is made again in {to}, from the copy there"),
        Way::FromCopy => format!("Service {name} moves from {from} to {to}, from the copy there"),
    };
    events::record(tx, control, &service.project_id, &actor.user, "service_region_move", Some(&name), &text)?;
    if wanted.way == Way::Running {
        service.state = state::REBALANCING.to_string();
        let from = control.settings.region(&from)?.name.clone();
        let input = Destination { from, to: to.clone(), start: restored(control, service)? }.input()?;
        return ask(tx, control, service, kinds::MOVE, input);
    }
    if wanted.way == Way::FromCopy {
        copies::swap(tx, control, service, to)?;
    } else {
        relocate(service, to);
    }
    if wanted.way == Way::Off {
        return Ok(());
    }
    // What is under way waits for a region that may never return: it is given up, and the move does not wait for it.
    under_way::give_up(tx, service, |_| true)?;
    remake(tx, control, service)
}

/// Asks for the node of a service that has none where it is now. The caller writes the row.
pub fn remake(tx: &mut Tx<'_>, control: &Control, service: &mut Service) -> Result<()> {
    (service.powered, service.state, service.off_since) = (true, state::REBUILDING.to_string(), None);
    let input = restored(control, service)?.input()?;
    ask(tx, control, service, kinds::RESTORE, input)
}

fn ask(
    tx: &mut Tx<'_>,
    control: &Control,
    service: &Service,
    kind: &'static str,
    input: serde_json::Value,
) -> Result<()> {
    let run = NewRun { kind, project: service.project_id.clone(), subject: service.id.to_string(), input };
    enqueue(tx, &run, control.entropy.as_ref(), &control.signal).map(drop)
}
