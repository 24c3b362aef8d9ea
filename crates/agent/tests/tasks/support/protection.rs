//! A protected server: the agent's task in a thread of the test, seen through its control socket as a user sees it.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use farshore_agent::tasks::protect::{Protect, Status, ask};
use farshore_engines::postgresql::wire::Settings;
use farshore_objects::layers::Faults;
use farshore_types::{Progress, Result, SystemEntropy, Timestamp};
use farshore_vault::backup;
use farshore_vault::journal::WAL;

use super::region::Region;
use super::{PATIENCE, clock, wait_until};

/// Name of the slot.
pub const SLOT: &str = "farshore_pg_1";
/// How often the log is shipped: short, so that tests wait little.
const INTERVAL: Duration = Duration::from_millis(300);

/// The running task.
pub struct Protection {
    socket: PathBuf,
    stop: Arc<Progress>,
    thread: Option<JoinHandle<Result<()>>>,
    announced: Arc<AtomicBool>,
    faults: Arc<Faults>,
    _base: tempfile::TempDir,
}

impl Protection {
    /// Protects a server, and waits until it has its first backup.
    pub fn start(server: Settings, region: &Region) -> Protection {
        let protection = Protection::begin(server, region);
        wait_until("the agent answers", || protection.try_status().is_some());
        wait_until("the first backup", || {
            let status = protection.status();
            assert!(status.backup_trouble.is_none(), "{status:?}");
            status.backups > 0 || region.vault.repository.backups().is_ok_and(|backups| !backups.is_empty())
        });
        protection
    }

    /// Starts protecting.
    pub fn begin(server: Settings, region: &Region) -> Protection {
        Protection::begin_at(server, region, None)
    }

    /// The same, with a bound on the bytes that a backup reads per second.
    pub fn begin_at(server: Settings, region: &Region, bytes_per_second: Option<u64>) -> Protection {
        let base = tempfile::tempdir().unwrap();
        let (socket, stop) = (base.path().join("control"), Arc::new(Progress::default()));
        let task = Protect {
            server,
            data_directory: None,
            vault: region.vault.clone(),
            stream: WAL.to_string(),
            slot: SLOT.to_string(),
            interval: INTERVAL,
            every: Duration::from_secs(86_400),
            settings: backup::Settings { bytes_per_second, ..backup::Settings::default() },
            socket: Some(socket.clone()),
            clock: clock(),
            entropy: Arc::new(SystemEntropy),
        };
        let (asked, announced) = (stop.clone(), Arc::new(AtomicBool::new(false)));
        let told = announced.clone();
        let run = move || task.run(&asked, &mut |_| told.store(true, Ordering::SeqCst));
        let thread = Some(std::thread::spawn(run));
        Protection { socket, stop, thread, announced, faults: region.faults.clone(), _base: base }
    }

    /// What the agent says, if it answers.
    pub fn try_status(&self) -> Option<Status> {
        ask(&self.socket, "status", PATIENCE).ok()
    }

    /// What the agent says.
    pub fn status(&self) -> Status {
        ask(&self.socket, "status", PATIENCE).unwrap()
    }

    /// Has a backup taken.
    pub fn back_up(&self) -> Status {
        let status = ask(&self.socket, "backup", PATIENCE).unwrap();
        assert!(status.backup_trouble.is_none(), "{status:?}");
        status
    }

    /// Waits until everything that was acknowledged before a moment is in the store.
    pub fn await_archived(&self, moment: Timestamp) -> Status {
        wait_until("the log is archived", || self.status().archived_to >= moment);
        self.status()
    }

    /// Waits until everything that was acknowledged before now is in the store.
    pub fn await_archived_now(&self) -> Status {
        self.await_archived(clock().now())
    }

    /// Stops, and gives how it ended.
    pub fn stop(mut self) -> Result<()> {
        self.stop.stop();
        self.thread.take().unwrap().join().unwrap()
    }

    /// Whether it has said that the server is protected.
    pub fn has_announced(&self) -> bool {
        self.announced.load(Ordering::SeqCst)
    }

    /// Whether the task has ended by itself.
    pub fn has_ended(&self) -> bool {
        self.thread.as_ref().is_none_or(JoinHandle::is_finished)
    }
}

impl Drop for Protection {
    fn drop(&mut self) {
        self.stop.stop();
        self.faults.heal();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
