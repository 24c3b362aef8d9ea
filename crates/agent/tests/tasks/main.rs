//! The tasks of the agent against real servers: what a backup, a journal and a fork must survive.
//!
//! Each file is one theme. By default a few samples of each random case run; with `FARSHORE_SOAK` set all of them do.
//! Servers are `FARSHORE_TEST_PG` (or Debian's), and for the core also `FARSHORE_TEST_PG_NEXT`, which must be there under
//! `CI=true`. They run as user `postgres` when the tests run as root, below `/tmp`, and end with their test.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "test helpers fail the test")]

mod broken;
mod killed;
mod moments;
mod pages;
mod protecting;
mod recovery;
mod refused;
mod support;
mod swept;
mod tablespaces;
mod timelines;
