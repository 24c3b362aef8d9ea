//! Nodes of a service, how they are and how far their making is.

use farshore_control::hosts::NodeState as Seen;
use farshore_control::services::{Overview, state};
use farshore_control::{kinds, rows};

use super::run;
use crate::wire::service::answer::{NodePhase, NodeState};

/// The name of the node of a service, also in logs and charts.
pub(crate) fn name(service: &rows::Service) -> String {
    format!("{}-1", service.name)
}

/// The nodes; none of a service that is powered off.
pub(crate) fn states(overview: &Overview) -> Vec<NodeState> {
    if overview.service.state == state::POWEROFF {
        return Vec::new();
    }
    let making = |run: &&rows::Run| {
        [kinds::CREATE, kinds::RESTORE, kinds::MOVE].contains(&run.kind.as_str()) && !run.situation.state.is_final()
    };
    let run = overview.runs.iter().find(making);
    let phase = phase(overview, run);
    vec![NodeState {
        name: name(&overview.service),
        state: phase,
        role: (phase == NodePhase::Running).then(|| "master".to_string()),
        progress_updates: run.map(run::restore_phases).unwrap_or_default(),
    }]
}

fn phase(overview: &Overview, run: Option<&rows::Run>) -> NodePhase {
    let seen = overview.node.as_ref().map(|node| node.state);
    match (overview.service.state.as_str(), run, seen) {
        (state::REBUILDING, Some(run), _) if run.kind != kinds::CREATE => NodePhase::SyncingData,
        (state::REBUILDING, _, _) => NodePhase::SettingUpVm,
        (_, _, None) => NodePhase::Unknown,
        (_, _, Some(Seen::Ready)) => NodePhase::Running,
        (_, _, Some(Seen::Busy)) => NodePhase::SyncingData,
        (_, _, Some(Seen::Stopped)) => NodePhase::Leaving,
        (_, _, Some(Seen::Crashed | Seen::Lost | Seen::Absent)) => NodePhase::TimingOut,
    }
}
