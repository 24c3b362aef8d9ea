//! The PostgreSQL engine against real servers: the installed one, and the one in `FARSHORE_TEST_PG_NEXT` if that names a
//! directory of binaries. Servers run as user `postgres` when the tests run as root, and end with the test.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "test helpers fail the test")]

mod admin;
mod attach;
mod control;
mod copy;
mod extensions;
mod files;
mod provision;
mod recovery;
mod replication;
mod snapshot;
mod statements;
mod support;
mod wire;
