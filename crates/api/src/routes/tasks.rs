//! Tasks: a check before an upgrade. It is done at once, so nothing is kept of it: its id says what was asked and when, and whoever asks
//! for it again gets it checked again.

use farshore_control::{catalog, rows, services};
use farshore_types::access::Permission;
use farshore_types::{Error, Result, Timestamp};
use serde_json::Value;

use crate::call::Call;
use crate::route::{Access, Method, Route, route};
use crate::wire::common::Time;
use crate::wire::service::task::{Task, TaskAnswer, TaskCreate};

const ALL: &str = "/v1/project/{project}/service/{service}/task";
const ONE: &str = "/v1/project/{project}/service/{service}/task/{task_id}";
/// The only task.
const UPGRADE_CHECK: &str = "upgrade_check";

pub(super) fn routes() -> Vec<Route> {
    let configure = Access::Project(Permission::ConfigurationWrite);
    vec![
        route(Method::Post, ALL, "ServiceTaskCreate", configure, "Checks whether a service could be upgraded")
            .taking(create),
        route(
            Method::Get,
            ONE,
            "ServiceTaskGet",
            Access::Project(Permission::ServicesRead),
            "A check that was asked for",
        )
        .answered_by(get),
    ]
}

fn create(call: &Call, asked: TaskCreate) -> Result<TaskAnswer> {
    let row = services::get(call.control()?, call.project()?, call.service()?)?;
    if asked.task_type != UPGRADE_CHECK {
        let shown: String = asked.task_type.chars().take(64).collect();
        let what = format!("task_type: {shown:?} is not offered");
        return Err(Error::invalid(what).hint(format!("use {UPGRADE_CHECK}")));
    }
    let target = asked.upgrade_check.map(|check| check.target_version).or(asked.target_version).unwrap_or_default();
    let offered = offered(&row)?;
    if !offered.contains(&target.as_str()) {
        let shown: String = target.chars().take(64).collect();
        let what = format!("target_version: {shown:?} is no version of {}", row.service_type);
        return Err(Error::invalid(what).hint(format!("use one of {}", offered.join(", "))));
    }
    Ok(TaskAnswer { task: check(&row, &target, call.control()?.clock.now()) })
}

fn get(call: &Call) -> Result<TaskAnswer> {
    let row = services::get(call.control()?, call.project()?, call.service()?)?;
    let id = call.path("task_id")?;
    let parts = id.strip_prefix("upgrade-check-").and_then(|rest| rest.rsplit_once('-'));
    let asked = parts.and_then(|(target, at)| Some((target, Timestamp::from_micros(at.parse().ok()?))));
    let offered = offered(&row)?;
    let (target, at) = asked.filter(|(target, _)| offered.contains(target)).ok_or_else(|| {
        let shown: String = id.chars().take(64).collect();
        Error::missing(format!("task {shown:?} does not exist"))
    })?;
    Ok(TaskAnswer { task: check(&row, target, at) })
}

fn offered(row: &rows::Service) -> Result<Vec<&'static str>> {
    let versions = catalog::versions()?.into_iter();
    let of_type = versions.filter(|version| version.service_type.name() == row.service_type);
    Ok(of_type.map(|version| version.name).collect())
}

fn check(row: &rows::Service, target: &str, at: Timestamp) -> Task {
    let present = row.facts.get("major").and_then(Value::as_u64).unwrap_or_default();
    let wanted = target.parse::<u64>().unwrap_or_default();
    let result = match wanted.cmp(&present) {
        std::cmp::Ordering::Less => format!("version {target} is older than {present}: nothing goes back"),
        std::cmp::Ordering::Equal => format!("the service has version {present} already"),
        std::cmp::Ordering::Greater => {
            format!("nothing speaks against version {target}; the upgrade itself is not offered yet")
        }
    };
    Task {
        task_id: format!("upgrade-check-{target}-{}", at.micros()),
        task_type: UPGRADE_CHECK.to_string(),
        create_time: Time(at),
        success: wanted >= present,
        result,
        result_codes: Vec::new(),
    }
}
