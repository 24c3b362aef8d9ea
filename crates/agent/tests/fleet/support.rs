//! A region, a host and a certificate for one test.

use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use farshore_agent::fleet::{Certificate, Fleet, Ground, Order, Region, Restore};
use farshore_agent::host::Host;
use farshore_agent::postgres::Sizes;
use farshore_objects::open_or_create;
use farshore_types::{Clock, Generation, ServiceId, SystemClock, SystemEntropy, Target};
use farshore_vault::Identity;

/// For everything that is awaited; the machine may be busy.
const PATIENCE: Duration = Duration::from_secs(120);
const POLL: Duration = Duration::from_millis(20);

/// A self-signed certificate for `localhost`; nobody checks it here.
pub const CERTIFICATE: Certificate<'static> =
    Certificate { certificate: include_str!("server.crt"), key: include_str!("server.key") };

pub fn clock() -> Arc<dyn Clock> {
    Arc::new(SystemClock::new())
}

/// Everything of one test, removed with it.
pub struct Scene {
    pub base: tempfile::TempDir,
    pub region: Region,
}

impl Scene {
    pub fn new() -> Scene {
        let base = tempfile::Builder::new().prefix("fs-fleet-").tempdir_in("/tmp").unwrap();
        std::fs::set_permissions(base.path(), std::fs::Permissions::from_mode(0o755)).unwrap();
        let identity = base.path().join("north.key");
        std::fs::write(&identity, Identity::random(&SystemEntropy).unwrap().to_file_text()).unwrap();
        let store = format!("file://{}", base.path().join("north").display());
        let region = Region { name: "north".to_string(), store, identity, recipients: Vec::new() };
        Scene { base, region }
    }

    pub fn fleet(&self) -> Fleet {
        let host = Host::new(None, clock(), Arc::new(SystemEntropy)).unwrap();
        let ground = Ground {
            host,
            root: self.base.path().join("host"),
            binary: built_binary(),
            stores: Arc::new(|region: &Region| open_or_create(&region.store)),
            workers: 1,
        };
        Fleet::open(ground).unwrap()
    }

    pub fn order(&self, service: &str, generation: u64) -> Order {
        Order {
            service: service.parse::<ServiceId>().unwrap(),
            generation: Generation(generation),
            major: 15,
            region: self.region.clone(),
            port: None,
            sizes: Sizes { connections_max: 30, shared_buffers_mib: 16, slot_keep_mib: 256 },
            networks: vec!["127.0.0.1/32".to_string()],
            settings: Vec::new(),
            disk_mib: 10_240,
            interval_ms: 200,
            removed: false,
        }
    }

    pub fn latest(&self, source: &str) -> Restore {
        let (source, target) = (source.parse().unwrap(), Target::latest());
        Restore { region: self.region.clone(), source, target, backup: None, assured: None }
    }
}

/// The farshore program, built by the workspace's tests.
pub fn built_binary() -> PathBuf {
    let mut directory = std::env::current_exe().unwrap();
    directory.pop();
    directory.pop();
    let binary = directory.join("farshore");
    if !binary.exists() {
        let built = std::process::Command::new(env!("CARGO")).args(["build", "-q", "-p", "farshore"]).status().unwrap();
        assert!(built.success(), "cargo build -p farshore");
    }
    binary
}

/// One value of a session of the superuser.
pub fn sql(fleet: &Fleet, service: &str, statement: &str) -> String {
    let (mut session, _) = fleet.session(&service.parse().unwrap(), "postgres").unwrap();
    session.one_value(statement).unwrap_or_else(|error| panic!("{statement}: {error}")).unwrap_or_default()
}

/// Waits for a condition.
pub fn wait_until(what: &str, mut condition: impl FnMut() -> bool) {
    let clock = SystemClock::new();
    while !condition() {
        assert!(clock.monotonic() < PATIENCE, "{what}: not within {PATIENCE:?}");
        clock.pause(POLL);
    }
}
