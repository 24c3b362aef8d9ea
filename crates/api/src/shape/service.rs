//! A service with everything that strict clients stop at.

use farshore_control::hosts::NodeState;
use farshore_control::rows;
use farshore_control::services::{self, Overview, administrator, state};
use farshore_control::{Control, catalog, integrations, tags};
use farshore_types::{Plan, Result, ServiceType};
use serde_json::{Map, Value, json};

use super::uri::Address;
use super::{backup, integration, node};
use crate::call::Call;
use crate::wire::common::{Object, Time};
use crate::wire::service::answer::{Service, ServiceNotification, ServiceState};
use crate::wire::service::maintenance::{Maintenance, MaintenanceDay};
use crate::wire::service::user::ServiceUser;

/// Looks at a service: its row is given, all else is asked for. Passwords are in it if the caller may see them.
pub(crate) fn service(call: &Call, row: rows::Service) -> Result<Service> {
    let (control, project) = (call.control()?, call.project()?);
    let overview = services::overview(control, row)?;
    let row = &overview.service;
    let service_type: ServiceType = row.service_type.parse()?;
    let plans = catalog::plans(control, service_type);
    let plan = Plan::find(&plans, service_type, &row.plan)?;
    let users = users(control, row, call.sees_secrets()?)?;
    let password = users.iter().find(|user| user.username == administrator(row)).map(|user| user.password.as_str());
    let address = Address::of(row, password.filter(|password| !password.is_empty()));
    let links = integrations::list(control, project, Some(&row.name))?;
    let linked = if links.is_empty() { Vec::new() } else { services::list(control, project)? };
    let region = control.settings.region(&row.region);
    Ok(Service {
        service_id: row.id.to_string(),
        service_name: row.name.clone(),
        service_type: row.service_type.clone(),
        service_type_description: service_type.description().to_string(),
        state: state_of(row),
        plan: row.plan.clone(),
        cloud_name: row.region.clone(),
        cloud_description: region.map(|region| region.description.clone()).unwrap_or_default(),
        create_time: Time(row.created_at),
        update_time: Time(row.updated_at),
        termination_protection: row.termination_protection,
        service_uri: address.as_ref().map(Address::uri).unwrap_or_default(),
        service_uri_params: address.as_ref().map(Address::params).unwrap_or_default(),
        connection_info: address.as_ref().map(Address::connection_info).unwrap_or_default(),
        components: address.iter().map(Address::component).collect(),
        user_config: object(&row.user_config),
        databases: databases(control, project, &overview),
        connection_pools: Vec::new(),
        backups: backup::backups(&overview),
        node_count: plan.node_count,
        node_cpu_count: plan.cpu_count,
        node_memory_mb: plan.memory_mib,
        disk_space_mb: row.disk_mb,
        node_states: node::states(&overview),
        maintenance: maintenance(row),
        service_integrations: links.iter().map(|one| integration::integration(one, project, &linked)).collect(),
        service_notifications: notifications(&overview),
        metadata: metadata(&overview),
        features: Object::new(),
        group_list: vec!["default".to_string()],
        tags: tags::list(control, project, tags::On::Service(&row.name))?,
        tech_emails: super::project::tech_emails(control, project, tags::On::Service(&row.name))?,
        project_vpc_id: None,
        users,
    })
}

fn state_of(row: &rows::Service) -> ServiceState {
    match row.state.as_str() {
        state::RUNNING => ServiceState::Running,
        state::REBALANCING => ServiceState::Rebalancing,
        state::POWEROFF => ServiceState::Poweroff,
        _ => ServiceState::Rebuilding,
    }
}

/// The accounts, the administrator first.
pub(crate) fn users(control: &Control, row: &rows::Service, with_passwords: bool) -> Result<Vec<ServiceUser>> {
    let user = |(name, password): (String, Option<String>)| ServiceUser {
        kind: if name == administrator(row) { "primary" } else { "normal" }.to_string(),
        username: name,
        password: password.filter(|_| with_passwords).unwrap_or_default(),
        access_cert: String::new(),
        access_key: String::new(),
        authentication: String::new(),
    };
    Ok(services::users(control, row)?.into_iter().map(user).collect())
}

/// Asked of the engine, and none while it does not answer.
fn databases(control: &Control, project: &str, overview: &Overview) -> Vec<String> {
    let ready = overview.node.as_ref().is_some_and(|node| node.state == NodeState::Ready);
    let asked = ready.then(|| services::databases(control, project, &overview.service.name).ok()).flatten();
    asked.unwrap_or_default().into_iter().map(|database| database.name).collect()
}

fn object(value: &Value) -> Object {
    value.as_object().cloned().unwrap_or_default()
}

/// Nothing is maintained by itself unless its owner gave a day.
fn maintenance(row: &rows::Service) -> Maintenance {
    let kept = row.maintenance.as_ref().and_then(Value::as_object).cloned().unwrap_or_default();
    let dow = kept.get("dow").and_then(|dow| serde_json::from_value(dow.clone()).ok());
    let dow = dow.unwrap_or(MaintenanceDay::Never);
    let time = kept.get("time").and_then(Value::as_str).unwrap_or("00:00:00").to_string();
    Maintenance { dow, time, enabled: dow != MaintenanceDay::Never, updates: Vec::new() }
}

fn notifications(overview: &Overview) -> Vec<ServiceNotification> {
    let one = |notice: &services::Notice| ServiceNotification {
        level: if notice.warning { "warning" } else { "notice" }.to_string(),
        message: notice.text.clone(),
        kind: "service_notice".to_string(),
        metadata: Object::new(),
    };
    overview.notices.iter().map(one).collect()
}

/// What is known of the version; and what would be lost with the node now, in seconds of data.
fn metadata(overview: &Overview) -> Object {
    let mut metadata = Map::new();
    metadata.insert("backup_region".to_string(), json!(overview.service.stored_in()));
    for fact in ["major", "version", "disk_full", "crash_loop"] {
        if let Some(value) = overview.service.facts.get(fact) {
            metadata.insert(fact.to_string(), json!(value));
        }
    }
    let ready = overview.node.as_ref().filter(|node| node.state == NodeState::Ready);
    if let Some(at_risk_s) = ready.and_then(|node| node.at_risk_s) {
        metadata.insert("data_at_risk_seconds".to_string(), json!(at_risk_s));
    }
    for (name, down) in
        [("region_down_since", &overview.region_down), ("backup_region_down_since", &overview.backups_down)]
    {
        metadata.extend(down.iter().map(|down| (name.to_string(), json!(down.since.to_string()))));
    }
    let shown = overview.elsewhere.iter();
    let shown =
        shown.map(|(region, from, to)| (region.clone(), json!({"from": from.to_string(), "to": to.to_string()})));
    let elsewhere: Map<String, Value> = shown.collect();
    if !elsewhere.is_empty() {
        metadata.insert("restorable_elsewhere".to_string(), Value::Object(elsewhere));
    }
    metadata
}
