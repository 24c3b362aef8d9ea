//! What is known of services: from the store, and a short look at their hosts. Regions are never read here: one that hangs must not
//! hold up whoever asks.

use farshore_store::backups::Backup;
use farshore_store::services::{self, Service};
use farshore_store::windows::Window;
use farshore_store::{Tx, backups, projects, runs, windows};
use farshore_types::{Error, ErrorKind, Result, Timestamp};

use crate::access::no_project;
use crate::copies::{self, Shown};
use crate::hosts::{LogLine, NodeView};
use crate::regions::Down;
use crate::upkeep::{CRASH_LOOP, backup_is_late};
use crate::{Control, kinds};

/// Backups of a service that are shown.
const BACKUPS_MAX: u32 = 10_000;
/// Runs of a service that are shown.
const RUNS_MAX: u32 = 50;

/// Everything that is shown of a service.
pub struct Overview {
    /// Its row.
    pub service: Service,
    /// Its node, as its host sees it; `None` where it cannot be asked.
    pub node: Option<NodeView>,
    /// Its backups in the region that they are made in, newest first.
    pub backups: Vec<Backup>,
    /// Its copies in further regions.
    pub copies: Vec<Shown>,
    /// Other regions that hold something of it, with the first and the last moment of the newest stretch there; the newest first.
    pub elsewhere: Vec<(String, Timestamp, Timestamp)>,
    /// Since when the region of its node does not answer.
    pub region_down: Option<Down>,
    /// Since when that of its backups does not, where it is another one.
    pub backups_down: Option<Down>,
    /// Its runs, newest first.
    pub runs: Vec<runs::Run>,
    /// What its owner should know.
    pub notices: Vec<Notice>,
}

/// A sentence for the owner of a service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notice {
    /// Whether something must be done.
    pub warning: bool,
    /// The sentence.
    pub text: String,
}

/// A service by project and name.
pub fn in_project(tx: &mut Tx<'_>, project: &str, name: &str) -> Result<Service> {
    let project = projects::by_name(tx, project)?.ok_or_else(|| no_project(project))?;
    services::by_name(tx, &project.id, name)?.ok_or_else(|| Error::missing(format!("Service {name} does not exist")))
}

/// A service's row.
pub fn get(control: &Control, project: &str, name: &str) -> Result<Service> {
    control.store.read(|tx| in_project(tx, project, name))
}

/// The services of a project.
pub fn list(control: &Control, project: &str) -> Result<Vec<Service>> {
    control.store.read(|tx| {
        let project = projects::by_name(tx, project)?.ok_or_else(|| no_project(project))?;
        services::of_project(tx, &project.id, control.settings.services_max)
    })
}

/// A service with its node, backups and runs.
pub fn overview(control: &Control, service: Service) -> Result<Overview> {
    let (backups, runs) = control.store.read(|tx| {
        let backups = backups::of_region(tx, &service.id, service.stored_in(), BACKUPS_MAX)?;
        Ok((backups, runs::of_subject(tx, service.id.as_str(), RUNS_MAX)?))
    })?;
    let node = control.hosts.view(&service.id).ok();
    let copies = copies::of_service(control, &service)?;
    let elsewhere = copies::elsewhere_of(control, &service, &copies)?;
    let mut notices = lost(control, &service, &elsewhere);
    notices.extend(self::notices(&service, node.as_ref(), &runs, control.clock.now()));
    let region_down = control.regions.down(&service.region);
    let backups_down = service.backup_region.as_ref().and_then(|region| control.regions.down(region));
    Ok(Overview { service, node, backups, copies, elsewhere, region_down, backups_down, runs, notices })
}

/// Backups and windows of a service in a region, as they were last read there.
pub fn backups_of(control: &Control, service: &Service, region: &str) -> Result<(Vec<Backup>, Vec<Window>)> {
    control.store.read(|tx| {
        let backups = backups::of_region(tx, &service.id, region, BACKUPS_MAX)?;
        Ok((backups, windows::of_region(tx, &service.id, region, BACKUPS_MAX)?))
    })
}

/// The newest runs of a service.
pub fn runs(control: &Control, service: &Service) -> Result<Vec<runs::Run>> {
    control.store.read(|tx| runs::of_subject(tx, service.id.as_str(), RUNS_MAX))
}

/// One run of a project, with its journal.
pub fn run(control: &Control, project: &str, id: &str) -> Result<(runs::Run, Vec<runs::Journaled>)> {
    control.store.read(|tx| {
        let project = projects::by_name(tx, project)?.ok_or_else(|| no_project(project))?;
        let found = runs::get(tx, id)?.filter(|run| run.project == project.id);
        let run = found.ok_or_else(|| Error::missing(format!("run {id} does not exist")))?;
        let steps = runs::steps(tx, id)?;
        Ok((run, steps))
    })
}

/// The newest lines of a service's log, oldest first; none while it has no node, whose log went with it.
pub fn log(control: &Control, project: &str, name: &str, limit: usize) -> Result<Vec<LogLine>> {
    let service = get(control, project, name)?;
    match control.hosts.log(&service.id, limit) {
        Err(error) if error.kind() == ErrorKind::Missing => Ok(Vec::new()),
        lines => lines,
    }
}

/// What to know of a service one of whose regions does not answer.
fn lost(control: &Control, service: &Service, elsewhere: &[(String, Timestamp, Timestamp)]) -> Vec<Notice> {
    let Some((lost, down)) = control.regions.first_down(service.regions()) else { return Vec::new() };
    let up = elsewhere.iter().filter(|(region, _, _)| !control.regions.is_down(region));
    let places: Vec<String> = up.map(|(region, _, moment)| format!("in {region} up to {moment}")).collect();
    let elsewhere = match places.is_empty() {
        true => format!("no other region holds a copy of service {}", service.name),
        false => format!("service {} can be restored {}", service.name, places.join(" and ")),
    };
    let goes_on = match lost == service.region {
        true => String::new(),
        false => "the service goes on, its backups and its log wait; ".to_string(),
    };
    let text = format!("Region {lost} has not answered since {}: {goes_on}{elsewhere}", down.since);
    vec![Notice { warning: true, text }]
}

fn notices(service: &Service, node: Option<&NodeView>, runs: &[runs::Run], now: Timestamp) -> Vec<Notice> {
    let mut notices = Vec::new();
    if let Some(trouble) = node.and_then(|node| node.trouble.as_ref()) {
        notices.push(Notice { warning: true, text: trouble.clone() });
    }
    if service.facts.get(CRASH_LOOP).is_some() {
        let text = format!("The server of service {} crashes again and again; its log says why", service.name);
        notices.push(Notice { warning: true, text });
    }
    let under_way = runs.iter().rfind(|run| !run.situation.state.is_final());
    if let Some(text) = under_way.and_then(|run| kinds::waits(run, &service.name, now)) {
        notices.push(Notice { warning: true, text });
    }
    let newest = runs.first().filter(|run| matches!(run.situation.state, runs::State::Failed | runs::State::Stuck));
    if let Some((run, fault)) = newest.and_then(|run| Some((run, run.situation.error.as_ref()?))) {
        let hint = fault.hint.as_ref().map(|hint| format!(" ({hint})")).unwrap_or_default();
        notices.push(Notice { warning: true, text: format!("The last {} failed: {}{hint}", run.kind, fault.message) });
    }
    if backup_is_late(service) {
        let text = format!("Service {} has no backup that is as new as its plan promises", service.name);
        notices.push(Notice { warning: true, text });
    }
    if service.termination_protection {
        let text = "Termination protection is on: the service can be neither deleted nor powered off".to_string();
        notices.push(Notice { warning: false, text });
    }
    notices
}
