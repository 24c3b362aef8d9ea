//! A copy that is followed, on stores in memory: what it says is true whatever happens to either side.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "test helpers fail the test")]

mod stores;

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use farshore_agent::copies::{Copied, Copies, CopyOrder, Ground, Known};
use farshore_objects::layers::{Budget, Shutter, ShutterState, Throttle};
use farshore_objects::{Bucket, ObjectStore, Scoped};
use farshore_types::snapshot::{SourceFile, SourceKind};
use farshore_types::{
    Clock, Generation, Position, Progress, ServiceId, SessionId, SystemClock, SystemEntropy, Timeline, Timestamp,
};
use farshore_vault::backup::{self, Bounds, Closing, Request};
use farshore_vault::care::retention::Keep;
use farshore_vault::format::notes::Purpose;
use farshore_vault::format::seal::Squeeze;
use farshore_vault::journal::object::{Range, Writer, seal_range};
use farshore_vault::journal::{WAL, chains};
use farshore_vault::names::ManifestName;
use farshore_vault::session::{Announcement, Session};
use farshore_vault::{Identity, Repository, Vault};

use stores::Regions;

const PATIENCE: Duration = Duration::from_secs(60);
const SERVICE: &str = "pg-1";

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
        let slow = Arc::default();
        let budget = Arc::new(Budget::new(Arc::new(SystemClock::new()), None));
        let regions = Arc::new(Regions { slow, first, second, shutters, known, admitted, budget });
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

    /// Takes a backup of one file into the first region; it finished just now.
    fn back_up(&self) -> ManifestName {
        let source = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(source.path(), [7; 3000]).unwrap();
        let (path, location, kind) = ("file".to_string(), source.path().to_path_buf(), SourceKind::File);
        let file = SourceFile { path, location, kind, size: 3000, mode: 0o600, mtime: 0, identity: (1, 0) };
        let (repository, clock) = (&self.vault.repository, Arc::new(SystemClock::new()));
        let (generation, now) = (repository.next_generation().unwrap(), clock.now());
        let announcement = Announcement::new(Purpose::Backup, None);
        let session = Session::begin(repository, generation, announcement, clock.clone(), &SystemEntropy).unwrap();
        let request = Request {
            session: &session,
            engine: "test",
            parent: None,
            bounds: Bounds { since: 0, floor: 0 },
            start: Position(1),
            facts: serde_json::Value::Null,
            adopted: None,
            settings: backup::Settings::default(),
            progress: &Progress::default(),
        };
        let (files, engine) = (Vec::new(), serde_json::Value::Null);
        let (stop, needs, journal) = (Position(1), None, Vec::new());
        let mut closing = Some(Closing { files, engine, started: now, finished: now, stop, needs, journal });
        let close = &mut || Ok(closing.take().unwrap());
        let taken = backup::take(&self.vault, &request, &mut std::iter::once(Ok(file)), close, (clock, &SystemEntropy));
        session.end().unwrap();
        taken.unwrap().name
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
fn the_log_waits_for_no_bandwidth() {
    let scene = Scene::new();
    scene.wait("it follows", |view| view.followed && view.compared);
    scene.regions.budget.set_rate(Some(1));
    // Hours of debt, for whatever takes the way of backups.
    let north =
        Throttle::sharing(scene.regions.first.clone(), Arc::new(SystemClock::new()), scene.regions.budget.clone());
    std::thread::spawn(move || north.put_new("debt", vec![0; 10_000].into()));
    while scene.regions.budget.waits() == 0 {
        SystemClock::new().pause(Duration::from_millis(10));
    }
    scene.back_up();
    // Begun anew, as after every so many rounds: both sides are opened again.
    scene.copies.keep(&scene.order("east")).unwrap();
    let moment = scene.ship(1000);
    scene.wait("the log arrives", |view| view.complete == Some(moment));
    assert_eq!(scene.held(), 1000);
    let held = || Repository::open(scoped(&scene.regions.second.lock().unwrap())).unwrap().backups().unwrap().len();
    assert_eq!(held(), 0, "what is no log waits");
    scene.regions.budget.set_rate(None);
    scene.wait("the backup arrives", |_| held() == 1);
}

#[test]
fn a_backup_that_is_damaged_in_the_first_region_keeps_no_other_from_being_copied() {
    let scene = Scene::new();
    scene.regions.shutters[1].set(ShutterState::Errors);
    let names = [scene.back_up(), scene.back_up(), scene.back_up()];
    let newest = scene.vault.repository.custody(&names[2]).unwrap().1;
    let lost = newest.packs().unwrap()[0].0.to_string();
    scene.vault.repository.store().delete(&lost).unwrap();
    scene.regions.shutters[1].set(ShutterState::Open);
    let view = scene.wait("the whole ones arrive", |view| {
        let _ = scene.copies.keep(&scene.order("north"));
        view.waiting.backups == 1 && view.paused.is_some()
    });
    let why = view.paused.unwrap();
    assert!(why.contains(&lost) && why.contains("is damaged in region north"), "{why}");
    let repository = Repository::open(scoped(&scene.regions.second.lock().unwrap())).unwrap();
    let held: Vec<_> = repository.backups().unwrap().iter().map(|name| name.id).collect();
    assert_eq!(held, [names[0].id, names[1].id]);
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

#[test]
fn a_target_that_is_slow_is_followed_without_a_rest_and_is_never_said_to_be_further_than_it_is() {
    let scene = Scene::new();
    scene.wait("it follows", |view| view.followed && view.compared);
    scene.regions.slow.call_ms.store(60, Ordering::SeqCst);
    let newest = (0..40).map(|_| scene.ship(100)).last().unwrap();
    let clock = SystemClock::new();
    let (mut before, mut behind) = (None, 0);
    while scene.view().complete != Some(newest) {
        let view = scene.view();
        assert!(view.paused.is_none(), "it works, however slowly: {view:?}");
        assert!(view.complete >= before, "what was safe went back: {view:?}");
        let held = i64::try_from(scene.held()).unwrap();
        assert!(view.complete.is_none_or(|complete| complete.micros() <= held), "{held} are there: {view:?}");
        behind += usize::from(view.complete < Some(newest));
        before = view.complete;
        assert!(clock.monotonic() < PATIENCE, "{view:?}");
        clock.pause(Duration::from_millis(50));
    }
    assert!(behind > 10 && scene.held() == 4000, "{behind} looks were behind");
}

#[test]
fn a_target_whose_answers_are_late_again_and_again_is_filled_in_the_end() {
    let scene = Scene::new();
    scene.wait("it follows", |view| view.followed && view.compared);
    scene.regions.slow.late_every.store(9, Ordering::SeqCst);
    let newest = (0..30).map(|_| scene.ship(100)).last().unwrap();
    let (clock, mut rested) = (SystemClock::new(), false);
    while scene.view().complete != Some(newest) {
        rested |= scene.view().paused.is_some_and(|why| why.contains("in time") || why.contains("answer"));
        // As the platform does every few seconds.
        scene.copies.keep(&scene.order("north")).unwrap();
        assert!(clock.monotonic() < PATIENCE, "{:?}", scene.view());
        clock.pause(Duration::from_millis(50));
    }
    assert!(rested, "an answer that is late is shown as the reason for a rest");
    scene.regions.slow.late_every.store(0, Ordering::SeqCst);
    scene.copies.keep(&scene.order("north")).unwrap();
    scene.wait("it no longer rests", |view| view.paused.is_none());
    assert_eq!(scene.held(), 3000);
    assert_eq!(scene.view().log_waiting, (0, 0));
}

#[test]
fn log_that_a_full_target_does_not_take_is_counted() {
    let scene = Scene::new();
    scene.wait("it follows", |view| view.followed && view.compared);
    scene.regions.slow.full.store(true, Ordering::SeqCst);
    (0..5).for_each(|_| _ = scene.ship(100));
    let view = scene.wait("all of it is counted", |view| view.log_waiting.0 == 5);
    assert!(view.log_waiting.1 > 0, "{view:?}");
    scene.wait("it says why", |view| view.paused.as_ref().is_some_and(|why| why.contains("no room")));
    scene.regions.slow.full.store(false, Ordering::SeqCst);
    scene.wait("it arrives", |view| {
        let _ = scene.copies.keep(&scene.order("north"));
        view.log_waiting == (0, 0) && view.paused.is_none()
    });
    assert_eq!(scene.held(), 500);
}
