//! What a run consists of: kinds, steps, and what a step's body is given and gives back.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use farshore_store::Tx;
use farshore_store::runs::Run;
use farshore_types::{Error, Progress, Result, ServiceId};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

/// Bytes of JSON that a run may be given, and that a step may return.
pub const JSON_BYTES_MAX: usize = 256 << 10;

/// The body of a step. May be carried out more than once, after any part of itself; stops soon once its progress says so.
pub type Body<C> = fn(&StepContext<C>) -> Result<Done>;

/// Changes in the store that are recorded together with the step, or not at all.
pub type Effects = Box<dyn FnOnce(&mut Tx<'_>) -> Result<()> + Send>;

/// A kind of run: its name and its steps.
pub struct Kind<C> {
    /// Names it for ever: runs that wait in the store are found by it.
    pub name: &'static str,
    /// How long passing faults are tried again, counted from the beginning of the run; the same time again for its undoing.
    /// One try of one step that takes longer is asked to stop, and fails.
    pub deadline: Duration,
    /// In order. A program that changes the steps of a kind finds runs in the store that have the old ones: those get stuck,
    /// so a changed kind gets a new name.
    pub steps: Vec<Step<C>>,
    /// Says how a run ended.
    pub ended: Option<Ended<C>>,
}

/// What is changed in the store when a run that was begun ends, well or badly, in the transaction that records its end: never without
/// it, never twice. The run is as it stands then. A stuck run that is sent on ends once more.
pub type Ended<C> = fn(&C, &mut Tx<'_>, &Run) -> Result<()>;

/// A step.
pub struct Step<C> {
    /// Unique in its kind.
    pub name: &'static str,
    /// Does it. `Transient` and `Busy` are tried again until the deadline; every other error undoes the run.
    pub act: Body<C>,
    /// Undoes it. Is called, too, for the step that failed or was stopped: copes with a step that did nothing, or a part.
    pub undo: Option<Body<C>>,
}

/// What a step leaves behind.
#[derive(Default)]
pub struct Done {
    /// What later steps can read.
    pub output: Value,
    /// What is changed in the store in the same transaction.
    pub effects: Option<Effects>,
}

impl Done {
    /// Nothing to tell.
    pub fn nothing() -> Self {
        Done::default()
    }

    /// Something for later steps; no secrets, since it is shown.
    pub fn with(output: &impl Serialize) -> Result<Self> {
        let output = serde_json::to_value(output)
            .map_err(|error| Error::bug(format!("what the step returned is no JSON: {error}")))?;
        Ok(Done { output, effects: None })
    }

    /// Adds what is changed in the store.
    pub fn and(mut self, effects: impl FnOnce(&mut Tx<'_>) -> Result<()> + Send + 'static) -> Self {
        self.effects = Some(Box::new(effects));
        self
    }
}

/// What a body knows.
pub struct StepContext<C> {
    pub(crate) run: String,
    pub(crate) epoch: u64,
    pub(crate) step: &'static str,
    pub(crate) project: String,
    pub(crate) subject: String,
    pub(crate) input: Value,
    pub(crate) outputs: BTreeMap<String, Value>,
    pub(crate) progress: Arc<Progress>,
    pub(crate) context: Arc<C>,
}

impl<C> StepContext<C> {
    /// The run's id.
    pub fn run(&self) -> &str {
        &self.run
    }

    /// Grows with every worker that takes the run. Whoever is asked to act refuses lower ones.
    pub fn epoch(&self) -> u64 {
        self.epoch
    }

    /// This step's name.
    pub fn step(&self) -> &'static str {
        self.step
    }

    /// For which project, by id.
    pub fn project(&self) -> &str {
        &self.project
    }

    /// On what.
    pub fn subject(&self) -> &str {
        &self.subject
    }

    /// On which service; `Bug` if the subject is none.
    pub fn service(&self) -> Result<ServiceId> {
        self.subject.parse().map_err(|_| Error::bug(format!("run {} works on no service", self.run)))
    }

    /// What the run was given.
    pub fn input<T: DeserializeOwned>(&self) -> Result<T> {
        T::deserialize(&self.input).map_err(|error| Error::corrupt(format!("input of run {}: {error}", self.run)))
    }

    /// What an earlier step has returned; `Bug` if none of that name is done.
    pub fn output<T: DeserializeOwned>(&self, step: &str) -> Result<T> {
        let missing = || Error::bug(format!("run {} has no output of step {step}", self.run));
        self.output_if_done(step)?.ok_or_else(missing)
    }

    /// What a step has returned, if it is done: while undoing, a step may never have been.
    pub fn output_if_done<T: DeserializeOwned>(&self, step: &str) -> Result<Option<T>> {
        let read = |value: &Value| {
            T::deserialize(value)
                .map_err(|error| Error::corrupt(format!("output of step {step} of run {}: {error}", self.run)))
        };
        self.outputs.get(step).map(read).transpose()
    }

    /// Bytes of this step, and whether it is to stop.
    pub fn progress(&self) -> &Arc<Progress> {
        &self.progress
    }

    /// What all steps share.
    pub fn context(&self) -> &C {
        &self.context
    }
}
