//! What a fork is made from: found, allowed and checked before anything is made. Its source is never touched.

use farshore_store::copies as rows;
use farshore_store::services::{self, Service};
use farshore_store::{backups, projects};
use farshore_types::access::Permission;
use farshore_types::{Error, ErrorKind, Plan, RegionName, Result, ServiceType, Target, TargetKind, Timestamp};
use serde_json::Value;

use super::{Actor, maintenance};
use crate::access::no_project;
use crate::config::Config;
use crate::hosts::RestoreOrder;
use crate::kinds::Start;
use crate::service::{Secrets, administrator, administrator_of, new_password};
use crate::{Control, access, catalog, copies};

/// The option that names the administrator of a new service.
pub const ADMIN_OPTION: &str = "admin_username";
/// Backups that are looked at.
const BACKUPS_MAX: u32 = 10_000;

/// The service that is forked.
pub struct Source {
    /// Its row.
    pub service: Service,
    /// Its options.
    pub config: Config,
}

impl Source {
    /// Its major version.
    pub fn major(&self) -> Result<u32> {
        let major = self.service.facts.get("major").and_then(Value::as_u64).and_then(|major| u32::try_from(major).ok());
        major.ok_or_else(|| Error::conflict(format!("the version of service {} is not known yet", self.service.name)))
    }
}

/// Finds the source that the options name, if any, and whether it may be forked by this user at all.
pub fn find(
    control: &Control,
    actor: &Actor,
    project: &str,
    service_type: ServiceType,
    config: &Config,
) -> Result<Option<Source>> {
    let Some(name) = config.fork_source() else { return Ok(None) };
    let (target, project) = (project, config.fork_project().unwrap_or(project));
    access::may(control, &actor.user, project, Permission::Recover)?;
    // Who owns the other project, or chooses a password, gets at the data: that takes more than to bring them back.
    if project != target || config.text("admin_password").is_some() {
        access::may(control, &actor.user, project, Permission::SecretsRead)?;
    }
    let service = control.store.read(|tx| {
        let project = projects::by_name(tx, project)?.ok_or_else(|| no_project(project))?;
        services::by_name(tx, &project.id, name)
    })?;
    let service = service.ok_or_else(|| {
        Error::invalid(format!("service_to_fork_from: service {name} does not exist in project {project}"))
    })?;
    if service.service_type != service_type.name() {
        let what = format!("service_to_fork_from: {name} is of type {}, not {service_type}", service.service_type);
        return Err(Error::invalid(what));
    }
    let plans = catalog::plans(control, service_type);
    let plan = plans.iter().find(|plan| plan.name == service.plan);
    if plan.is_some_and(|plan| !plan.tier.can_be_forked()) {
        let what = format!("service {name} has plan {}, which cannot be forked", service.plan);
        let hint = match control.regions.first_down(service.regions()) {
            None => "its single backup is kept for disaster recovery: change its plan first".to_string(),
            Some(_) => format!("move it: avn service update {name} --power-on --cloud REGION"),
        };
        return Err(Error::invalid(what).hint(hint));
    }
    let Value::Object(map) = service.user_config.clone() else {
        return Err(Error::corrupt(format!("the options of service {name} are no object")));
    };
    Ok(Some(Source { service, config: Config::from_map(map) }))
}

/// From which region's copy to which moment; everything that would be refused later is refused now.
pub fn start(control: &Control, source: &Source, given: &Config, region: &RegionName) -> Result<Start> {
    let service = &source.service;
    let target = match given.recovery_target_time()? {
        None => Target::latest(),
        Some(moment) => Target { kind: TargetKind::Time(moment), inclusive: true },
    };
    let from = copy_for(control, service, region)?;
    // The newest moment is the one at which it is asked for, not the last one that was shipped.
    if service.powered
        && from.as_str() == service.stored_in()
        && !control.regions.is_down(&service.region)
        && let Err(error) = control.hosts.catch_up(&service.id)
    {
        tracing::info!(service = %service.id, %error, "a fork begins with what its region holds");
    }
    let backup = given.text("recovery_basebackup_name").map(str::to_string);
    if backup.is_none() && control.store.read(|tx| backups::of_region(tx, &service.id, from.as_str(), 1))?.is_empty() {
        return Err(match copies::elsewhere(control, service)?.is_empty() {
            true => no_backup(service),
            // It had one: what was there is damaged or gone.
            false => {
                Error::conflict(format!("region {from} holds no backup of service {} that can be used", service.name))
                    .hint(copies::hint_elsewhere(control, service)?)
            }
        });
    }
    let moment = given.recovery_target_time()?;
    if control.settings.copies_end_at_backups && from.as_str() != service.stored_in() {
        must_be_in_a_backup(control, service, &from, moment)?;
    }
    let assured = copies::complete(control, service, &from)?;
    let (region, id) = (from.clone(), service.id.clone());
    let order = RestoreOrder { region, source: id, target, backup: backup.clone(), assured };
    // What is not there was asked for by the request's own fields.
    control.hosts.check_restore(&order).map_err(|error| match (error.kind(), &backup) {
        (ErrorKind::Missing, Some(_)) => error.with_kind(ErrorKind::Invalid),
        // A damaged region takes nothing from the others.
        (ErrorKind::Corrupt, _) => match copies::hint_elsewhere(control, service) {
            Ok(hint) => error.hint(hint),
            Err(_) => error,
        },
        _ => error,
    })?;
    let moment = moment.map(Timestamp::micros);
    let assured = assured.map(Timestamp::micros);
    Ok(Start { region: from, source: service.id.clone(), moment, backup, assured, fork: true })
}

/// The region whose copy serves a fork in `region`: its own, else the primary one if that answers. A copy is used only in its own region,
/// and one that is no longer kept only while the primary region does not answer: it shows an older state.
fn copy_for(control: &Control, service: &Service, region: &RegionName) -> Result<RegionName> {
    let (here, rows) = control.store.read(|tx| {
        Ok((backups::of_region(tx, &service.id, region.as_str(), 1)?, rows::of_service(tx, &service.id)?))
    })?;
    let now = control.clock.now();
    let row = rows.iter().find(|row| row.region == region.as_str() && copies::is_usable(row, now));
    let lost = control.regions.is_down(service.stored_in());
    let serves = row.is_some_and(|row| row.ends_at.is_none() || lost) && !here.is_empty();
    if serves {
        return Ok(region.clone());
    }
    match control.regions.must_be_up(service.stored_in()) {
        Ok(()) => Ok(control.settings.region(service.stored_in())?.name.clone()),
        Err(error) => Err(error.hint(copies::hint_elsewhere(control, service)?)),
    }
}

/// The documented bound of a copy (public documentation, "About backup to another region for Aiven services", heading "Limitations").
fn must_be_in_a_backup(
    control: &Control,
    service: &Service,
    region: &RegionName,
    moment: Option<Timestamp>,
) -> Result<()> {
    let there = control.store.read(|tx| backups::of_region(tx, &service.id, region.as_str(), BACKUPS_MAX))?;
    match (there.last(), there.first(), moment) {
        (Some(oldest), Some(newest), Some(moment)) if moment > newest.taken_at => {
            let what = format!(
                "recovery_target_time: {moment} is later than the newest backup in {region}: what can be restored there goes from {} to {}",
                oldest.taken_at, newest.taken_at
            );
            Err(Error::invalid(what).hint("choose a moment inside"))
        }
        _ => Ok(()),
    }
}

/// The answer where a backup is needed and none is there yet. Clients know this text.
pub fn no_backup(service: &Service) -> Error {
    let what = format!("No valid backups for service {}", service.name);
    Error::conflict(what).hint("the first one is taken as soon as the service runs: try again in a minute")
}

/// The options of the new service with the name of its administrator, which is that of the source: it owns the databases.
pub fn with_administrator(source: &Source, given: &Config, config: Config) -> Result<Config> {
    let (name, known) = (administrator(&source.service), &source.service.name);
    if given.text(ADMIN_OPTION).is_some_and(|asked| asked != name) {
        let what =
            format!("{ADMIN_OPTION}: a fork has the accounts of its source, and {known} is administered by {name}");
        return Err(Error::invalid(what).hint("leave it out"));
    }
    if name == administrator_of(None) {
        return Ok(config);
    }
    let mut map = config.map().clone();
    map.insert(ADMIN_OPTION.to_string(), Value::from(name));
    Ok(Config::from_map(map))
}

/// The disk of the new service in MiB: one that holds the source's, unless another one was asked for.
pub fn disk_mib(source: Option<&Source>, plan: &Plan, asked: Option<u64>) -> Result<u64> {
    match (source, asked) {
        (Some(source), None) => Ok(plan.disk_mib_holding(source.service.disk_mb)),
        (_, asked) => plan.disk_mib_for(asked),
    }
}

/// When the new service is maintained: as its source is, but for what was asked for.
pub fn maintenance(source: Option<&Source>, asked: Option<&Value>) -> Result<Option<Value>> {
    let taken = source.and_then(|source| source.service.maintenance.as_ref());
    match asked {
        Some(given) => maintenance::merged(taken, given).map(Some),
        None => Ok(taken.cloned()),
    }
}

/// New passwords for every user of the source that we know: none is valid on both.
pub fn new_passwords(control: &Control, source: &Source) -> Result<Secrets> {
    let known = Secrets::open(control, &source.service)?;
    let mut secrets = Secrets::default();
    for user in known.passwords.keys() {
        secrets.passwords.insert(user.clone(), new_password(control.entropy.as_ref())?);
    }
    Ok(secrets)
}
