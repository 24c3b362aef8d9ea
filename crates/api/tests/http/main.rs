//! The server over real sockets: shapes of errors, who is let in, limits, TLS, the stop. Each test has a server of its own on
//! a free port.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test's tools may fail loudly")]

mod client;
mod door;
mod errors;
mod limits;
mod logs;
mod site;
mod stop;
mod tls;
