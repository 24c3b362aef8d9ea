//! The fleet against real servers: a node is made, protected, stopped, removed, and comes back from the store alone.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "test helpers fail the test")]

mod lives;
mod locales;
mod restored;
mod returned;
mod support;
