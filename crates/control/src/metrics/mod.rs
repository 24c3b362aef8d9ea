//! Figures of services over time, for charts, and of the whole platform, for those who watch it.
//!
//! Series are kept in memory, in rings of bounded size, and saved from time to time: a crash forgets what came after.

mod gauges;
mod saved;
mod series;

pub use gauges::{CopyGauge, Gauges, ServiceGauge, gauges};
pub use series::{FIGURES_MAX, Period, Point, SAMPLE_S, Samples, Series};

use farshore_store::services::{self, Service};
use farshore_types::Result;

use crate::Control;
use crate::copies::{self, Condition};
use crate::hosts::{NodeState, NodeView};

/// Before the name of a region: seconds that the copy there is behind.
pub const COPY_LAG: &str = "copy_lag_s/";
/// Services that are read at once.
const PAGE: u32 = 200;
/// What is always there: the space on disk, and the age of the oldest work that no store holds.
const ALWAYS: [&str; 2] = ["disk_bytes", "at_risk_s"];

/// Looks at every node once and keeps its figures. A node that cannot be asked leaves a gap. Called every few seconds by whoever runs
/// the platform, see [`SAMPLE_S`].
pub fn sample(control: &Control, samples: &Samples) -> Result<()> {
    let (mut after, mut living) = (None, Vec::new());
    loop {
        let page = control.store.read(|tx| services::live_after(tx, after.as_ref(), PAGE))?;
        let Some(last) = page.last() else { break };
        after = Some(last.id.clone());
        for service in page {
            if let Ok(view) = control.hosts.view(&service.id)
                && view.state != NodeState::Absent
            {
                samples.add(service.id.as_str(), control.clock.now(), &figures(&view));
            }
            let lags = lags(control, &service)?;
            samples.add(service.id.as_str(), control.clock.now(), &lags);
            living.push(service.id.to_string());
        }
    }
    samples.keep_only(&living);
    Ok(())
}

/// How far each copy of a service is behind, under [`COPY_LAG`] and the region's name.
fn lags(control: &Control, service: &Service) -> Result<Vec<(String, f64)>> {
    let shown = copies::of_service(control, service)?.into_iter();
    let wanted = shown.filter(|copy| copy.condition != Condition::Leaving);
    Ok(wanted.filter_map(|copy| Some((format!("{COPY_LAG}{}", copy.region), copy.lag_s?))).collect())
}

/// What is kept of one look.
fn figures(view: &NodeView) -> Vec<(String, f64)> {
    let mut figures: Vec<(String, f64)> = view.figures.iter().map(|(name, value)| (name.clone(), *value)).collect();
    for (name, value) in ALWAYS.into_iter().zip([view.disk_bytes.map(|bytes| bytes as f64), view.at_risk_s]) {
        if let Some(value) = value.filter(|_| !view.figures.contains_key(name)) {
            figures.push((name.to_string(), value));
        }
    }
    figures
}
