//! Nodes of PostgreSQL on this host.
//!
//! [`provision`] makes one, [`open`] takes over a data directory that was restored, [`adopt`] finds one again after the
//! agent's end; [`Node`] is what all three give. One agent at a time has a node (a lock in its volume), and a node has at
//! most one server: before one is started, everything that a dead one left is gone.
//!
//! A volume holds `data`, `tablespaces`, `run` (the socket), `log`, `node.json` (what the agent must know to find the node
//! again) and `superuser.password`. Only the first three belong to the server's user.

mod found;
mod installed;
mod layout;
mod log;
mod make;
mod node;
mod proven;
mod provision;
mod record;
mod restored;
mod spec;

pub use found::{
    processes, {end_orphans, kill},
};
pub use installed::folders;
pub use layout::Layout;
pub use node::{Node, Status, log_since};
pub use provision::{adopt, open, provision};
pub use spec::{Sizes, Spec};
