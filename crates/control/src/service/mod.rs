//! What every use case and every run knows of a service: the words of its state, its first user and database, its secrets.

mod secrets;

pub use secrets::{Secrets, new_password};

/// The user that administers a service.
pub const ADMINISTRATOR: &str = "avnadmin";
/// The database that a service starts with.
pub const FIRST_DATABASE: &str = "defaultdb";

/// Words of a service's state.
pub mod state {
    /// It answers.
    pub const RUNNING: &str = "RUNNING";
    /// It is being made, restored or rebuilt.
    pub const REBUILDING: &str = "REBUILDING";
    /// It answers, and is being changed.
    pub const REBALANCING: &str = "REBALANCING";
    /// It is powered off.
    pub const POWEROFF: &str = "POWEROFF";
}
