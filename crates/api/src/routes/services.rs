//! Services: made, looked at, changed, ended.

use std::collections::BTreeMap;

use farshore_control::config::Config;
use farshore_control::contacts;
use farshore_control::services::{self, NewService, Patch};
use farshore_control::tags;
use farshore_types::access::Permission;
use farshore_types::{Error, Result, ServiceName};
use serde_json::{Map, Value};

use crate::call::Call;
use crate::route::{Access, Method, Route, route};
use crate::shape;
use crate::wire::common::{Message, Object, addresses};
use crate::wire::integration::IntegrationCreate;
use crate::wire::service::answer::{ServiceAnswer, ServicesAnswer};
use crate::wire::service::maintenance::MaintenanceChange;
use crate::wire::service::request::{ServiceCreate, ServiceUpdate};

const ALL: &str = "/v1/project/{project}/service";
const ONE: &str = "/v1/project/{project}/service/{service}";
const CREDENTIALS: &str = "/v1/project/{project}/service/{service}/credentials/reset";
const READ: Access = Access::Project(Permission::ServicesRead);
const WRITE: Access = Access::Project(Permission::ServicesWrite);

pub(super) fn routes() -> Vec<Route> {
    let create = "Makes a service, empty or a fork. Who may recover, but not write, may only fork";
    vec![
        route(Method::Get, ALL, "ServiceList", READ, "The services of a project").answered_by(list),
        route(Method::Post, ALL, "ServiceCreate", Access::Project(Permission::Recover), create).taking(self::create),
        route(Method::Get, ONE, "ServiceGet", READ, "A service").answered_by(get),
        route(Method::Put, ONE, "ServiceUpdate", WRITE, "Changes a service; what is left out stays").taking(update),
        route(Method::Delete, ONE, "ServiceDelete", WRITE, "Ends a service; its backups are kept for a while")
            .answered_by(delete),
        route(Method::Put, CREDENTIALS, "ServiceResetCredentials", Access::Project(Permission::UsersWrite), RESET)
            .answered_by(reset_credentials),
    ]
}

const RESET: &str = "Gives every account of a service a new password";

fn list(call: &Call) -> Result<ServicesAnswer> {
    let rows = services::list(call.control()?, call.project()?)?;
    let services = rows.into_iter().map(|row| shape::service::service(call, row)).collect::<Result<_>>()?;
    Ok(ServicesAnswer { services })
}

fn get(call: &Call) -> Result<ServiceAnswer> {
    let row = services::get(call.control()?, call.project()?, call.service()?)?;
    Ok(ServiceAnswer { service: shape::service::service(call, row)? })
}

fn create(call: &Call, asked: ServiceCreate) -> Result<ServiceAnswer> {
    asked.service_name.parse::<ServiceName>().map_err(|error| about("service_name", &error))?;
    let user_config = asked.user_config.unwrap_or_default();
    no_links(&asked.service_integrations.unwrap_or_default())?;
    must_be_offered(&[
        ("static_ips", asked.static_ips.is_some_and(|given| !given.is_empty())),
        ("project_vpc_id", is_given(asked.project_vpc_id.as_deref())),
        ("cmk_id", is_given(asked.cmk_id.as_deref())),
    ])?;
    if Config::from_map(user_config.clone()).fork_source().is_none() {
        call.must(Permission::ServicesWrite)?;
    }
    let mut tags = asked.tags.unwrap_or_default();
    if asked.copy_tags == Some(true) {
        let mut copied = tags_of_source(call, &user_config)?;
        copied.append(&mut tags);
        tags = copied;
    }
    let new = NewService {
        name: asked.service_name,
        service_type: asked.service_type,
        plan: asked.plan,
        region: asked.cloud,
        user_config: Value::Object(user_config),
        disk_mib: asked.disk_space_mb,
        termination_protection: asked.termination_protection.unwrap_or(false),
        maintenance: asked.maintenance.map(window).transpose()?,
        tags,
        contacts: addresses(asked.tech_emails).unwrap_or_default(),
    };
    let row = services::create(call.control()?, &call.actor()?, call.project()?, &new)?;
    Ok(ServiceAnswer { service: shape::service::service(call, row)? })
}

fn update(call: &Call, asked: ServiceUpdate) -> Result<ServiceAnswer> {
    must_be_offered(&[
        ("static_ips", asked.static_ips.is_some_and(|given| !given.is_empty())),
        ("project_vpc_id", is_given(asked.project_vpc_id.as_deref())),
        ("cmk_id", is_given(asked.cmk_id.as_deref())),
        ("karapace", asked.karapace.is_some()),
        ("schema_registry_authz", asked.schema_registry_authz.is_some()),
        ("disaster_recovery_role", asked.disaster_recovery_role.is_some()),
    ])?;
    let patch = Patch {
        plan: asked.plan,
        region: asked.cloud,
        user_config: asked.user_config.map(Value::Object),
        disk_mib: asked.disk_space_mb,
        termination_protection: asked.termination_protection,
        maintenance: asked.maintenance.map(window).transpose()?,
        powered: asked.powered,
    };
    if let Some(region) = &patch.region {
        call.control()?.settings.region(region)?;
    }
    let contacts = addresses(asked.tech_emails);
    contacts::must_be_well_formed(contacts.as_deref().unwrap_or_default())?;
    let row = services::update(call.control()?, &call.actor()?, call.project()?, call.service()?, &patch)?;
    if let Some(given) = &contacts {
        contacts::replace(call.control()?, call.user()?, call.project()?, tags::On::Service(&row.name), given)?;
    }
    Ok(ServiceAnswer { service: shape::service::service(call, row)? })
}

fn delete(call: &Call) -> Result<Message> {
    services::terminate(call.control()?, &call.actor()?, call.project()?, call.service()?)?;
    Ok(Message { message: "Deleted".to_string() })
}

fn reset_credentials(call: &Call) -> Result<ServiceAnswer> {
    let row = services::reset_password(call.control()?, &call.actor()?, call.project()?, call.service()?)?;
    Ok(ServiceAnswer { service: shape::service::service(call, row)? })
}

/// The same error, with the key of the body that it is about in front.
fn about(key: &str, error: &Error) -> Error {
    let same = Error::new(error.kind(), format!("{key}: {}", error.what()));
    match error.advice() {
        Some(hint) => same.hint(hint),
        None => same,
    }
}

/// Only what was given, as use cases keep it.
fn window(given: MaintenanceChange) -> Result<Value> {
    let mut kept = Map::new();
    if let Some(dow) = given.dow {
        let word = serde_json::to_value(dow).map_err(|error| Error::bug(format!("a day is no JSON: {error}")))?;
        kept.insert("dow".to_string(), word);
    }
    if let Some(time) = given.time {
        kept.insert("time".to_string(), Value::String(time));
    }
    Ok(Value::Object(kept))
}

/// Links that a service is made with. Clients ask for a replica by one.
fn no_links(links: &[IntegrationCreate]) -> Result<()> {
    match links.first() {
        None => Ok(()),
        Some(link) => {
            let what =
                format!("service_integrations: a service cannot be made with a link {} yet", link.integration_type);
            Err(Error::invalid(what).hint("make the service first, then the link; instead of a replica make a fork"))
        }
    }
}

/// Refuses the first key that was given.
fn must_be_offered(keys: &[(&str, bool)]) -> Result<()> {
    match keys.iter().find(|(_, given)| *given) {
        Some((key, _)) => Err(Error::invalid(format!("{key}: not offered by this platform")).hint("leave it out")),
        None => Ok(()),
    }
}

fn is_given(text: Option<&str>) -> bool {
    text.is_some_and(|text| !text.is_empty())
}

fn tags_of_source(call: &Call, user_config: &Object) -> Result<BTreeMap<String, String>> {
    let config = Config::from_map(user_config.clone());
    let Some(source) = config.fork_source() else { return Ok(BTreeMap::new()) };
    let project = config.fork_project().unwrap_or(call.project()?);
    call.app().gate().may(call.caller()?, project, Permission::ServicesRead)?;
    let found = tags::list(call.control()?, project, tags::On::Service(source));
    // A source that is not there is told by the one who makes the fork.
    Ok(found.unwrap_or_default())
}
