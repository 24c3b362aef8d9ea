//! Regions and copies: which answer, how far further regions are behind.

use farshore_control::copies::{self, Condition, Shown};
use farshore_control::{rows, services};
use farshore_types::Result;
use farshore_types::access::Permission;

use crate::call::Call;
use crate::route::{Access, Method, Route, route};
use crate::shape;
use crate::wire::common::Time;
use crate::wire::region::{RegionCondition, RegionService, RegionState, RegionsAnswer, Restorable};
use crate::wire::service::backup::{CopiesAnswer, CopyCondition, CopyState};
use crate::wire::service::metric::{MetricRequest, MetricsAnswer};

const REGIONS: &str = "/v1/project/{project}/regions";
const COPIES: &str = "/v1/project/{project}/service/{service}/copies";
const REPORT: &str = "/v1/project/{project}/service/{service}/backup_to_another_region/report";
const READ: Access = Access::Project(Permission::ServicesRead);

pub(super) fn routes() -> Vec<Route> {
    vec![
        route(Method::Get, REGIONS, "RegionList", READ, "Which regions answer, and what can be restored elsewhere")
            .answered_by(regions),
        route(Method::Get, COPIES, "ServiceCopyList", READ, "The copies of a service in further regions")
            .answered_by(of_service),
        route(Method::Post, REPORT, "ServiceBackupToAnotherRegionReport", READ, "How far further regions were behind")
            .taking(report),
    ]
}

fn regions(call: &Call) -> Result<RegionsAnswer> {
    let control = call.control()?;
    let living = services::list(control, call.project()?)?;
    let copied = living.iter().map(|service| copies::regions_of(control, service)).collect::<Result<Vec<_>>>()?;
    let mut regions = Vec::new();
    for region in &control.settings.regions {
        let down = control.regions.down(region.name.as_str());
        let name = region.name.as_str();
        let here = living.iter().filter(|service| service.region == name);
        let stored = living.iter().filter(|service| service.region != name && service.stored_in() == name);
        let copied = living.iter().zip(&copied).filter(|(_, regions)| regions.iter().any(|copy| copy == name));
        regions.push(RegionState {
            region: region.name.to_string(),
            provider: region.provider.clone(),
            state: if down.is_some() { RegionCondition::Down } else { RegionCondition::Up },
            since: down.as_ref().map(|down| Time(down.since)),
            reason: down.map(|down| down.reason),
            services: here.map(|service| in_region(call, service)).collect::<Result<_>>()?,
            backups_of: stored.map(|service| service.name.clone()).collect(),
            copies_of: copied.map(|(service, _)| service.name.clone()).collect(),
        });
    }
    Ok(RegionsAnswer { regions })
}

fn in_region(call: &Call, service: &rows::Service) -> Result<RegionService> {
    let elsewhere = copies::elsewhere(call.control()?, service)?.into_iter();
    let restorable = elsewhere.map(|(region, from, to)| Restorable { region, from: Time(from), to: Time(to) });
    let (service_name, state) = (service.name.clone(), service.state.clone());
    let backup_region = service.stored_in().to_string();
    Ok(RegionService { service_name, state, backup_region, restorable: restorable.collect() })
}

fn of_service(call: &Call) -> Result<CopiesAnswer> {
    let control = call.control()?;
    let row = services::get(control, call.project()?, call.service()?)?;
    Ok(CopiesAnswer { copies: services::copies(control, &row)?.into_iter().map(state).collect() })
}

fn state(copy: Shown) -> CopyState {
    CopyState {
        state: match copy.condition {
            Condition::Complete => CopyCondition::Complete,
            Condition::Copying => CopyCondition::Copying,
            Condition::Paused => CopyCondition::Paused,
            Condition::Leaving => CopyCondition::Leaving,
        },
        lag_seconds: copy.lag_s,
        newest_moment: copy.complete.map(Time),
        backups: copy.backups.len() as u64,
        pending_backups: copy.view.waiting_backups,
        pending_objects: copy.view.waiting_objects,
        pending_bytes: copy.view.waiting_bytes,
        oldest_uncopied_backup_time: copy.view.oldest_waiting.map(Time),
        pause_reason: copy.paused,
        deleted_at: copy.ends_at.map(Time),
        region: copy.region,
    }
}

fn report(call: &Call, asked: MetricRequest) -> Result<MetricsAnswer> {
    let control = call.control()?;
    let row = services::get(control, call.project()?, call.service()?)?;
    let period = shape::metric::period(asked.period);
    let series = call.app().samples()?.series(row.id.as_str(), period, control.clock.now());
    let shown = services::copies(control, &row)?.into_iter().filter(|copy| copy.condition != Condition::Leaving);
    Ok(shape::metric::report(&series, &shown.map(|copy| copy.region).collect::<Vec<_>>()))
}
