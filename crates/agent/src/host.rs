//! One host as its nodes see it: as whom databases run, and the sources of time and randomness.

use std::sync::Arc;

use farshore_types::{Clock, Entropy, Program, Result};

use crate::account::Account;
use crate::process::{Outcome, run};

/// Handed to everything that keeps nodes; cheap to clone.
#[derive(Clone)]
pub struct Host {
    /// Who this agent is.
    pub agent: Account,
    /// Who databases run as; never root.
    pub engines: Account,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Randomness.
    pub entropy: Arc<dyn Entropy>,
}

impl Host {
    /// This machine. `engine_user`: as whom databases run when we are root; `None`: `postgres`.
    pub fn new(engine_user: Option<&str>, clock: Arc<dyn Clock>, entropy: Arc<dyn Entropy>) -> Result<Host> {
        Ok(Host { agent: Account::ourselves()?, engines: Account::for_engines(engine_user)?, clock, entropy })
    }

    /// Runs a program as the engines' user to its end, with exit status 0.
    pub fn run(&self, program: &Program) -> Result<Outcome> {
        run(program, &self.engines, &*self.clock)?.checked()
    }
}
