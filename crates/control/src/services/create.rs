//! A new service, empty or a fork.

use farshore_runs::{NewRun, enqueue};
use farshore_store::projects::{self, Project};
use farshore_store::services::{self, Service};
use farshore_store::{Tx, tags as kept};
use farshore_types::{Error, Plan, RegionName, Result, ServiceName, ServiceType};
use serde_json::{Value, json};

use super::Actor;
use super::fork::{self, ADMIN_OPTION, Source};
use crate::access::no_project;
use crate::config::{Config, Purpose};
use crate::kinds::Start;
use crate::policy::copies::{OPTION, check as check_copies};
use crate::policy::{memory, schedule};
use crate::service::{ADMINISTRATOR_FACT, Secrets, administrator_of, new_password, state};
use crate::upkeep::schema;
use crate::{Control, catalog, contacts, copies, events, kinds, tags};

/// What is asked for, as it came in.
#[derive(Debug, Clone, Default)]
pub struct NewService {
    /// Its name.
    pub name: String,
    /// The word of its type.
    pub service_type: String,
    /// The name of its plan.
    pub plan: String,
    /// Where; `None`: the default region of the project.
    pub region: Option<String>,
    /// Options, an object.
    pub user_config: Value,
    /// Disk in MiB; `None`: what the plan gives.
    pub disk_mib: Option<u64>,
    /// Whether deleting and powering off are refused.
    pub termination_protection: bool,
    /// When it is maintained, an object.
    pub maintenance: Option<Value>,
    /// Tags.
    pub tags: std::collections::BTreeMap<String, String>,
    /// Who is told about technical matters.
    pub contacts: Vec<String>,
}

/// What was asked for and may be made.
struct Checked {
    name: ServiceName,
    service_type: ServiceType,
    plan: String,
    disk_mib: u64,
    /// Options that may be shown, and those that are secret.
    config: Config,
    secret: Config,
    project: Project,
    region: RegionName,
    major: u32,
    source: Option<Source>,
    start: Option<Start>,
    maintenance: Option<Value>,
}

impl Checked {
    /// The source by its name, with its project where that is another one.
    fn source_name(&self) -> String {
        let name = self.source.as_ref().map(|source| source.service.name.as_str()).unwrap_or_default();
        match self.config.fork_project().filter(|project| *project != self.project.name) {
            Some(project) => format!("{name} of project {project}"),
            None => name.to_string(),
        }
    }
}

/// Checks everything, then adds the service and the run that makes it.
pub fn create(control: &Control, actor: &Actor, project: &str, asked: &NewService) -> Result<Service> {
    let checked = check(control, actor, project, asked)?;
    let service = row(control, &checked, asked)?;
    let name = &checked.name;
    control.store.write(|tx| {
        free_name(tx, control, &service.project_id, name)?;
        services::insert(tx, &service).map_err(|error| taken(error, name.as_str()))?;
        copies::follow_options(tx, control, &service)?;
        let owner = kept::Owner::Service(service.id.as_str());
        kept::replace(tx, owner, &asked.tags)?;
        farshore_store::contacts::replace(tx, owner, &asked.contacts)?;
        let (kind, input, event, text) = match &checked.start {
            None => (kinds::CREATE, json!({}), "service_create", format!("Created service {name}")),
            Some(start) => {
                let text = format!("Created service {name} as a fork of {}", checked.source_name());
                (kinds::RESTORE, start.input()?, "service_fork", text)
            }
        };
        let (project, subject) = (service.project_id.clone(), service.id.to_string());
        let run = NewRun { kind, project, subject, input };
        enqueue(tx, &run, control.entropy.as_ref(), &control.signal)?;
        events::record(tx, control, &service.project_id, &actor.user, event, Some(name.as_str()), &text)
    })?;
    Ok(service)
}

fn check(control: &Control, actor: &Actor, project: &str, asked: &NewService) -> Result<Checked> {
    let name: ServiceName = asked.name.parse()?;
    tags::must_be_well_formed(&asked.tags)?;
    contacts::must_be_well_formed(&asked.contacts)?;
    let service_type: ServiceType = asked.service_type.parse()?;
    service_type.must_be_creatable()?;
    let plans = catalog::plans(control, service_type);
    let plan = Plan::find(&plans, service_type, &asked.plan)?;
    plan.must_be_creatable()?;
    let schema = schema(control, service_type);
    // Once for itself, so that a wrong option is told before its source is looked for.
    let asked_options = copies::untangled(&asked.user_config);
    let given = schema.validate(&asked_options, Purpose::Create)?;
    let source = fork::find(control, actor, project, service_type, &given)?;
    let disk_mib = fork::disk_mib(source.as_ref(), plan, asked.disk_mib)?;
    let maintenance = fork::maintenance(source.as_ref(), asked.maintenance.as_ref())?;
    let taken_over = |source: &Source| schema.validate(&asked_options, Purpose::Fork { source: &source.config });
    let whole = source.as_ref().map(taken_over).transpose()?;
    let (mut config, secret) = schema.secrets_apart(whole.as_ref().unwrap_or(&given));
    if let Some(source) = &source {
        config = fork::with_administrator(source, &given, config)?;
    }
    let (project, region) = control.store.read(|tx| {
        let project = projects::by_name(tx, project)?.ok_or_else(|| no_project(project))?;
        free_name(tx, control, &project.id, &name)?;
        let region = asked.region.clone().unwrap_or_else(|| project.default_region.clone());
        Ok((project, region))
    })?;
    let own = control.settings.region(&region)?;
    let region = own.name.clone();
    if given.get(OPTION).is_none() {
        config = Config::from_map(copies::inherited(&control.settings, config.map(), own));
    }
    check_copies(&control.settings, own, &config.texts(OPTION))?;
    memory::must_fit(plan, &config)?;
    if let Err(error) = control.regions.must_be_up(region.as_str()) {
        return Err(match &source {
            Some(source) => error.hint(copies::hint_elsewhere(control, &source.service)?),
            None => error,
        });
    }
    let major = major(control, service_type, &given, source.as_ref(), &region)?;
    config = with_version(&config, service_type, major);
    let start = source.as_ref().map(|source| fork::start(control, source, &given, &region)).transpose()?;
    let plan = plan.name.clone();
    Ok(Checked {
        name,
        service_type,
        plan,
        disk_mib,
        config,
        secret,
        project,
        region,
        major,
        source,
        start,
        maintenance,
    })
}

fn row(control: &Control, checked: &Checked, asked: &NewService) -> Result<Service> {
    let id = checked.name.new_id_within(control.settings.service_id_bytes_max, control.entropy.as_ref())?;
    let mut secrets = match &checked.source {
        Some(source) => fork::new_passwords(control, source)?,
        None => Secrets { options: checked.secret.map().clone(), ..Secrets::default() },
    };
    let given = checked.secret.text("admin_password").map(str::to_string);
    let password = given.map_or_else(|| new_password(control.entropy.as_ref()), Ok)?;
    // A fork has that of its source among its options.
    let administrator = administrator_of(checked.config.text(ADMIN_OPTION));
    secrets.passwords.insert(administrator.to_string(), password);
    let (backup_hour, backup_minute) = schedule::times(&checked.config, control.entropy.as_ref())?;
    let now = control.clock.now();
    Ok(Service {
        sealed: Some(secrets.close(control, &id)?),
        id,
        project_id: checked.project.id.clone(),
        name: checked.name.to_string(),
        service_type: checked.service_type.name().to_string(),
        plan: checked.plan.clone(),
        region: checked.region.to_string(),
        backup_region: None,
        state: state::REBUILDING.to_string(),
        powered: true,
        user_config: Value::Object(checked.config.map().clone()),
        disk_mb: checked.disk_mib,
        termination_protection: asked.termination_protection,
        maintenance: checked.maintenance.clone(),
        generation: 1,
        facts: json!({ "major": checked.major, ADMINISTRATOR_FACT: administrator }),
        forked_from: checked.source.as_ref().map(|source| source.service.id.clone()),
        backup_hour,
        backup_minute,
        next_backup_at: None,
        off_since: None,
        created_at: now,
        updated_at: now,
        deleted_at: None,
        shredded_at: None,
    })
}

fn free_name(tx: &mut Tx<'_>, control: &Control, project: &str, name: &ServiceName) -> Result<()> {
    if services::by_name(tx, project, name.as_str())?.is_some() {
        return Err(in_use(name.as_str()));
    }
    let count = services::of_project(tx, project, control.settings.services_max)?.len();
    if count >= control.settings.services_max as usize {
        let what = format!("the project has {count} services, which is the most it may have");
        return Err(Error::conflict(what).hint("terminate one first, or raise the limit"));
    }
    Ok(())
}

fn in_use(name: &str) -> Error {
    let what = format!("Service name is already in use in this project: service {name} already exists");
    Error::conflict(what).hint("choose another name")
}

fn taken(error: Error, name: &str) -> Error {
    match farshore_store::taken(&error, "services_project_id_name") {
        true => in_use(name),
        false => error,
    }
}

/// Options that name a version name the one that runs: a source of former builds may name another.
fn with_version(config: &Config, service_type: ServiceType, major: u32) -> Config {
    let key = format!("{}_version", service_type.name());
    let mut map = config.map().clone();
    if let Some(version) = map.get_mut(&key) {
        *version = Value::from(major.to_string());
    }
    Config::from_map(map)
}

/// The major version: that of the source, the one asked for, or the newest that the region's hosts can run.
fn major(
    control: &Control,
    service_type: ServiceType,
    given: &Config,
    source: Option<&Source>,
    region: &RegionName,
) -> Result<u32> {
    let key = format!("{}_version", service_type.name());
    let asked: Option<u32> = given.text(&key).and_then(|text| text.parse().ok());
    let here = control.hosts.versions(region, service_type.name())?;
    let wanted = match (source.map(Source::major).transpose()?, asked) {
        (Some(source), Some(asked)) if source != asked => {
            let what = format!("{key} is {asked}, but the service that is forked has version {source}");
            return Err(Error::invalid(what).hint(format!("leave {key} out: a restore keeps the version")));
        }
        (Some(major), _) | (None, Some(major)) => major,
        (None, None) => {
            let offered = service_type.versions();
            let newest = here.iter().find(|major| offered.iter().any(|version| version.name == major.to_string()));
            *newest.ok_or_else(|| Error::missing(format!("region {region} can run no version of {service_type}")))?
        }
    };
    if here.contains(&wanted) {
        return Ok(wanted);
    }
    let known: Vec<String> = here.iter().map(u32::to_string).collect();
    let what = format!("{key} {wanted} cannot be run in region {region}: installed there is {}", known.join(", "));
    Err(Error::invalid(what).hint("`farshore doctor` says how to install others"))
}
