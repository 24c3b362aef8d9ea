//! What every store keeps, whichever database carries it: one suite, run on SQLite and on a real PostgreSQL.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test that cannot go on fails")]

mod contract;
mod kill;
mod nouns;
mod places;
