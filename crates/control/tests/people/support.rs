//! A platform without hosts, at a moment that only the tests move.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use farshore_control::hosts::{
    BackupReport, Change, CopyOrder, CopyView, Home, Hosts, Inhabitants, Keep, LogLine, NodeAddress, NodeOrder,
    NodeView, RestoreOrder, RestoreReport, Stock,
};
use farshore_control::seal::Seal;
use farshore_control::settings::{Region, Settings};
use farshore_control::{Control, bootstrap};
use farshore_store::Store;
use farshore_store::services::{self, Service};
use farshore_types::{
    Clock, Entropy, Error, ErrorKind, Generation, Progress, RegionName, Result, ServiceId, Timestamp,
};

/// Who makes the platform.
pub const ADMIN: &str = "admin@example.org";
/// The address that everybody calls from.
pub const HERE: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1));

/// Moves when told.
pub struct ManualClock(Mutex<Timestamp>);

impl ManualClock {
    /// Moves on.
    pub fn pass(&self, seconds: i64) {
        let mut now = self.0.lock().unwrap();
        *now = now.plus_micros(seconds * 1_000_000);
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        *self.0.lock().unwrap()
    }

    fn monotonic(&self) -> Duration {
        Duration::from_micros(u64::try_from(self.now().micros()).unwrap())
    }

    fn pause(&self, _: Duration) {
        panic!("nothing here waits");
    }
}

/// The bytes of a counter, stirred: the same in each run.
#[derive(Default)]
pub struct Seeded(Mutex<u64>);

impl Entropy for Seeded {
    fn fill(&self, buffer: &mut [u8]) -> Result<()> {
        let mut state = self.0.lock().unwrap();
        for byte in buffer {
            // SplitMix64, as its author published it.
            *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let mut mixed = (*state ^ (*state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            *byte = (mixed ^ (mixed >> 31)).to_le_bytes()[0];
        }
        Ok(())
    }
}

/// A platform.
pub struct Platform {
    /// What is tested.
    pub control: Control,
    /// Its clock.
    pub clock: Arc<ManualClock>,
    /// The administrator's token.
    pub token: String,
    _directory: tempfile::TempDir,
}

/// A platform after its first start.
pub fn platform() -> Platform {
    let directory = tempfile::tempdir().unwrap();
    let start: Timestamp = "2026-11-21T10:00:00Z".parse().unwrap();
    let clock = Arc::new(ManualClock(Mutex::new(start)));
    let location = format!("sqlite:{}", directory.path().join("store").display());
    let regions = ["local-north", "local-south", "local-east"].map(region);
    let control = Control {
        store: Arc::new(Store::open(&location, clock.clone()).unwrap()),
        hosts: Arc::new(Untouched),
        seal: Seal::new(&[7; 32]).unwrap(),
        regions: farshore_control::regions::Regions::default(),
        signal: farshore_runs::Signal::default(),
        logins: farshore_control::logins::Logins::default(),
        post: None,
        settings: Settings { service_host: "db.example.org".to_string(), ..Settings::new(regions.to_vec()) },
        clock: clock.clone(),
        entropy: Arc::new(Seeded::default()),
    };
    let token = bootstrap::bootstrap(&control, ADMIN).unwrap().expect("a token on the first start");
    Platform { control, clock, token, _directory: directory }
}

fn region(name: &str) -> Region {
    Region {
        name: name.parse().unwrap(),
        provider: "local".to_string(),
        description: name.to_string(),
        geo_region: "here".to_string(),
        latitude: 52.5,
        longitude: 13.4,
        store: format!("file:///{name}"),
    }
}

/// The id of a project.
pub fn project_id(control: &Control, name: &str) -> String {
    control.store.read(|tx| farshore_store::projects::by_name(tx, name)).unwrap().unwrap().id
}

/// Puts a service into the store, as if it had been made.
pub fn add_service(control: &Control, project: &str, name: &str, service_type: &str) -> ServiceId {
    let id: ServiceId = format!("{name}-{service_type}").parse().unwrap();
    let now = control.clock.now();
    let service = Service {
        id: id.clone(),
        project_id: project_id(control, project),
        name: name.to_string(),
        service_type: service_type.to_string(),
        plan: "startup-4".to_string(),
        region: "local-north".to_string(),
        backup_region: None,
        state: "RUNNING".to_string(),
        powered: true,
        user_config: serde_json::json!({}),
        disk_mb: 1,
        termination_protection: false,
        maintenance: None,
        generation: 1,
        sealed: None,
        facts: serde_json::json!({}),
        forked_from: None,
        backup_hour: 0,
        backup_minute: 0,
        next_backup_at: None,
        off_since: None,
        created_at: now,
        updated_at: now,
        deleted_at: None,
        shredded_at: None,
    };
    control.store.write(|tx| services::insert(tx, &service)).unwrap();
    id
}

/// The kind and the words of a refusal.
#[track_caller]
pub fn refused<T>(result: Result<T>, kind: ErrorKind, words: &str) {
    let error = result.err().expect("a refusal");
    assert_eq!(error.kind(), kind, "{error}");
    assert!(error.to_string().contains(words), "{error}");
}

/// The newest event of a project: actor, type, text.
pub fn newest_event(control: &Control, project: &str) -> (String, String, String) {
    let event = farshore_control::events::list(control, project, 1).unwrap().remove(0);
    (event.actor, event.event_type, event.text)
}

/// Hosts of which nothing may be asked.
struct Untouched;

fn touched<T>() -> Result<T> {
    Err(Error::bug("a host was asked"))
}

impl Hosts for Untouched {
    fn versions(&self, _: &RegionName, _: &str) -> Result<Vec<u32>> {
        touched()
    }
    fn provision(&self, _: &NodeOrder) -> Result<NodeAddress> {
        touched()
    }
    fn restore(&self, _: &NodeOrder, _: &RestoreOrder, _: &Progress) -> Result<RestoreReport> {
        touched()
    }
    fn check_restore(&self, _: &RestoreOrder) -> Result<()> {
        touched()
    }
    fn back_up(&self, _: &ServiceId, _: Generation, _: &str, _: &Progress) -> Result<BackupReport> {
        touched()
    }
    fn stop(&self, _: &ServiceId, _: Generation) -> Result<()> {
        touched()
    }
    fn restart(&self, _: &ServiceId, _: Generation) -> Result<()> {
        touched()
    }
    fn remove(&self, _: &ServiceId, _: Generation) -> Result<()> {
        touched()
    }
    fn view(&self, _: &ServiceId) -> Result<NodeView> {
        touched()
    }

    fn catch_up(&self, _: &ServiceId) -> Result<()> {
        touched()
    }
    fn change(&self, _: &ServiceId, _: &Change) -> Result<()> {
        touched()
    }
    fn inhabitants(&self, _: &ServiceId) -> Result<Inhabitants> {
        touched()
    }
    fn log(&self, _: &ServiceId, _: usize) -> Result<Vec<LogLine>> {
        touched()
    }
    fn stock(&self, _: &RegionName, _: &ServiceId) -> Result<Stock> {
        touched()
    }
    fn expire(&self, _: &RegionName, _: &ServiceId, _: Keep) -> Result<u64> {
        touched()
    }
    fn shred(&self, _: &RegionName, _: &ServiceId) -> Result<()> {
        touched()
    }

    fn probe(&self, _: &RegionName) -> Result<()> {
        touched()
    }

    fn nodes(&self) -> Result<Vec<(ServiceId, RegionName)>> {
        touched()
    }

    fn settle(&self, _: &ServiceId, _: Generation, _: &Home) -> Result<()> {
        touched()
    }

    fn copy(&self, _: &CopyOrder) -> Result<()> {
        touched()
    }

    fn end_copy(&self, _: &ServiceId, _: &RegionName) -> Result<()> {
        touched()
    }

    fn copy_view(&self, _: &ServiceId, _: &RegionName) -> Result<Option<CopyView>> {
        touched()
    }
}
