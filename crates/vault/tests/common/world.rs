//! Two regions whose objects are dated by a clock that the test moves: backups in the first, copies in the second, sweeps in both.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use farshore_objects::layers::{Action, Faults, Verb};
use farshore_objects::{Bucket, Dated, ObjectStore};
use farshore_types::{Position, Progress, Result, SessionId};
use farshore_vault::Repository;
use farshore_vault::backup::{self, Bounds, Request};
use farshore_vault::care::copy::{self, Copied, Order, Watermark};
use farshore_vault::care::sweep::{self, Swept, sweep};
use farshore_vault::format::notes::Purpose;
use farshore_vault::names::{BackupId, ManifestName};
use farshore_vault::session::{Announcement, Session};
use farshore_vault::testing::{ManualClock, SeededEntropy};

use super::{Bench, log, restored_by};

pub type Content = BTreeMap<String, Vec<u8>>;

pub const HOUR: Duration = Duration::from_secs(3600);
/// Shorter than any deadline, so that schedules get past it often.
pub const SETTINGS: sweep::Settings = sweep::Settings {
    grace: Duration::from_secs(48 * 3600),
    cycle: Duration::from_secs(6 * 3600),
    session_margin: HOUR,
};

pub struct World {
    pub bench: Bench,
    pub clock: Arc<ManualClock>,
    pub regions: [Arc<dyn ObjectStore>; 2],
    pub entropy: SeededEntropy,
    /// What the backups of each session hold.
    content: Mutex<BTreeMap<SessionId, Content>>,
    position: AtomicU64,
}

impl World {
    pub fn new(seed: u64) -> Arc<World> {
        let clock: Arc<ManualClock> = Arc::default();
        let dated = || -> Arc<dyn ObjectStore> { Arc::new(Dated::new(Arc::new(Bucket::memory()), clock.clone())) };
        let regions = [dated(), dated()];
        let mut bench = Bench::new(regions[0].clone(), seed);
        bench.clock = clock.clone();
        for name in ["a", "b", "c", "d"] {
            bench.write(name, name.repeat(300).as_bytes());
        }
        copy::ensure_repository(&bench.vault.repository, &regions[1]).unwrap();
        let (entropy, content) = (SeededEntropy::new(seed ^ 0xfa57), Mutex::default());
        Arc::new(World { bench, clock, regions, entropy, content, position: AtomicU64::new(1000) })
    }

    pub fn repository(&self, region: usize) -> Repository {
        Repository::open(self.regions[region].clone()).unwrap()
    }

    pub fn backups(&self, region: usize) -> Vec<ManifestName> {
        self.repository(region).backups().unwrap()
    }

    /// Takes a backup of the folder as it is, through `store`, which may fail.
    pub fn backup(&self, store: &Arc<dyn ObjectStore>, parent: Option<&ManifestName>) -> Result<ManifestName> {
        let vault = self.bench.fresh(store.clone())?;
        let generation = vault.repository.next_generation()?;
        let announcement = Announcement::new(Purpose::Backup, parent.map(|parent| parent.id));
        let session = Session::begin(&vault.repository, generation, announcement, self.clock.clone(), &self.entropy)?;
        self.content.lock().unwrap().insert(session.id(), self.bench.content());
        let open = parent.map(|name| vault.open_backup(name)).transpose()?;
        let start = self.position.fetch_add(100, Ordering::Relaxed);
        let request = Request {
            session: &session,
            engine: "test",
            parent: open.as_ref(),
            bounds: Bounds { since: 0, floor: 1 },
            start: Position(start),
            facts: serde_json::Value::Null,
            adopted: None,
            settings: backup::Settings { workers: 1, ..Default::default() },
            progress: &Progress::default(),
        };
        let mut close = || {
            let journal = log::try_put(&vault, 1, (start, start + 100), &self.entropy)?;
            Ok(log::closing(1, (start, start + 100), vec![journal]))
        };
        let mut files = self.bench.list().into_iter().map(Ok);
        let taken = backup::take(&vault, &request, &mut files, &mut close, (self.clock.clone(), &self.entropy));
        // A writer that gives up takes its session back; one that is dead cannot.
        let ended = session.end();
        let taken = taken?;
        ended?;
        Ok(taken.name)
    }

    /// Changes one file, so that the next backup puts something of its own.
    pub fn change(&self, which: u64) {
        let name = ["a", "b", "c", "d"][which as usize % 4];
        self.bench.write(name, format!("{name} {which} ").repeat(100).as_bytes());
    }

    pub fn copy(
        &self,
        source: &Arc<dyn ObjectStore>,
        target: &Arc<dyn ObjectStore>,
        name: &ManifestName,
    ) -> Result<Copied> {
        let source = Repository::open(source.clone())?;
        let target = copy::ensure_repository(&source, target)?;
        let settings = copy::Settings { workers: 1, ..Default::default() };
        let (clock, progress) = (self.clock.clone(), Progress::default());
        copy::copy_backup(&source, &target, name, &settings, (clock, &self.entropy), &progress)
    }

    /// Follows the journal and copies every backup.
    pub fn copy_round(&self, source: &Arc<dyn ObjectStore>, target: &Arc<dyn ObjectStore>) -> Result<()> {
        let from = Repository::open(source.clone())?;
        let to = copy::ensure_repository(&from, target)?;
        copy::copy_journal(&from, &to, &Watermark::default())?;
        for name in copy::plan_copies(&from, &to, Order::NewestFirst)? {
            self.copy(source, target, &name)?;
        }
        Ok(())
    }

    pub fn sweep(&self, store: &Arc<dyn ObjectStore>, expire: &[BackupId]) -> Result<Swept> {
        sweep(&Repository::open(store.clone())?, expire, &SETTINGS, (self.clock.clone(), &self.entropy))
    }

    pub fn advance_hours(&self, hours: u64) {
        self.clock.advance(HOUR * hours as u32);
    }

    /// The invariant: every listed, unfenced manifest restores bit-identical in every region, with its journal.
    pub fn check(&self, what: &str) {
        for (region, store) in self.regions.iter().enumerate() {
            let vault = self.bench.fresh(store.clone()).unwrap();
            for name in vault.repository.backups().unwrap() {
                let restored = restored_by(&vault, &name);
                let restored = restored.unwrap_or_else(|error| panic!("{what}: region {region}: {}: {error}", name.id));
                assert_eq!(restored, self.content.lock().unwrap()[&name.id.session], "{what}: region {region}");
                for (journal, size) in vault.open_backup(&name).unwrap().custody.journal {
                    let there = store.head(&journal);
                    assert_eq!(there.map(|info| info.size).ok(), Some(size), "{what}: region {region}: {journal}");
                }
            }
        }
    }

    /// After some quiet sweeps nothing is left that nobody needs.
    pub fn check_clean(&self, region: usize) {
        for _ in 0..4 {
            self.advance_hours(100);
            self.sweep(&self.regions[region], &[]).unwrap();
        }
        let repository = self.repository(region);
        let mut needed = Vec::new();
        for name in repository.backups().unwrap() {
            let custody = repository.custody(&name).unwrap().1;
            needed.extend(custody.packs().unwrap().into_iter().map(|pack| pack.0.to_string()));
            // Copiers at the same time put the same backup under several names.
            needed.push(format!("backups/{}", name.id));
        }
        for name in log::objects(&*self.regions[region]).into_keys() {
            let kept = ["format", "keys/", "fences/", "journal/"].iter().any(|kept| name.starts_with(kept));
            assert!(kept || needed.iter().any(|needed| name.starts_with(needed)), "region {region}: {name} is left");
        }
    }
}

/// A store around `inner` that calls `action` once, at the `nth` call that `at` accepts, before the call goes on.
pub fn interrupted(
    inner: &Arc<dyn ObjectStore>,
    nth: u64,
    at: impl Fn(Verb, &str) -> bool + Send + Sync + 'static,
    action: impl Fn() + Send + Sync + 'static,
) -> (Arc<dyn ObjectStore>, Arc<AtomicBool>) {
    let faults = Faults::new(inner.clone());
    let (left, done) = (AtomicU64::new(nth), Arc::new(AtomicBool::new(false)));
    let flag = done.clone();
    faults.set_hook(Arc::new(move |verb, name| {
        if at(verb, name) && left.fetch_sub(1, Ordering::SeqCst) == 1 {
            action();
            flag.store(true, Ordering::SeqCst);
        }
        Action::Go
    }));
    (Arc::new(faults), done)
}

/// A store around `inner` whose user dies at the `nth` call of `verb`; says whether that has happened.
pub fn mortal(inner: &Arc<dyn ObjectStore>, verb: Verb, nth: u64, action: Action) -> Arc<Faults> {
    let faults = Arc::new(Faults::new(inner.clone()));
    faults.fail_nth(verb, nth, action);
    faults
}

/// Whether the user of this store has died.
pub fn is_dead(faults: &Faults) -> bool {
    faults.head("format").is_err_and(|error| error.kind() == farshore_types::ErrorKind::Bug)
}
