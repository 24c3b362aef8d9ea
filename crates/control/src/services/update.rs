//! Changes to a service. What is left out stays; everything is checked before anything changes.

use farshore_runs::{NewRun, enqueue};
use farshore_store::Tx;
use farshore_store::services::{self, Service};
use farshore_types::{Error, Plan, Result, ServiceType};
use serde_json::{Value, json};

use super::read::in_project;
use super::{Actor, maintenance, moving, power, state};
use crate::config::{Config, Purpose};
use crate::policy::copies::{OPTION, check as check_copies};
use crate::policy::memory::{must_fit, shared_mib};
use crate::policy::{retention, schedule};
use crate::service::Secrets;
use crate::upkeep::{begin_schedule, config, schema};
use crate::{Control, catalog, copies, events, kinds};

/// What is asked for; `None` stays as it is.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Patch {
    /// The name of another plan.
    pub plan: Option<String>,
    /// Another region.
    pub region: Option<String>,
    /// Options: merged per key, null resets.
    pub user_config: Option<Value>,
    /// Disk in MiB; it only grows.
    pub disk_mib: Option<u64>,
    /// Whether deleting and powering off are refused.
    pub termination_protection: Option<bool>,
    /// When it is maintained: an object, merged per key.
    pub maintenance: Option<Value>,
    /// Whether it is to run.
    pub powered: Option<bool>,
}

/// What a change needs of a running node.
#[derive(Default)]
struct Effect {
    configure: bool,
    restart: bool,
    /// Other further regions are wanted.
    regions: bool,
    told: Vec<String>,
}

/// Changes a service, and asks for the run that brings its node to it.
pub fn update(control: &Control, actor: &Actor, project: &str, name: &str, patch: &Patch) -> Result<Service> {
    moving::must_restore_there(control, project, name, patch.region.as_deref())?;
    control.store.write(|tx| {
        let mut service = in_project(tx, project, name)?;
        let before = service.clone();
        let mut effect = Effect::default();
        // Protection is taken off before it is asked for: one request may do both.
        if let Some(protected) = patch.termination_protection.filter(|asked| *asked != service.termination_protection) {
            service.termination_protection = protected;
            effect.told.push(format!("termination protection {}", if protected { "on" } else { "off" }));
        }
        let moves = moving::wanted(tx, control, &service, (patch.region.as_deref(), patch.powered))?;
        size(control, &mut service, patch, &mut effect)?;
        options(control, &mut service, patch, &mut effect)?;
        memory(control, &before, &service)?;
        if let Some(given) = &patch.maintenance {
            service.maintenance = Some(maintenance::merged(service.maintenance.as_ref(), given)?);
        }
        if effect.regions {
            copies::may_follow(tx, control, &service)?;
            copies::follow_options(tx, control, &service)?;
        }
        if let Some(wanted) = &moves {
            moving::begin(tx, control, actor, &mut service, wanted)?;
        }
        match patch.powered {
            _ if moves.is_some() => {}
            Some(false) if service.powered => power::off(tx, control, actor, &mut service)?,
            Some(true) if !service.powered => power::on(tx, control, actor, &mut service)?,
            _ if effect.configure && service.powered => configure(tx, control, &mut service, effect.restart)?,
            _ => {}
        }
        service.updated_at = tx.now();
        services::update(tx, &service)?;
        if !effect.told.is_empty() {
            let text = format!("Service {name}: {}", effect.told.join(", "));
            events::record(tx, control, &service.project_id, &actor.user, "service_update", Some(name), &text)?;
        }
        Ok(service)
    })
}

fn size(control: &Control, service: &mut Service, patch: &Patch, effect: &mut Effect) -> Result<()> {
    let service_type: ServiceType = service.service_type.parse()?;
    let plans = catalog::plans(control, service_type);
    let asked = patch.plan.as_ref().filter(|plan| **plan != service.plan);
    let plan = Plan::find(&plans, service_type, asked.unwrap_or(&service.plan))?;
    if asked.is_some() {
        plan.must_be_creatable()?;
        effect.told.push(format!("plan {} instead of {}", plan.name, service.plan));
        (effect.configure, effect.restart) = (true, true);
    }
    let keeps = patch.disk_mib.is_none() && asked.is_none();
    let larger = || plan.disk_mib_for(patch.disk_mib.or((service.disk_mb > plan.disk_mib).then_some(service.disk_mb)));
    let disk_mib = if keeps { service.disk_mb } else { larger()? };
    if disk_mib < service.disk_mb && patch.disk_mib.is_some() {
        let what = format!("disk_space_mb: {disk_mib} is less than the {} that the service has", service.disk_mb);
        return Err(Error::invalid(what).hint("a disk only grows; fork into a smaller one"));
    }
    if disk_mib != service.disk_mb {
        effect.told.push(format!("disk {disk_mib} MiB instead of {}", service.disk_mb));
        effect.configure = true;
    }
    (service.plan, service.disk_mb) = (plan.name.clone(), disk_mib);
    Ok(())
}

/// What does not fit is refused, but not to somebody who makes it better: an earlier version has accepted it.
fn memory(control: &Control, before: &Service, after: &Service) -> Result<()> {
    if (&before.plan, &before.user_config) == (&after.plan, &after.user_config) {
        return Ok(());
    }
    let service_type: ServiceType = after.service_type.parse()?;
    let plans = catalog::plans(control, service_type);
    let plan = Plan::find(&plans, service_type, &after.plan)?;
    let (old, new) = (config(before)?, config(after)?);
    let better = before.plan == after.plan && shared_mib(plan, &new) <= shared_mib(plan, &old);
    if better { Ok(()) } else { must_fit(plan, &new) }
}

fn options(control: &Control, service: &mut Service, patch: &Patch, effect: &mut Effect) -> Result<()> {
    let Some(given) = &patch.user_config else { return Ok(()) };
    let schema = schema(control, service.service_type.parse()?);
    let (before, secrets) = (config(service)?, Secrets::open(control, service)?);
    let joined = before.joined(&Config::from_map(secrets.options));
    let (after, _) =
        schema.secrets_apart(&schema.validate(&copies::untangled(given), Purpose::Update { current: &joined })?);
    keeps_version(service, given)?;
    if after == before {
        return Ok(());
    }
    // What a service has was allowed once: the settings may have become narrower since.
    let (had, wanted) = (before.texts(OPTION), after.texts(OPTION));
    if wanted != had {
        let new: Vec<&str> = wanted.into_iter().filter(|name| !had.contains(name)).collect();
        check_copies(&control.settings, control.settings.region(service.stored_in())?, &new)?;
        effect.regions = true;
    }
    let restarts = schema.restarts(&before, &after);
    effect.restart |= !restarts.is_empty();
    effect.configure = true;
    effect.told.push("options changed".to_string());
    service.user_config = Value::Object(after.map().clone());
    let times = |config: &Config| {
        (config.integer("backup_hour"), config.integer("backup_minute"), config.integer("backup_interval_hours"))
    };
    if times(&before) != times(&after) {
        let (hour, minute) = schedule::times(&after, control.entropy.as_ref())?;
        // What the options said before is drawn anew where they say it no more; what they never said stays as it was drawn.
        let said = |key: &str| before.integer(key).or(after.integer(key)).is_some();
        service.backup_hour = if said("backup_hour") { hour } else { service.backup_hour };
        service.backup_minute = if said("backup_minute") { minute } else { service.backup_minute };
        service.next_backup_at = next(control, service, &after)?;
        begin_schedule(service, control.clock.now());
    }
    Ok(())
}

/// Nothing would be upgraded: a version that is given is the one that runs. Null leaves it, too.
fn keeps_version(service: &Service, given: &Value) -> Result<()> {
    let key = format!("{}_version", service.service_type);
    let asked = given.get(&key).and_then(Value::as_str).and_then(|text| text.parse::<u64>().ok());
    let runs = service.facts.get("major").and_then(Value::as_u64);
    match (asked, runs) {
        (Some(asked), Some(runs)) if asked != runs => {
            let what = format!("{key}: service {} has version {runs} and cannot become {asked}", service.name);
            Err(Error::invalid(what)
                .hint(format!("upgrades are not offered; make a service of version {asked} and copy the data over")))
        }
        _ => Ok(()),
    }
}

fn next(control: &Control, service: &Service, config: &Config) -> Result<Option<farshore_types::Timestamp>> {
    let service_type: ServiceType = service.service_type.parse()?;
    let plans = catalog::plans(control, service_type);
    let plan = Plan::find(&plans, service_type, &service.plan)?;
    let interval = retention::interval_hours(plan, config);
    // Counted from now: a time that was just passed is not caught up, the next one is taken.
    let from = control.clock.now().plus_micros(-i64::from(interval) * 1_800_000_000);
    Ok(service.next_backup_at.map(|_| schedule::next(from, (service.backup_hour, service.backup_minute), interval)))
}

fn configure(tx: &mut Tx<'_>, control: &Control, service: &mut Service, restart: bool) -> Result<()> {
    if service.state == state::RUNNING && restart {
        service.state = state::REBALANCING.to_string();
    }
    let (project, subject) = (service.project_id.clone(), service.id.to_string());
    let run = NewRun { kind: kinds::CONFIGURE, project, subject, input: json!({ "restart": restart }) };
    enqueue(tx, &run, control.entropy.as_ref(), &control.signal).map(drop)
}
