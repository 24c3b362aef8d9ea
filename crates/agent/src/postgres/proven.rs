//! What a node's server is known to start with, and the way back to it.
//!
//! The record says both, the proven settings and what the server said of others, before the server is started: if we die in between, the
//! next start is one with the proven settings, and whoever asked for the others still hears that they are not in effect.

use std::time::Duration;

use farshore_types::{Error, Result};

use super::log;
use super::node::Node;
use super::record::Proven;

impl Node {
    /// As [`Node::start`]; but a server that ends with settings that it was not started with before is started with those of its last
    /// start, and the error says what it said, as [`Node::refused`] does until it is given other settings.
    pub fn start_or_return(&mut self, deadline: Duration) -> Result<()> {
        let Err(error) = self.start(deadline) else { return Ok(()) };
        let Some(proven) = self.record.proven.clone().filter(|proven| *proven != self.configured()) else {
            return Err(error);
        };
        if self.is_alive()? {
            // It may still come.
            return Err(error);
        }
        self.record.refused = Some(log::last_words(&self.log()?));
        (self.record.sizes, self.record.extra) = (proven.sizes, proven.extra);
        self.keep_record()?;
        self.start(deadline)?;
        self.refused()
    }

    /// An error (`Invalid`) if the settings that it was given last are not in effect, because its server did not start with them.
    pub fn refused(&self) -> Result<()> {
        let Some(said) = &self.record.refused else { return Ok(()) };
        let what = format!("the server does not start with the changed settings: {said}");
        Err(Error::invalid(what).hint("it runs with those that it had before; correct them"))
    }

    /// Notes that the server answers, having been started with what it is configured with.
    pub fn prove(&mut self) -> Result<()> {
        let configured = Some(self.configured());
        if self.record.proven == configured {
            return Ok(());
        }
        self.record.proven = configured;
        self.keep_record()
    }

    pub(super) fn configured(&self) -> Proven {
        Proven { sizes: self.record.sizes.clone(), extra: self.record.extra.clone() }
    }
}
