//! Nodes of PostgreSQL against real servers: 15 as Debian has it, and a newer one where `FARSHORE_TEST_PG_NEXT` names it.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a helper that cannot go on fails its test")]

#[path = "../common/mod.rs"]
mod common;

mod agent_dies;
mod lives;
mod refused;
mod restored;
mod secrets;
mod statistics;
