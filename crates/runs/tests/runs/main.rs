//! Runs on both stores: random schedules under a clock that tests move, threads in real time, and processes that are
//! stopped and killed.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test that cannot go on fails")]

mod engine;
mod places;
mod processes;
mod schedules;
mod trace;
