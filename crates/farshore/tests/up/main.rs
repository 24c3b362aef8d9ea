//! `farshore up` with the real program: starts, stops, dies and starts again; what it refuses, and what lies in its folder.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests and their helpers fail the test")]

mod bare;
mod beside;
mod lives;
mod mail;
mod refused;
mod service;
mod settings;
mod support;
