//! One module for each noun that is remembered: plain structs for rows, and functions over a transaction.
//!
//! Every listing takes a limit, or is bounded by what it lists. Nothing here decides; nothing here is secret by its place:
//! what must not be read is sealed or hashed before it comes here.

pub mod backups;
pub mod contacts;
pub mod copies;
pub mod events;
pub mod integrations;
pub mod invitations;
pub mod members;
pub mod outbox;
pub mod projects;
pub mod runs;
pub mod services;
pub mod settings;
pub mod tags;
pub mod tokens;
pub mod users;
pub mod windows;
