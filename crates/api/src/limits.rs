//! Sizes, counts and times that keep one client from taking the server away from the others.

use std::time::Duration;

/// Sizes, counts and times of the listener. Tests shorten them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Connections at a time; further ones wait until one ends.
    pub connections_max: usize,
    /// Handlers and questions to the gate at a time, waiting ones included; further requests are answered with 503.
    pub calls_max: usize,
    /// Bytes of a request's body.
    pub body_bytes_max: usize,
    /// From the first byte of a request to the end of its head, and for a TLS handshake.
    pub head: Duration,
    /// For a whole body.
    pub body: Duration,
    /// Without the client taking a byte of its answer.
    pub write: Duration,
    /// How long a connection may idle between requests. Clients reuse theirs for up to 50 seconds.
    pub idle: Duration,
    /// How long a stop waits for running requests.
    pub stop: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            connections_max: 512,
            calls_max: 256,
            body_bytes_max: 1 << 20,
            head: Duration::from_secs(10),
            body: Duration::from_secs(30),
            write: Duration::from_secs(30),
            idle: Duration::from_secs(75),
            stop: Duration::from_secs(10),
        }
    }
}
