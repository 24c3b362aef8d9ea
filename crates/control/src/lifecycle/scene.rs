//! A platform with running workers, for one test.

use std::sync::Arc;
use std::time::Duration;

use farshore_runs::{RunView, Runs, Settings as Running, Signal, State};
use farshore_store::services::Service;
use farshore_store::{Store, services};
use farshore_types::{Clock, Entropy, ErrorKind, Result, ServiceId, SystemClock, SystemEntropy, Timestamp};
use serde_json::{Value, json};

use crate::Control;
use crate::bootstrap::bootstrap;
use crate::hosts::fake::FakeHosts;
use crate::kinds::kinds;
use crate::logins::Logins;
use crate::notifications::Post;
use crate::seal::Seal;
use crate::services::{Actor, NewService, create};
use crate::settings::{Region, Settings};

const PATIENCE: Duration = Duration::from_secs(60);
pub const PROJECT: &str = "main";

pub struct Scene {
    pub control: Arc<Control>,
    pub hosts: Arc<FakeHosts>,
    pub runs: Runs<Control>,
    pub actor: Actor,
    _directory: tempfile::TempDir,
}

impl Scene {
    pub fn new() -> Scene {
        Scene::with(|_| {})
    }

    pub fn with(change: impl FnOnce(&mut Settings)) -> Scene {
        let scene = Scene::stopped(change, None);
        scene.runs.start().unwrap();
        scene
    }

    /// With somebody who carries letters.
    pub fn with_post(post: Arc<dyn Post>) -> Scene {
        let scene = Scene::stopped(|_| {}, Some(post));
        scene.runs.start().unwrap();
        scene
    }

    /// Without workers.
    pub fn idle() -> Scene {
        Scene::stopped(|_| {}, None)
    }

    fn stopped(change: impl FnOnce(&mut Settings), post: Option<Arc<dyn Post>>) -> Scene {
        let mut settings = Settings::new(["local-north", "local-south"].map(region).to_vec());
        change(&mut settings);
        let directory = tempfile::tempdir().unwrap();
        let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
        let entropy: Arc<dyn Entropy> = Arc::new(SystemEntropy);
        let location = format!("sqlite:{}", directory.path().join("store").display());
        let store = Arc::new(Store::open(&location, clock.clone()).unwrap());
        let (hosts, signal) = (FakeHosts::new(clock.clone()), Signal::default());
        let control = Arc::new(Control {
            store,
            hosts: hosts.clone(),
            seal: Seal::new(&[7; 32]).unwrap(),
            regions: crate::regions::Regions::default(),
            signal,
            logins: Logins::default(),
            post,
            settings,
            clock,
            entropy,
        });
        let actor = Actor { user: "admin@example.org".to_string() };
        bootstrap(&control, &actor.user).unwrap();
        let runs = runs_of(&control);
        Scene { control, hosts, runs, actor, _directory: directory }
    }

    /// The platform has died, and starts again: what it had in memory is gone, hosts and database are as they were.
    pub fn restart(&mut self) {
        self.restart_with(|_| {});
    }

    /// The same, with other settings.
    pub fn restart_with(&mut self, change: impl FnOnce(&mut Settings)) {
        assert!(self.runs.stop(PATIENCE), "the workers do not stop");
        let before = &self.control;
        let mut settings = before.settings.clone();
        change(&mut settings);
        let control = Arc::new(Control {
            store: before.store.clone(),
            hosts: before.hosts.clone(),
            seal: Seal::new(&[7; 32]).unwrap(),
            regions: crate::regions::Regions::default(),
            signal: Signal::default(),
            logins: Logins::default(),
            post: before.post.clone(),
            settings,
            clock: before.clock.clone(),
            entropy: before.entropy.clone(),
        });
        self.runs = runs_of(&control);
        self.control = control;
        self.runs.start().unwrap();
    }

    pub fn create(&self, name: &str, options: Value) -> Result<Service> {
        let asked = NewService {
            name: name.to_string(),
            service_type: "pg".to_string(),
            plan: "startup-4".to_string(),
            user_config: options,
            ..NewService::default()
        };
        create(&self.control, &self.actor, PROJECT, &asked)
    }

    /// A service that runs and has a backup.
    pub fn running(&self, name: &str, options: Value) -> Service {
        let service = self.create(name, options).unwrap();
        self.settle(&service.id);
        self.row(&service.id)
    }

    pub fn row(&self, id: &ServiceId) -> Service {
        self.control.store.read(|tx| services::get(tx, id)).unwrap().unwrap()
    }

    /// Waits until nothing is left to do with a service, and gives its runs, newest first; all of them went well.
    pub fn settle(&self, id: &ServiceId) -> Vec<RunView> {
        let runs = self.end(id);
        assert!(runs.iter().all(|run| run.state == State::Done), "{runs:#?}");
        runs
    }

    /// The same, however they ended.
    pub fn end(&self, id: &ServiceId) -> Vec<RunView> {
        let clock = SystemClock::new();
        while let Some(run) = self.control.store.read(|tx| self.runs.current(tx, id.as_str())).unwrap() {
            assert!(clock.monotonic() < PATIENCE, "{run:#?}");
            self.runs.wait(&run.id, PATIENCE).unwrap();
        }
        self.control.store.read(|tx| self.runs.of_subject(tx, id.as_str(), 50)).unwrap()
    }

    /// Waits until nothing is left to do; the newest run went well.
    pub fn settle_last(&self, id: &ServiceId) {
        let runs = self.end(id);
        assert_eq!(runs[0].state, State::Done, "{runs:#?}");
    }

    /// The platform as it is twelve minutes from now.
    pub fn later(&self) -> Control {
        let control = &self.control;
        Control {
            store: control.store.clone(),
            hosts: control.hosts.clone(),
            seal: Seal::new(&[7; 32]).unwrap(),
            regions: crate::regions::Regions::default(),
            signal: control.signal.clone(),
            logins: Logins::default(),
            post: None,
            settings: control.settings.clone(),
            clock: Arc::new(Later),
            entropy: control.entropy.clone(),
        }
    }

    pub fn backups(&self, service: &Service) -> usize {
        crate::services::backups_of(&self.control, service, service.stored_in()).unwrap().0.len()
    }

    pub fn events(&self) -> Vec<String> {
        let events = crate::events::list(&self.control, PROJECT, 100).unwrap();
        events.into_iter().map(|event| event.event_type).collect()
    }
}

/// Twelve minutes ahead.
struct Later;

impl Clock for Later {
    fn now(&self) -> Timestamp {
        Timestamp::from_micros(SystemClock::new().now().micros() + 12 * 60 * 1_000_000)
    }

    fn monotonic(&self) -> Duration {
        SystemClock::new().monotonic()
    }

    fn pause(&self, length: Duration) {
        SystemClock::new().pause(length);
    }
}

pub fn refused<T>(result: Result<T>, kind: ErrorKind, words: &[&str]) {
    let error = result.err().expect("a refusal");
    assert_eq!(error.kind(), kind, "{error}");
    for word in words {
        assert!(error.to_string().contains(word), "{word:?} is not in: {error}");
    }
}

pub fn nothing() -> Value {
    json!({})
}

fn runs_of(control: &Arc<Control>) -> Runs<Control> {
    let signal = control.signal.clone();
    let running = Running { lease: Duration::from_secs(1), workers: 2, signal, ..Running::new("test") };
    let (clock, entropy) = (control.clock.clone(), control.entropy.clone());
    Runs::new(control.store.clone(), kinds(), control.clone(), running, clock, entropy).unwrap()
}

/// One more region in the settings.
pub fn add_region(settings: &mut Settings, name: &str) {
    settings.regions.push(region(name));
}

fn region(name: &str) -> Region {
    Region {
        name: name.parse().unwrap(),
        provider: "local".to_string(),
        description: name.to_string(),
        geo_region: "here".to_string(),
        latitude: 0.0,
        longitude: 0.0,
        store: format!("file:///{name}"),
    }
}
