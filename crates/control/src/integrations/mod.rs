//! What one service gives to another: remembered links, checked against the kinds there are.
//!
//! A link is what somebody wants; whether something works at it is said by whoever does. No endpoints outside are offered, so none
//! can be named.

mod types;

use farshore_store::integrations::{self, Integration};
use farshore_store::services::{self, Service};
use farshore_store::{Tx, id, projects};
use farshore_types::{Error, Result};
use serde_json::{Map, Value};

pub use types::{IntegrationOption, IntegrationType, OptionKind};

use crate::access::no_project;
use crate::{Control, events};

/// Links of one project.
pub const INTEGRATIONS_MAX: u32 = 1000;

/// What is asked for, as it came in.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct NewIntegration {
    /// The word of its type.
    pub integration_type: String,
    /// The service that gives.
    pub source_service: Option<String>,
    /// The service that takes.
    pub dest_service: Option<String>,
    /// An endpoint outside that gives; refused, since there are none.
    pub source_endpoint: Option<String>,
    /// An endpoint outside that takes; refused, since there are none.
    pub dest_endpoint: Option<String>,
    /// Options.
    pub user_config: Map<String, Value>,
}

/// The kinds of links.
pub fn types() -> &'static [IntegrationType] {
    types::ALL
}

/// Makes a link. `Invalid`: its type or a service is not known, or does not go together; `Conflict`: it is there already.
pub fn create(control: &Control, actor: &str, project: &str, asked: &NewIntegration) -> Result<Integration> {
    let kind = types::find(&asked.integration_type)?;
    if let Some(endpoint) = asked.source_endpoint.as_ref().or(asked.dest_endpoint.as_ref()) {
        let what = format!("endpoint {endpoint:?} does not exist: endpoints outside are not offered");
        return Err(Error::invalid(what).hint("link two services"));
    }
    let (Some(source), Some(dest)) = (&asked.source_service, &asked.dest_service) else {
        return Err(Error::invalid("a link needs a source and a destination").hint("name both services"));
    };
    if source == dest {
        return Err(Error::invalid(format!("service {source} cannot be linked to itself")));
    }
    let user_config = kind.options_of(Map::new(), &asked.user_config)?;
    control.store.write(|tx| {
        let project_id = project_id(tx, project)?;
        kind.must_link(&service(tx, &project_id, source)?, &service(tx, &project_id, dest)?)?;
        let all = integrations::of_project(tx, &project_id, INTEGRATIONS_MAX)?;
        if u32::try_from(all.len()).unwrap_or(u32::MAX) >= INTEGRATIONS_MAX {
            let what = format!("project {project} has {INTEGRATIONS_MAX} integrations, the most there may be");
            return Err(Error::conflict(what));
        }
        let names =
            |one: &Integration| one.source_service.as_ref() == Some(source) && one.dest_service.as_ref() == Some(dest);
        if all.iter().any(|one| one.integration_type == kind.name && names(one)) {
            let what = format!("an integration {} from {source} to {dest} already exists", kind.name);
            return Err(Error::conflict(what));
        }
        let made = Integration {
            id: id::new(tx.now(), control.entropy.as_ref())?,
            project_id: project_id.clone(),
            integration_type: kind.name.to_string(),
            source_service: Some(source.clone()),
            dest_service: Some(dest.clone()),
            source_endpoint: None,
            dest_endpoint: None,
            user_config: Value::Object(user_config),
            created_at: tx.now(),
        };
        integrations::insert(tx, &made)?;
        let text = format!("Linked {source} to {dest}: {}", kind.name);
        events::record(tx, control, &project_id, actor, "service_integration_create", Some(source), &text)?;
        Ok(made)
    })
}

/// All links of a project, oldest first; with a service's name those at which it gives or takes.
pub fn list(control: &Control, project: &str, of_service: Option<&str>) -> Result<Vec<Integration>> {
    control.store.read(|tx| {
        let project_id = project_id(tx, project)?;
        let mut all = integrations::of_project(tx, &project_id, INTEGRATIONS_MAX)?;
        if let Some(name) = of_service {
            let missing = || Error::missing(format!("service {name:?} does not exist"));
            services::by_name(tx, &project_id, name)?.ok_or_else(missing)?;
            let is = |end: &Option<String>| end.as_deref() == Some(name);
            all.retain(|one| is(&one.source_service) || is(&one.dest_service));
        }
        Ok(all)
    })
}

/// One link.
pub fn get(control: &Control, project: &str, id: &str) -> Result<Integration> {
    control.store.read(|tx| {
        let project_id = project_id(tx, project)?;
        found(tx, &project_id, id)
    })
}

/// Changes options of a link: null resets one, those that are absent stay.
pub fn update(
    control: &Control,
    actor: &str,
    project: &str,
    id: &str,
    patch: &Map<String, Value>,
) -> Result<Integration> {
    control.store.write(|tx| {
        let project_id = project_id(tx, project)?;
        let mut one = found(tx, &project_id, id)?;
        let kind = types::find(&one.integration_type)?;
        let before = one.user_config.as_object().cloned().unwrap_or_default();
        one.user_config = Value::Object(kind.options_of(before, patch)?);
        integrations::configure(tx, &project_id, id, &one.user_config)?;
        let text = format!("Changed the options of integration {id}");
        let service = one.source_service.as_deref();
        events::record(tx, control, &project_id, actor, "service_integration_update", service, &text)?;
        Ok(one)
    })
}

/// Ends a link.
pub fn delete(control: &Control, actor: &str, project: &str, id: &str) -> Result<()> {
    control.store.write(|tx| {
        let project_id = project_id(tx, project)?;
        let one = found(tx, &project_id, id)?;
        integrations::delete(tx, &project_id, id)?;
        let text = format!("Ended integration {id}: {}", one.integration_type);
        let service = one.source_service.as_deref();
        events::record(tx, control, &project_id, actor, "service_integration_delete", service, &text)
    })
}

fn project_id(tx: &mut Tx<'_>, project: &str) -> Result<String> {
    Ok(projects::by_name(tx, project)?.ok_or_else(|| no_project(project))?.id)
}

fn found(tx: &mut Tx<'_>, project_id: &str, id: &str) -> Result<Integration> {
    let shown: String = id.chars().take(64).collect();
    let one = integrations::get(tx, project_id, id)?;
    one.ok_or_else(|| Error::missing(format!("integration {shown:?} does not exist")))
}

fn service(tx: &mut Tx<'_>, project_id: &str, name: &str) -> Result<Service> {
    let missing = || Error::invalid(format!("service {name:?} does not exist in this project"));
    services::by_name(tx, project_id, name)?.ok_or_else(missing)
}
