//! What only the real thing proves of a platform: `farshore up` as a process, servers as processes, clients over HTTP and SQL.
//!
//! With `FARSHORE_SOAK` set, nodes are lost and platforms are killed more often.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests and their helpers fail the test")]

#[path = "../up/support.rs"]
#[allow(dead_code, reason = "the tests of `up` use more of it")]
mod support;

mod client;
mod crash_loops;
mod disk;
mod door;
mod forks;
mod killed;
mod lost;
mod moves;
mod once;
mod options;
mod paused;
mod regions;
mod relocations;
mod sessions;
mod site;
mod targets;
