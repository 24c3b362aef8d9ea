//! The use cases of the platform: what people ask for, and what has to happen for it. One verb per file; each is a function over
//! [`Control`].
//!
//! What this crate refuses to know: requests and their encoding, SQL, processes, where bytes are stored. Hosts are reached through the
//! trait [`hosts::Hosts`] alone. What takes long is a run ([`farshore_runs`]) of journaled steps, so that a crash between any two
//! lines is finished by whoever comes next.

pub mod access;
pub mod bootstrap;
pub mod catalog;
pub mod config;
pub mod contacts;
pub mod control;
pub mod copies;
pub mod departed;
pub mod events;
pub mod extensions;
pub mod hosts;
pub mod integrations;
pub mod kinds;
pub mod logins;
pub mod members;
pub mod metrics;
pub mod notifications;
pub mod passwords;
pub mod people;
pub mod pki;
pub mod policy;
pub mod projects;
pub mod reconcile;
pub mod regions;
pub mod rows;
pub mod seal;
pub mod service;
pub mod services;
pub mod settings;
pub mod tags;
pub mod upkeep;

#[cfg(test)]
mod lifecycle;

pub use control::Control;
