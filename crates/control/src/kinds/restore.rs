//! Makes a node from a backup: a fork, a power-on, the rebuilding of a lost node. One path for all three.

use farshore_runs::{Done, Step, StepContext};
use farshore_store::services;
use farshore_types::{Error, ErrorKind, RegionName, Result, ServiceId, Target, TargetKind, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::create::{keep_address, open, prepare, remove};
use super::order::{home, node_order};
use super::step::{begin, change};
use crate::hosts::{NodeState, RestoreOrder};
use crate::{Control, copies};

/// From what a node is made. The input of the run; nothing in it is secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Start {
    /// The region whose copy is read.
    pub region: RegionName,
    /// Whose backups.
    pub source: ServiceId,
    /// Microseconds UTC; `None`: the newest archived moment.
    pub moment: Option<i64>,
    /// The backup to start from; `None`: the best one.
    pub backup: Option<String>,
    /// Up to when nothing is missing in that region, in microseconds UTC, as was known when it was asked for.
    #[serde(default)]
    pub assured: Option<i64>,
    /// Whether the source is another service.
    pub fork: bool,
}

impl Start {
    /// As the input of a run.
    pub fn input(&self) -> Result<Value> {
        serde_json::to_value(self).map_err(|error| Error::bug(format!("the start of a restore is no JSON: {error}")))
    }

    fn order(&self) -> RestoreOrder {
        let kind = self.moment.map_or(TargetKind::Latest, |moment| TargetKind::Time(Timestamp::from_micros(moment)));
        let target = Target { kind, inclusive: true };
        let (region, source, backup) = (self.region.clone(), self.source.clone(), self.backup.clone());
        RestoreOrder { region, source, target, backup, assured: self.assured.map(Timestamp::from_micros) }
    }
}

/// In order.
pub fn steps() -> Vec<Step<Control>> {
    vec![
        Step { name: "clear", act: clear, undo: None },
        Step { name: "restore", act: restore, undo: Some(remove) },
        Step { name: "prepare", act: prepare, undo: None },
        Step { name: "open", act: open, undo: None },
    ]
}

/// Takes away what is left of a node whose data is gone. Data that is there is never given up for a backup of it.
fn clear(step: &StepContext<Control>) -> Result<Done> {
    let (service, generation) = begin(step)?;
    step.context().hosts.settle(&service.id, generation, &home(step.context(), &service)?)?;
    match step.context().hosts.view(&service.id)?.state {
        NodeState::Absent | NodeState::Lost => remove(step),
        NodeState::Stopped | NodeState::Crashed | NodeState::Ready | NodeState::Busy => Ok(Done::nothing()),
    }
}

fn restore(step: &StepContext<Control>) -> Result<Done> {
    let control = step.context();
    let start: Start = step.input()?;
    let (service, generation) = begin(step)?;
    let order = node_order(control, &service, generation)?;
    // As in the step before: a process that died since may know only of the former region.
    control.hosts.settle(&service.id, generation, &order.home)?;
    if control.hosts.view(&service.id)?.state != NodeState::Absent {
        // An earlier try got so far, or the data turned out to be there: it is started as it is.
        let (id, address) = (service.id, control.hosts.provision(&order)?);
        return Ok(Done::with(&address)?.and(move |tx| change(tx, &id, |service| keep_address(service, &address))));
    }
    let report = control.hosts.restore(&order, &start.order(), step.progress());
    let report = report.map_err(|error| elsewhere(control, &start.source, error))?;
    let (id, address) = (service.id, report.address.clone());
    Ok(Done::with(&report)?.and(move |tx| change(tx, &id, |service| keep_address(service, &address))))
}

/// What is damaged may be whole in another region.
fn elsewhere(control: &Control, source: &ServiceId, error: Error) -> Error {
    if error.kind() != ErrorKind::Corrupt {
        return error;
    }
    let hint = control.store.read(|tx| services::get(tx, source)).and_then(|source| match source {
        Some(source) => copies::hint_elsewhere(control, &source).map(Some),
        None => Ok(None),
    });
    match hint {
        Ok(Some(hint)) => error.hint(hint),
        _ => error,
    }
}
