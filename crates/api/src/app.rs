//! What the handlers work with: the use cases, the charts, and the gate that lets callers in. One for the life of the server; it holds
//! nothing that a crash could lose.

use std::sync::Arc;

use farshore_control::Control;
use farshore_control::metrics::Samples;
use farshore_types::{Error, Result};

use crate::gate::{Gate, PlatformGate};

/// Everything that handlers can reach. One for the life of the server.
pub struct App {
    gate: Arc<dyn Gate>,
    platform: Option<(Arc<Control>, Arc<Samples>)>,
}

impl App {
    /// An app of a platform, whose charts are drawn from `samples`: whoever keeps the platform fills them, see
    /// [`farshore_control::metrics::sample`].
    pub fn of(control: Arc<Control>, samples: Arc<Samples>) -> Self {
        App { gate: Arc::new(PlatformGate(control.clone())), platform: Some((control, samples)) }
    }

    /// An app behind a gate, without a platform: for tables of routes that need none.
    pub fn new(gate: Arc<dyn Gate>) -> Self {
        App { gate, platform: None }
    }

    /// The use cases.
    pub fn control(&self) -> Result<&Control> {
        let (control, _) = self.platform.as_ref().ok_or_else(|| Error::bug("this server has no platform"))?;
        Ok(control)
    }

    /// Figures of services over time.
    pub fn samples(&self) -> Result<&Samples> {
        let (_, samples) = self.platform.as_ref().ok_or_else(|| Error::bug("this server has no platform"))?;
        Ok(samples)
    }

    /// Who may come in.
    pub fn gate(&self) -> &dyn Gate {
        self.gate.as_ref()
    }
}
