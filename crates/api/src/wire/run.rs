//! Runs: jobs of several steps. An addition of ours to the documented API.

use schemars::JsonSchema;
use serde::Serialize;

use super::common::Time;

/// One run.
#[derive(Debug, Serialize, JsonSchema)]
pub struct RunAnswer {
    /// The run.
    pub run: Run,
}

/// The newest runs of a service.
#[derive(Debug, Serialize, JsonSchema)]
pub struct RunsAnswer {
    /// The runs, the newest first.
    pub runs: Vec<Run>,
}

/// A run.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Run {
    /// Names it.
    pub id: String,
    /// What it does.
    pub kind: String,
    /// The service it is about.
    pub service_name: String,
    /// `waiting`, `running`, `undoing`, `done`, `failed`, `stuck` or `cancelled`.
    pub state: String,
    /// When it was asked for.
    pub create_time: Time,
    /// When it ended; null while it goes on.
    pub end_time: Option<Time>,
    /// The step it is in, for people; empty before the first.
    pub step: String,
    /// Steps behind it.
    pub steps_done: u32,
    /// Steps in all.
    pub steps: u32,
    /// How far the step is.
    pub progress: RunProgress,
    /// What went wrong; null if nothing did.
    pub error: Option<String>,
}

/// How far a step is.
#[derive(Debug, Serialize, JsonSchema)]
pub struct RunProgress {
    /// Bytes behind it.
    pub bytes_done: u64,
    /// Bytes in all; null if that is not known.
    pub bytes_expected: Option<u64>,
    /// Bytes in a second.
    pub bytes_per_second: u64,
    /// Seconds to go; null if that is not known.
    pub seconds_left: Option<u64>,
}
