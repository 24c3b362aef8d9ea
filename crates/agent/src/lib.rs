//! One host: processes and their supervision, the nodes of databases, and the tasks in which an engine meets the vault.
//!
//! What lives here: [`process`] starts programs and servers, [`account`] and [`place`] say as whom and where, [`postgres`]
//! keeps nodes of PostgreSQL, [`ledger`] remembers what this agent runs. What this crate refuses to know: commands,
//! settings files, what is printed.

pub mod account;
pub mod copies;
pub mod durable;
pub mod fleet;
pub mod host;
pub mod ledger;
pub mod place;
pub mod postgres;
pub mod process;
mod sockets;
pub mod tasks;
