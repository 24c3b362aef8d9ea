//! People and what they own: users, tokens, roles, projects, certificates, tags, links. On a store of its own for each test, with a
//! clock that stands still and hosts that must not be asked.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test that cannot go on fails")]

mod access;
mod integrations;
mod offer;
mod pki;
mod projects;
mod support;
mod tokens;
