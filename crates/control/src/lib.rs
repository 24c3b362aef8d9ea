//! The use cases of the platform: what people ask for, and what has to happen for it. One verb per file; each is a function over
//! [`Control`].
//!
//! What this crate refuses to know: requests and their encoding, SQL, processes, where bytes are stored. Hosts are reached through the
//! trait [`hosts::Hosts`] alone. What takes long is a run ([`farshore_runs`]) of journaled steps, so that a crash between any two
//! lines is finished by whoever comes next.

pub mod config;
pub mod control;
pub mod hosts;
pub mod seal;
pub mod settings;

pub use control::Control;
