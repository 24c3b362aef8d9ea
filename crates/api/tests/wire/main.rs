//! The exact keys of every answer, as the documented API and the strictest known clients want them.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test's tools may fail loudly")]

mod keys;
mod requests;
mod values;
