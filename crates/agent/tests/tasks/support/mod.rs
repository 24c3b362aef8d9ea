//! What the tests share: servers ([`cluster`]), regions ([`region`]), protection ([`protection`]), forks ([`forks`]).

#![allow(dead_code, reason = "no test uses all of it")]

pub mod client;
pub mod cluster;
pub mod forks;
pub mod load;
pub mod protection;
pub mod region;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use farshore_agent::host::Host;
use farshore_engines::postgresql::provision::{Installation, version_program};
use farshore_types::{Clock, SystemClock, SystemEntropy};

/// For everything that is awaited; the machine may be busy.
pub const PATIENCE: Duration = Duration::from_secs(120);
const POLL: Duration = Duration::from_millis(20);

/// The clock of all tests here: servers live in real time.
pub fn clock() -> Arc<dyn Clock> {
    Arc::new(SystemClock::new())
}

/// This machine.
pub fn host() -> Host {
    Host::new(None, clock(), Arc::new(SystemEntropy)).unwrap()
}

/// Whether full counts are wanted.
pub fn soak() -> bool {
    std::env::var("FARSHORE_SOAK").is_ok_and(|value| value != "0")
}

/// How many samples of a random case.
pub fn samples(few: usize, all: usize) -> usize {
    if soak() { all } else { few }
}

/// The PostgreSQL of all tests.
pub fn installation() -> Installation {
    let bin = std::env::var_os("FARSHORE_TEST_PG").map_or_else(|| "/usr/lib/postgresql/15/bin".into(), PathBuf::from);
    installed(&bin)
}

/// That, and a newer major for the core tests; under `CI=true` it must be there.
pub fn installations() -> Vec<Installation> {
    let next = std::env::var_os("FARSHORE_TEST_PG_NEXT").map(PathBuf::from);
    let ci = std::env::var("CI").as_deref() == Ok("true");
    assert!(next.is_some() || !ci, "FARSHORE_TEST_PG_NEXT names no second PostgreSQL");
    std::iter::once(installation()).chain(next.map(|bin| installed(&bin))).collect()
}

fn installed(bin: &Path) -> Installation {
    let printed = host().run(&version_program(bin)).unwrap().text();
    Installation::parse(bin, &printed).unwrap()
}

/// Waits for a condition, at most [`PATIENCE`].
pub fn wait_until(what: &str, mut condition: impl FnMut() -> bool) {
    let clock = SystemClock::new();
    while !condition() {
        assert!(clock.monotonic() < PATIENCE, "{what}: not within {PATIENCE:?}");
        clock.pause(POLL);
    }
}

/// Lets time pass where passing time is what is tested.
pub fn let_pass(length: Duration) {
    SystemClock::new().pause(length);
}

/// The seed of a random test: `FARSHORE_TEST_SEED`, or a new one; the test prints it.
pub fn seed() -> u64 {
    let given = std::env::var("FARSHORE_TEST_SEED").ok().and_then(|seed| seed.parse().ok());
    given.unwrap_or_else(|| clock().now().micros().unsigned_abs())
}
