//! What can be asked for here: regions, types, plans with what they keep, versions. Facts from [`farshore_types`] and the settings; no
//! host is asked.

use std::collections::BTreeMap;

use farshore_store::{Store, services};
use farshore_types::service_type::{Version, VersionState};
use farshore_types::{BackupPolicy, Error, Plan, RegionName, Result, ServiceType, Timestamp};

use crate::Control;
use crate::settings::{Region, Settings};

/// The regions, in the order in which the settings name them.
pub fn clouds(control: &Control) -> &[Region] {
    &control.settings.regions
}

/// Services that a refusal names of each plan or region.
const NAMED_MAX: usize = 10;
/// Services that are read at once.
const PAGE: u32 = 500;

/// Refuses settings that lack the plan or the region of a service: neither could it be shown, nor its node be ordered.
pub fn must_have_what_is_used(store: &Store, settings: &Settings) -> Result<()> {
    let mut lacking: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let mut after = None;
    loop {
        let page = store.read(|tx| services::live_after(tx, after.as_ref(), PAGE))?;
        let Some(last) = page.last() else { break };
        after = Some(last.id.clone());
        for service in page {
            let service_type: ServiceType = service.service_type.parse()?;
            if Plan::find(&plans_of(settings, service_type), service_type, &service.plan).is_err() {
                lacking.entry(format!("plan {}", service.plan)).or_default().push(service.name.clone());
            }
            for region in [Some(&service.region), service.backup_region.as_ref()].into_iter().flatten() {
                if settings.region(region).is_err() {
                    lacking.entry(format!("region {region}")).or_default().push(service.name.clone());
                }
            }
        }
    }
    if lacking.is_empty() {
        return Ok(());
    }
    let sentence = |(what, names): (&String, &Vec<String>)| {
        let shown = names.iter().take(NAMED_MAX).map(String::as_str).collect::<Vec<_>>().join(", ");
        let more = names.len().saturating_sub(NAMED_MAX);
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        format!("{what}, which {shown}{more} has")
    };
    let all: Vec<String> = lacking.iter().map(sentence).collect();
    Err(Error::invalid(format!("the settings lack {}", all.join("; they lack "))).hint(
        "put it back into --config and start; take it out when those services have another one or are terminated",
    ))
}

/// The plans of a type, the documented ones first, smallest first.
pub fn plans(control: &Control, service_type: ServiceType) -> Vec<Plan> {
    plans_of(&control.settings, service_type)
}

fn plans_of(settings: &Settings, service_type: ServiceType) -> Vec<Plan> {
    let further = settings.plans.iter().filter(|plan| plan.service_type == service_type).cloned();
    Plan::documented(service_type).into_iter().chain(further).collect()
}

/// A plan, where it is offered, and why not if it is not.
#[derive(Debug, Clone, PartialEq)]
pub struct OfferedPlan {
    /// The plan.
    pub plan: Plan,
    /// How often it backs up and how much it keeps.
    pub backups: BackupPolicy,
    /// Why no service of it can be created yet, in one sentence.
    pub refusal: Option<String>,
    /// Where it can be had.
    pub regions: Vec<RegionName>,
}

/// A type with its plans.
#[derive(Debug, Clone, PartialEq)]
pub struct OfferedType {
    /// The type.
    pub service_type: ServiceType,
    /// Why no service of it can be created yet, in one sentence.
    pub refusal: Option<String>,
    /// The newest version that should be chosen; `None` where there is only one.
    pub version_latest: Option<&'static str>,
    /// Smallest first.
    pub plans: Vec<OfferedPlan>,
}

/// A version of a type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OfferedVersion {
    /// The type.
    pub service_type: ServiceType,
    /// As it is written in `<type>_version`.
    pub name: &'static str,
    /// Whether it should still be chosen.
    pub state: VersionState,
    /// From when on it can be had; `None`: ever since this platform is there.
    pub available_from: Option<Timestamp>,
    /// Until when it can be had; `None`: nobody has said.
    pub available_until: Option<Timestamp>,
    /// When this platform stops caring for it: when its makers do.
    pub end_of_life: Option<Timestamp>,
    /// When its makers stop caring for it.
    pub upstream_end_of_life: Option<Timestamp>,
    /// When services of it are ended: never by us.
    pub ended_at: Option<Timestamp>,
    /// Where to read about it.
    pub help: Option<&'static str>,
}

/// All types, in the order in which they are listed.
pub fn types(control: &Control) -> Vec<OfferedType> {
    ServiceType::ALL.into_iter().map(|service_type| offered_type(control, service_type)).collect()
}

/// One type.
pub fn offered_type(control: &Control, service_type: ServiceType) -> OfferedType {
    let available = |version: &&Version| version.state == VersionState::Available;
    let plans = plans(control, service_type).into_iter().filter_map(|plan| offered_plan(control, plan)).collect();
    OfferedType {
        service_type,
        refusal: service_type.refusal(),
        version_latest: service_type.versions().iter().rfind(available).map(|version| version.name),
        plans,
    }
}

/// One plan of a type; the error lists those there are.
pub fn plan(control: &Control, service_type: ServiceType, name: &str) -> Result<OfferedPlan> {
    let plans = plans(control, service_type);
    let plan = Plan::find(&plans, service_type, name)?.clone();
    let nothing = || Error::bug(format!("plan {name} of {service_type} has no policy for backups"));
    offered_plan(control, plan).ok_or_else(nothing)
}

/// The versions of all types, oldest first of each.
pub fn versions() -> Result<Vec<OfferedVersion>> {
    let all = ServiceType::ALL.into_iter().flat_map(|one| one.versions().iter().map(move |version| (one, version)));
    all.map(|(service_type, version)| offered_version(service_type, version)).collect()
}

fn offered_plan(control: &Control, plan: Plan) -> Option<OfferedPlan> {
    let regions = control.settings.regions.iter().map(|region| region.name.clone()).collect();
    Some(OfferedPlan { backups: plan.backup_policy()?, refusal: plan.refusal(), regions, plan })
}

fn offered_version(service_type: ServiceType, version: &'static Version) -> Result<OfferedVersion> {
    // The day itself still counts.
    const DAY_MICROS: i64 = 24 * 3600 * 1_000_000;
    let end_of = |day: &str| Ok(format!("{day}T00:00:00Z").parse::<Timestamp>()?.plus_micros(DAY_MICROS));
    let end_of_life = version.end_of_life.map(end_of).transpose()?;
    Ok(OfferedVersion {
        service_type,
        name: version.name,
        state: version.state,
        available_from: None,
        available_until: None,
        end_of_life,
        upstream_end_of_life: end_of_life,
        ended_at: None,
        help: None,
    })
}
