//! The injected source of randomness: keys, salts, session ids.

use crate::error::{Error, Result};

/// Fills buffers with random bytes. Everything outside this file takes it as a value; tests give a seeded one.
pub trait Entropy: Send + Sync {
    /// Fills the whole buffer or fails; never leaves it partly filled on success.
    fn fill(&self, buffer: &mut [u8]) -> Result<()>;
}

/// The operating system's generator.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemEntropy;

impl Entropy for SystemEntropy {
    #[allow(clippy::disallowed_methods, reason = "this is the one place where randomness is drawn")]
    fn fill(&self, buffer: &mut [u8]) -> Result<()> {
        getrandom::fill(buffer).map_err(|error| Error::transient(format!("no randomness from the system: {error}")))
    }
}
