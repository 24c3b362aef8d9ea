//! What the handlers work with, and who may come in.
//!
//! [`Gate`] is asked before each handler: who holds this token, and may this caller do that in this project. It blocks
//! and is called on the threads of the handlers.

use std::net::IpAddr;
use std::sync::Arc;

use farshore_control::Control;
use farshore_control::metrics::Samples;
use farshore_types::access::Permission;
use farshore_types::{Error, Result};

use crate::gate::PlatformGate;

/// Everything that handlers can reach. One for the life of the server.
pub struct App {
    gate: Arc<dyn Gate>,
    platform: Option<(Arc<Control>, Arc<Samples>)>,
}

/// Who is calling, as the gate found out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    /// The name under which the user logs in.
    pub user: String,
    /// What names the token without giving it away: its first characters.
    pub token_prefix: String,
    /// Where the call came from.
    pub address: IpAddr,
    /// What the client calls itself; empty if it does not say.
    pub user_agent: String,
}

/// Who may come in, and who may do what.
pub trait Gate: Send + Sync {
    /// Who holds this token. `Denied` (answered with 401) if nobody does, or it has expired. Any other kind is a fault of
    /// ours. The token must not stand in the error.
    fn authenticate(&self, token: &str, address: IpAddr, user_agent: &str) -> Result<Caller>;

    /// Fails with `Denied`, or with `Missing` where the caller may not know that the project exists.
    fn may(&self, caller: &Caller, project: &str, permission: Permission) -> Result<()>;
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
