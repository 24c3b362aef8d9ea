//! The client with the real program: what each command asks of the API, what it prints, and how it ends.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests and their helpers fail the test")]

#[path = "../../../agent/tests/tasks/support/mod.rs"]
mod support;

mod access;
mod answers;
mod asked;
mod canned;
mod drills;
mod forks;
mod lag;
mod refused;
mod tls;
mod up;
mod waited;
mod whole;
