//! What people ask of services, one verb per file: each checks everything that can be refused, then changes the store in one
//! transaction, with the run that does the rest. What is not acknowledged has not happened.

mod back_up;
mod create;
mod fork;
mod inhabitants;
mod power;
mod queries;
mod read;
mod secrets;
mod terminate;
mod update;

pub use back_up::back_up;
pub use create::{NewService, create, schema};
pub use inhabitants::{
    create_database, create_user, databases, drop_database, drop_user, reset_password, reset_user_password, users,
};
pub use power::restored;
pub use queries::queries;
pub use read::{Notice, Overview, backups_of, get, in_project, list, log, overview, run, runs};
pub use secrets::Secrets;
pub use terminate::{deleted, terminate, undelete};
pub use update::{Patch, update};

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

/// Who asks, for events and for rights in other projects.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Actor {
    /// The name under which the user logs in.
    pub user: String,
}
