//! Giving log to a recovering server: `restore_command` is a tiny client of a Unix socket; behind it, segments are opened ahead.
//!
//! The promise: "no such file" is answered only when the listing proves that it lies past the end. Everything else makes the client
//! exit above 125, because PostgreSQL takes an ordinary failure for the end of the log and promotes with rows missing
//! (PostgreSQL documentation, "Archive Recovery", `restore_command`).
//! Files are staged beside the data directory, so that the client only renames. If we die, the client cannot connect and recovery stops.

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::fs::{PermissionsExt, chown};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

use farshore_engines::postgresql::history::{parse_file_name, parse_segment_name, segment_name};
use farshore_engines::postgresql::tablespace_log::keep_inside;
use farshore_types::error::ErrorContext;
use farshore_types::{Error, ErrorKind, Position, Progress, Result, Timeline};
use farshore_vault::Vault;
use farshore_vault::journal::read::Absent;

use crate::sockets;

/// Segments that are opened before they are asked for.
const AHEAD_MAX: usize = 8;
/// Bytes of the following segment that are looked at for a record that crosses over.
const HEAD_BYTES: u64 = 8192;
/// How long a client may take to send its one line.
const CLIENT_PATIENCE: Duration = Duration::from_secs(10);
/// How long a client waits for its answer: a slow store is no reason to stop a recovery.
const ANSWER_PATIENCE: Duration = Duration::from_secs(3600);
/// Bytes of a request or an answer.
const LINE_BYTES_MAX: u64 = 8192;
/// How often the server looks whether it should stop.
const ACCEPT_PAUSE: Duration = Duration::from_millis(200);

/// What a recovery reads, and where its files are staged.
pub struct FetchLog {
    /// Where from.
    pub vault: Vault,
    /// Which log of the journal.
    pub stream: String,
    /// Bytes of a segment.
    pub segment_bytes: u64,
    /// A folder on the data directory's file system; only ours.
    pub staging: PathBuf,
    /// Who must be able to rename and read the files.
    pub owner: Option<(u32, u32)>,
    /// Where the log ends for this recovery: nothing beyond is given, and nothing beyond is an error.
    pub end: (Timeline, Position),
    /// Threads that open ahead.
    pub workers: usize,
}

impl FetchLog {
    /// Removes files of log. Anything else was put there by somebody else, and is not ours to remove: `Conflict`.
    fn clear_staging(&self) -> Result<()> {
        for item in fs::read_dir(&self.staging).doing("look into", self.staging.display())? {
            let item = item.doing("look into", self.staging.display())?;
            let name = item.file_name();
            let ours =
                |name: &str| parse_file_name(name).is_some() || parse_segment_name(name, self.segment_bytes).is_some();
            if !name.to_str().is_some_and(ours) {
                let what =
                    format!("the staging folder {} holds {}, which is no log", self.staging.display(), name.display());
                return Err(Error::conflict(what).hint("choose a folder for nothing else"));
            }
            fs::remove_file(item.path()).doing("remove", item.path().display())?;
        }
        Ok(())
    }
}

type Key = (Timeline, u64);

enum Slot {
    /// Somebody is on it.
    Running,
    /// Staged under this path.
    Ready(PathBuf),
    /// Proven to lie past the end.
    Past,
    /// Recovery must stop.
    Failed(Error),
}

#[derive(Default)]
struct State {
    slots: BTreeMap<Key, Slot>,
    wanted: Vec<Key>,
    failure: Option<(ErrorKind, String)>,
    stopped: bool,
}

/// A running server of log.
pub struct Fetching {
    task: FetchLog,
    state: Mutex<State>,
    moved: Condvar,
    served: AtomicU64,
}

impl Fetching {
    /// Prepares the staging folder: new, empty, or with what an earlier run of this has left.
    pub fn new(task: FetchLog) -> Result<Arc<Fetching>> {
        fs::create_dir_all(&task.staging).doing("make", task.staging.display())?;
        task.clear_staging()?;
        fs::set_permissions(&task.staging, fs::Permissions::from_mode(0o700)).doing("close", task.staging.display())?;
        if let Some((user, group)) = task.owner {
            chown(&task.staging, Some(user), Some(group)).doing("give away", task.staging.display())?;
        }
        Ok(Arc::new(Fetching { task, state: Mutex::default(), moved: Condvar::new(), served: AtomicU64::new(0) }))
    }

    /// Opens the socket; it is for the server's account only.
    pub fn listen(&self, socket: &Path) -> Result<UnixListener> {
        let listener = sockets::listen(socket)?;
        if let Some((user, group)) = self.task.owner {
            chown(socket, Some(user), Some(group)).doing("give away", socket.display())?;
        }
        Ok(listener)
    }

    /// Answers until asked to stop.
    pub fn serve(self: &Arc<Self>, listener: &UnixListener, stop: &Progress) -> Result<()> {
        std::thread::scope(|scope| {
            for _ in 0..self.task.workers.max(1) {
                scope.spawn(|| self.work());
            }
            let outcome = self.accept(listener, stop, scope);
            self.lock().stopped = true;
            self.moved.notify_all();
            outcome
        })?;
        if let Err(error) = self
            .task
            .clear_staging()
            .and_then(|()| fs::remove_dir(&self.task.staging).doing("remove", self.task.staging.display()))
        {
            tracing::info!(%error, "the staging folder stays");
        }
        Ok(())
    }

    fn accept<'scope>(
        self: &'scope Arc<Self>,
        listener: &UnixListener,
        stop: &Progress,
        scope: &'scope std::thread::Scope<'scope, '_>,
    ) -> Result<()> {
        use rustix::event::{PollFd, PollFlags, Timespec, poll};
        let patience = Timespec { tv_sec: 0, tv_nsec: ACCEPT_PAUSE.as_nanos() as i64 };
        while stop.go_on().is_ok() {
            let mut ready = [PollFd::new(listener, PollFlags::IN)];
            match poll(&mut ready, Some(&patience)) {
                Ok(0) | Err(rustix::io::Errno::INTR) => continue,
                Ok(_) => {}
                Err(error) => return Err(Error::io(error.into(), "wait on", "the log socket")),
            }
            let (client, _) = listener.accept().doing("accept on", "the log socket")?;
            scope.spawn(move || self.answer(&client));
        }
        Ok(())
    }

    /// Why a recovery had to stop, if it had to: a store that cannot be reached is another matter than one that is damaged.
    pub fn failure(&self) -> Option<(ErrorKind, String)> {
        self.lock().failure.clone()
    }

    /// Segments given so far.
    pub fn served(&self) -> u64 {
        self.served.load(Ordering::Relaxed)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn answer(&self, mut client: &UnixStream) {
        let mut line = String::new();
        let _ = client.set_read_timeout(Some(CLIENT_PATIENCE));
        if BufReader::new(client.take(LINE_BYTES_MAX)).read_line(&mut line).is_err() {
            return;
        }
        let answer = self.fetch(line.trim_end());
        if let Err(error) = client.write_all(answer.as_bytes()) {
            tracing::debug!(%error, "a log client went away");
        }
    }

    fn fetch(&self, name: &str) -> String {
        let answer = match (parse_file_name(name), parse_segment_name(name, self.task.segment_bytes)) {
            (Some(timeline), _) => self.history(timeline),
            (None, Some((timeline, position))) => self.segment(timeline, position),
            // Nothing else is ever archived: backup labels and partial segments are not asked for from us.
            (None, None) => Ok(None),
        };
        match answer {
            Ok(Some(path)) => format!("ready {}\n", path.display()),
            Ok(None) => "past\n".to_string(),
            Err(error) => {
                tracing::error!(%error, name, "the log for a recovery cannot be given");
                self.lock().failure.get_or_insert_with(|| (error.kind(), error.to_string()));
                format!("failed {error}\n")
            }
        }
    }

    fn history(&self, timeline: Timeline) -> Result<Option<PathBuf>> {
        // Later ones too: the server goes along none of them, but gives its own history a number that none of them has.
        let content = self.task.vault.history(&self.task.stream, timeline)?;
        content.map(|content| self.stage(&format!("{:08X}.history", timeline.0), &content)).transpose()
    }

    fn segment(&self, timeline: Timeline, position: Position) -> Result<Option<PathBuf>> {
        let key = (timeline, position.0 / self.task.segment_bytes);
        let mut state = self.lock();
        state.slots.retain(|slot, value| {
            let keep = slot >= &key || matches!(value, Slot::Running);
            if let (false, Slot::Ready(path)) = (keep, value) {
                // Opened ahead and never asked for: recovery went to another timeline.
                let _ = fs::remove_file(path);
            }
            keep
        });
        for ahead in 0..AHEAD_MAX as u64 {
            let next = (timeline, key.1 + ahead);
            if !state.slots.contains_key(&next) && !state.wanted.contains(&next) {
                state.wanted.push(next);
            }
        }
        self.moved.notify_all();
        loop {
            match state.slots.get(&key) {
                Some(Slot::Ready(_)) => break,
                Some(Slot::Past) => return Ok(None),
                // Forgotten with the answer: who asks again shall have it looked for again.
                Some(Slot::Failed(_)) => break,
                _ if state.stopped => return Err(Error::busy("the log server is stopping")),
                // It was given to another client, of a server that has died since.
                None if !state.wanted.contains(&key) => {
                    state.wanted.push(key);
                    self.moved.notify_all();
                }
                _ => state = self.moved.wait(state).unwrap_or_else(PoisonError::into_inner),
            }
        }
        match state.slots.remove(&key) {
            Some(Slot::Ready(path)) => {
                self.served.fetch_add(1, Ordering::Relaxed);
                Ok(Some(path))
            }
            Some(Slot::Failed(error)) => Err(error),
            _ => Err(Error::bug("a staged segment vanished")),
        }
    }

    fn work(&self) {
        loop {
            let key = {
                let mut state = self.lock();
                loop {
                    if state.stopped {
                        return;
                    }
                    if !state.wanted.is_empty() {
                        break;
                    }
                    state = self.moved.wait(state).unwrap_or_else(PoisonError::into_inner);
                }
                let key = state.wanted.remove(0);
                state.slots.insert(key, Slot::Running);
                key
            };
            let slot = match self.open(key) {
                Ok(Some(path)) => Slot::Ready(path),
                Ok(None) => Slot::Past,
                Err(error) => Slot::Failed(error),
            };
            self.lock().slots.insert(key, slot);
            self.moved.notify_all();
        }
    }

    fn open(&self, (timeline, number): Key) -> Result<Option<PathBuf>> {
        let size = self.task.segment_bytes;
        // Opened ahead of the last segment that has a name.
        let Some(from) = number.checked_mul(size).filter(|from| from.checked_add(size).is_some()) else {
            return Ok(None);
        };
        let from = Position(from);
        let (last, end) = self.task.end;
        if timeline > last || (timeline == last && from >= end) {
            return Ok(None);
        }
        let (vault, stream) = (&self.task.vault, &self.task.stream);
        // What was archived behind a hole after the end is none of this recovery's business.
        let segment = match timeline == last {
            true => vault.log_segment_until(stream, timeline, (from, end), size)?,
            false => vault.log_segment(stream, timeline, from, size)?,
        };
        match segment {
            Ok(mut segment) => {
                // A tablespace that is created by the log must not lead to the source's files.
                let mut next = || {
                    let head = vault.log_segment(stream, timeline, Position(from.0 + size), HEAD_BYTES)?;
                    Ok(head.map(|head| head.bytes).unwrap_or_default())
                };
                keep_inside(&mut segment.bytes, from, &mut next)?;
                self.stage(&segment_name(timeline, from, size), &segment.bytes).map(Some)
            }
            Err(Absent::PastTheEnd) => Ok(None),
            Err(Absent::Hole(at)) => {
                let what = format!("the journal has a hole at {at} on timeline {}", timeline.0);
                Err(Error::corrupt(what).hint("restore to a moment before it"))
            }
        }
    }

    fn stage(&self, name: &str, content: &[u8]) -> Result<PathBuf> {
        let path = self.task.staging.join(name);
        let mut file = fs::File::create(&path).doing("make", path.display())?;
        file.write_all(content).doing("write", path.display())?;
        file.set_permissions(fs::Permissions::from_mode(0o600)).doing("close", path.display())?;
        if let Some((user, group)) = self.task.owner {
            chown(&path, Some(user), Some(group)).doing("give away", path.display())?;
        }
        Ok(path)
    }
}

/// What the client says to the server: an exit status.
pub mod status {
    /// The file is in its place.
    pub const FOUND: u8 = 0;
    /// It is proven that there is no such file.
    pub const PAST_THE_END: u8 = 1;
    /// Recovery must stop: above 125, so that PostgreSQL does not take it for the end of the log.
    pub const STOP: u8 = 200;
}

/// The client: asks for `name` and moves it to `to`. Gives an exit status, and a text for the server's log.
pub fn client(socket: &Path, name: &str, to: &Path) -> (u8, Option<String>) {
    match ask(socket, name, to) {
        Ok(true) => (status::FOUND, None),
        Ok(false) => (status::PAST_THE_END, None),
        Err(error) => (status::STOP, Some(error.to_string())),
    }
}

fn ask(socket: &Path, name: &str, to: &Path) -> Result<bool> {
    let mut stream = UnixStream::connect(socket).doing("ask for log at", socket.display())?;
    stream.set_read_timeout(Some(ANSWER_PATIENCE)).doing("ask for log at", socket.display())?;
    stream.write_all(format!("{name}\n").as_bytes()).doing("ask for log at", socket.display())?;
    let mut answer = String::new();
    BufReader::new(stream.take(LINE_BYTES_MAX)).read_line(&mut answer).doing("read the answer of", socket.display())?;
    match answer.strip_suffix('\n').and_then(|answer| answer.split_once(' ').or(Some((answer, "")))) {
        Some(("ready", path)) => {
            match fs::rename(path, to) {
                Ok(()) => Ok(true),
                Err(error) if error.kind() == std::io::ErrorKind::CrossesDevices => Err(Error::io(error, "move", path)
                    .hint("choose a --staging folder on the data directory's file system")),
                Err(error) => Err(Error::io(error, "move", path)),
            }
        }
        Some(("past", _)) => Ok(false),
        Some(("failed", why)) => Err(Error::corrupt(format!("{name}: {why}"))),
        _ => Err(Error::transient("the agent went away in the middle of its answer")),
    }
}
