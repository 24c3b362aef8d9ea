//! What people ask of services, one verb per file: each checks everything that can be refused, then changes the store in one
//! transaction, with the run that does the rest. What is not acknowledged has not happened.

mod back_up;
mod create;
mod fork;
mod inhabitants;
mod maintenance;
mod moving;
mod power;
mod queries;
mod read;
mod retry;
mod terminate;
mod under_way;
mod update;

pub use crate::copies::of_service as copies;
pub use back_up::back_up;
pub use create::{NewService, create};
pub use inhabitants::{
    create_database, create_user, databases, drop_database, drop_user, reset_password, reset_user_password, users,
};
pub use power::restored;
pub use queries::{queries, reset_statistics, statistics};
pub use read::{Notice, Overview, backups_of, get, in_project, list, log, overview, run, runs};
pub use retry::retry;
pub use terminate::{deleted, terminate, undelete};
pub use update::{Patch, update};

pub use crate::service::{FIRST_DATABASE, Secrets, administrator, state};
pub use crate::upkeep::schema;

/// Who asks, for events and for rights in other projects.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Actor {
    /// The name under which the user logs in.
    pub user: String,
}
