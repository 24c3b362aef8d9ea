//! What Farshore remembers: one set of statements for SQLite and PostgreSQL, in one small room.
//!
//! What lives here: the only SQL of the project. [`Store`] opens a database and hands out transactions; every noun (users,
//! services, runs, ...) is a module of functions over [`Tx`] with plain structs for its rows. What it promises: writers come
//! one after the other on both databases, readers see one committed state, what `write` returned is durable, and a
//! transaction is there whole or not at all, wherever the process died. What it refuses to know: what the rows mean, who may
//! see them, and how a secret is sealed.
//!
//! Rules that keep one set of statements enough: columns are BIGINT, TEXT or bytes; moments are microseconds UTC, truths are
//! 0 and 1, JSON is TEXT; a statement that fails ends its transaction.

mod connection;
pub mod id;
mod migrations;
mod nouns;
mod pool;
mod postgresql;
mod row;
mod sqlite;
mod store;
mod tx;
mod value;

pub use nouns::{
    backups, contacts, copies, events, integrations, invitations, members, outbox, projects, runs, services, settings,
    tags, tokens, users, windows,
};
pub use store::Store;
pub use tx::{Tx, taken};
