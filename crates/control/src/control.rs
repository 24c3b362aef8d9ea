//! What every use case works with: the store, the hosts, the seal of secrets, settings, clock and randomness. Nothing global.

use std::sync::Arc;

use farshore_runs::Signal;
use farshore_store::Store;
use farshore_types::{Clock, Entropy};

use crate::hosts::Hosts;
use crate::logins::Logins;
use crate::notifications::Post;
use crate::regions::Regions;
use crate::seal::Seal;
use crate::settings::Settings;

/// One for the life of a server; cheap to share.
pub struct Control {
    /// What is remembered.
    pub store: Arc<Store>,
    /// What is done.
    pub hosts: Arc<dyn Hosts>,
    /// Closes secrets before they are remembered.
    pub seal: Seal,
    /// Wakes those who carry out runs.
    pub signal: Signal,
    /// Which regions answer.
    pub regions: Regions,
    /// Who failed to log in, and has to wait.
    pub logins: Logins,
    /// Carries letters, where a mail server is set.
    pub post: Option<Arc<dyn Post>>,
    /// Regions, limits.
    pub settings: Settings,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Randomness.
    pub entropy: Arc<dyn Entropy>,
}
