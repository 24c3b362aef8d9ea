//! The state of the platform in numbers, as of now.

use std::collections::BTreeMap;

use farshore_store::services::Service;
use farshore_store::{backups, runs, services};
use farshore_types::Result;

use super::PAGE;
use crate::Control;
use crate::copies::{self, Condition, Shown};

/// Runs of each service that are counted: its newest.
const RUNS_COUNTED: u32 = 50;

/// What is counted.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Gauges {
    /// Each service.
    pub services: Vec<ServiceGauge>,
    /// Runs by state: of each service the newest ones.
    pub runs: BTreeMap<&'static str, u64>,
}

/// One service.
#[derive(Debug, Clone, PartialEq)]
pub struct ServiceGauge {
    /// Its project, by id.
    pub project_id: String,
    /// Names it for ever.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Its state.
    pub state: String,
    /// The age of the oldest work that no store holds; `None` where its host cannot be asked.
    pub at_risk_s: Option<f64>,
    /// The age of the newest backup; `None` where there is none.
    pub backup_age_s: Option<f64>,
    /// Its copies in further regions.
    pub copies: Vec<CopyGauge>,
}

/// One copy of a service.
#[derive(Debug, Clone, PartialEq)]
pub struct CopyGauge {
    /// Where.
    pub region: String,
    /// How old the newest work may be that would be lost with the first region; `None` where nothing is there yet.
    pub lag_s: Option<f64>,
    /// Objects that are still to be copied.
    pub waiting_objects: u64,
    /// Their bytes.
    pub waiting_bytes: u64,
    /// The age of the oldest backup that is not copied; 0 where all are.
    pub oldest_waiting_s: f64,
    /// Whether copying rests.
    pub paused: bool,
}

fn copies_of(control: &Control, service: &Service) -> Result<Vec<CopyGauge>> {
    let now = control.clock.now();
    let one = |copy: Shown| CopyGauge {
        region: copy.region,
        lag_s: copy.lag_s,
        waiting_objects: copy.view.waiting_objects,
        waiting_bytes: copy.view.waiting_bytes,
        oldest_waiting_s: copy.view.oldest_waiting.map_or(0.0, |oldest| now.seconds_since(oldest)),
        paused: copy.paused.is_some(),
    };
    let kept = copies::of_service(control, service)?.into_iter();
    Ok(kept.filter(|copy| copy.condition != Condition::Leaving).map(one).collect())
}

/// Of all living services, or of those of some projects.
pub fn gauges(control: &Control, projects: Option<&[String]>) -> Result<Gauges> {
    let mut gauges = Gauges::default();
    let mut after = None;
    loop {
        let page = control.store.read(|tx| services::live_after(tx, after.as_ref(), PAGE))?;
        let Some(last) = page.last() else { return Ok(gauges) };
        after = Some(last.id.clone());
        for service in page {
            if projects.is_some_and(|projects| !projects.contains(&service.project_id)) {
                continue;
            }
            let (newest, runs) = control.store.read(|tx| {
                let newest = backups::of_region(tx, &service.id, service.stored_in(), 1)?;
                Ok((newest, runs::of_subject(tx, service.id.as_str(), RUNS_COUNTED)?))
            })?;
            for run in runs {
                *gauges.runs.entry(run.situation.state.word()).or_default() += 1;
            }
            let now = control.clock.now();
            gauges.services.push(ServiceGauge {
                copies: copies_of(control, &service)?,
                project_id: service.project_id,
                at_risk_s: control.hosts.view(&service.id).ok().and_then(|view| view.at_risk_s),
                backup_age_s: newest.first().map(|backup| now.seconds_since(backup.taken_at)),
                id: service.id.to_string(),
                name: service.name,
                state: service.state,
            });
        }
    }
}
