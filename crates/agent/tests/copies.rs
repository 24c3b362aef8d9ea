//! A copy that is followed, on stores in memory: what it says is true whatever happens to either side.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "test helpers fail the test")]

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use farshore_agent::copies::{Copied, Copies, CopyOrder, Ground, Known, Origin, Paths};
use farshore_objects::layers::{Deadline, Gate, Shutter, ShutterState};
use farshore_objects::{Bucket, ObjectStore, Scoped};
use farshore_types::{
    Clock, Error, Generation, Position, Result, ServiceId, SessionId, SystemClock, SystemEntropy, Timeline, Timestamp,
};
use farshore_vault::care::retention::Keep;
use farshore_vault::format::seal::Squeeze;
use farshore_vault::journal::object::{Range, Writer, seal_range};
use farshore_vault::journal::{WAL, chains};
use farshore_vault::{Identity, Repository, Vault};

const PATIENCE: Duration = Duration::from_secs(60);
const SERVICE: &str = "pg-1";

/// Two regions, a service in the first one, and how often its key was asked for.
struct Regions {
    first: Arc<dyn ObjectStore>,
    second: Mutex<Arc<dyn ObjectStore>>,
    shutters: [Arc<Shutter>; 2],
    known: Mutex<Option<Known>>,
    admitted: AtomicU64,
}

impl Regions {
    fn gated(&self, store: &Arc<dyn ObjectStore>, side: usize) -> Arc<dyn ObjectStore> {
        let gate = Arc::new(Gate::new(store.clone(), self.shutters[side].clone()));
        Arc::new(Deadline::new(gate, Arc::new(SystemClock::new()), Duration::from_millis(300)))
    }
}

impl Origin for Regions {
    fn paths(&self, _: &CopyOrder) -> Result<Paths> {
        let source = self.gated(&self.first, 0);
        let target = self.gated(&self.second.lock().unwrap(), 1);
        Ok(Paths { log: source.clone(), bulk: source, target })
    }

    fn admit(&self, _: &CopyOrder) -> Result<()> {
        self.admitted.fetch_add(1, Ordering::SeqCst);
        match self.shutters[0].state() {
            ShutterState::Open => Ok(()),
            _ => Err(Error::transient("the first region's agent is away")),
        }
    }

    fn known(&self, _: &ServiceId) -> Option<Known> {
        self.known.lock().unwrap().clone()
    }
}

struct Scene {
    regions: Arc<Regions>,
    vault: Vault,
    copies: Copies,
    shipped: Mutex<u64>,
}

fn scoped(store: &Arc<dyn ObjectStore>) -> Arc<dyn ObjectStore> {
    Arc::new(Scoped::new(store.clone(), &format!("{SERVICE}/")).unwrap())
}

impl Scene {
    fn new() -> Scene {
        let (first, second): (Arc<dyn ObjectStore>, Arc<dyn ObjectStore>) =
            (Arc::new(Bucket::memory()), Arc::new(Bucket::memory()));
        let shutters = ["north", "south"].map(|name| Arc::new(Shutter::new(name.parse().unwrap())));
        let identity = Identity::random(&SystemEntropy).unwrap();
        let service: ServiceId = SERVICE.parse().unwrap();
        let vault = Vault::create(scoped(&first), &service, &identity.recipients(), &SystemEntropy).unwrap();
        let (second, known, admitted) = (Mutex::new(second), Mutex::default(), AtomicU64::new(0));
        let regions = Arc::new(Regions { first, second, shutters, known, admitted });
        let (clock, entropy) = (Arc::new(SystemClock::new()), Arc::new(SystemEntropy));
        let copies = Copies::new(Ground { origin: regions.clone(), workers: 1, clock, entropy });
        let scene = Scene { regions, vault, copies, shipped: Mutex::new(0) };
        scene.copies.keep(&scene.order("north")).unwrap();
        scene
    }

    fn order(&self, from: &str) -> CopyOrder {
        let (service, from, to) = (SERVICE.parse().unwrap(), from.to_string(), "south".to_string());
        CopyOrder { service, from, to, keep: Keep::Days(2) }
    }

    /// Ships a piece of log into the first region; its moment is its end.
    fn ship(&self, bytes: u64) -> Timestamp {
        let mut shipped = self.shipped.lock().unwrap();
        let (content, from) = (vec![7; usize::try_from(bytes).unwrap()], *shipped);
        *shipped += bytes;
        let moment = Timestamp::from_micros(i64::try_from(*shipped).unwrap());
        let range = Range { stream: WAL, timeline: Timeline(1), from: Position(from), bytes: &content, moment };
        let writer = Writer { generation: Generation(1), session: SessionId([1; 16]) };
        let (name, bytes) =
            seal_range(&self.vault, writer, &range, &mut Squeeze::new(1).unwrap(), &SystemEntropy).unwrap();
        self.vault.repository.store().put_new(&name.to_string(), bytes.into()).unwrap();
        moment
    }

    fn view(&self) -> Copied {
        self.copies.view(&SERVICE.parse().unwrap(), "south").unwrap()
    }

    fn wait(&self, what: &str, holds: impl Fn(&Copied) -> bool) -> Copied {
        let clock = SystemClock::new();
        loop {
            let view = self.view();
            if holds(&view) {
                return view;
            }
            assert!(clock.monotonic() < PATIENCE, "{what}: {view:?}");
            clock.pause(Duration::from_millis(10));
        }
    }

    /// What the copy really holds, from its beginning on.
    fn held(&self) -> u64 {
        let repository = Repository::open(scoped(&self.regions.second.lock().unwrap())).unwrap();
        let chains = chains::list(&repository, WAL).unwrap().chains;
        assert!(chains.len() <= 1 && chains.iter().all(|chain| chain.from == Position(0)), "a hole: {chains:?}");
        chains.first().map_or(0, |chain| chain.to.0)
    }
}

#[test]
fn the_log_arrives_and_an_idle_first_region_makes_the_copy_no_older() {
    let scene = Scene::new();
    let moment = scene.ship(1000);
    scene.wait("the log arrives", |view| view.complete == Some(moment));
    assert_eq!(scene.held(), 1000);
    let later = moment.plus_micros(5_000_000);
    let known = |position| Known {
        stream: WAL.to_string(),
        position: Position(position),
        timeline: Timeline(1),
        moment: later,
    };
    // The agent knows of log that the copy does not have: that says nothing of the copy.
    *scene.regions.known.lock().unwrap() = Some(known(1001));
    scene.copies.wake(&SERVICE.parse().unwrap());
    let newer = scene.ship(1);
    scene.wait("the rest arrives, and then everything is known", |view| view.complete == Some(later));
    assert!(newer < later && scene.held() == 1001);
    *scene.regions.known.lock().unwrap() = Some(Known { timeline: Timeline(2), ..known(1) });
    let newest = scene.ship(10_000_000);
    scene.wait("another timeline proves nothing", |view| view.complete == Some(newest));
}

#[test]
fn whichever_side_is_away_or_hangs_the_copy_says_so_and_goes_on_afterwards() {
    let scene = Scene::new();
    scene.wait("it follows", |view| view.followed && view.compared);
    for (side, state) in [(0, ShutterState::Errors), (1, ShutterState::Hangs), (1, ShutterState::ErrorsAndHangs)] {
        scene.regions.shutters[side].set(state);
        let paused = scene.wait("it rests", |view| view.paused.is_some());
        let moment = scene.ship(500);
        assert!(paused.complete < Some(moment), "what is not there is not shown as there");
        scene.regions.shutters[side].set(ShutterState::Open);
        // Whoever orders it again knows both sides to be back.
        let clock = SystemClock::new();
        while scene.view().complete != Some(moment) {
            scene.copies.keep(&scene.order("north")).unwrap();
            assert!(clock.monotonic() < PATIENCE, "{side} {state:?}: {:?}", scene.view());
            clock.pause(Duration::from_millis(50));
        }
        scene.wait("it no longer rests", |view| view.paused.is_none());
    }
    assert_eq!(scene.held(), 1500);
}

#[test]
fn a_target_that_was_lost_and_is_back_empty_is_filled_from_the_beginning() {
    let scene = Scene::new();
    let moment = scene.ship(1000);
    scene.wait("the log arrives", |view| view.complete == Some(moment));
    scene.regions.shutters[1].set(ShutterState::Errors);
    scene.wait("it rests", |view| view.paused.is_some());
    *scene.regions.second.lock().unwrap() = Arc::new(Bucket::memory());
    scene.regions.shutters[1].set(ShutterState::Open);
    let newer = scene.ship(24);
    scene.copies.keep(&scene.order("north")).unwrap();
    scene.wait("everything arrives again", |view| view.complete == Some(newer) && view.paused.is_none());
    assert_eq!(scene.held(), 1024);
}

#[test]
fn a_copy_that_ended_puts_nothing_more_and_one_from_elsewhere_begins_anew() {
    let scene = Scene::new();
    let moment = scene.ship(1000);
    scene.wait("the log arrives", |view| view.complete == Some(moment));
    let before = scene.regions.admitted.load(Ordering::SeqCst);
    scene.copies.keep(&scene.order("east")).unwrap();
    let anew = scene.wait("it begins anew", |view| view.followed && view.compared);
    assert!(scene.regions.admitted.load(Ordering::SeqCst) > before && anew.put.0 == 0, "{anew:?}");
    let clock = SystemClock::new();
    while scene.copies.end(&SERVICE.parse().unwrap(), "south").is_err() {
        assert!(clock.monotonic() < PATIENCE, "it does not end");
        clock.pause(Duration::from_millis(10));
    }
    assert_eq!(scene.copies.view(&SERVICE.parse().unwrap(), "south"), None);
}
