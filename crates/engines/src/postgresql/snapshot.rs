//! One backup's freeze: from `pg_backup_start` to `pg_backup_stop` on one session (PostgreSQL documentation, "Making a
//! Base Backup Using the Low Level API").
//!
//! Order: [`Snapshot::open`], read every file of [`Snapshot::files`], [`Snapshot::close`]. The session stays open in
//! between; if it ends (crash, drop, error), the server forgets the backup by itself and nothing has to be cleaned up.
//! `pg_control` is read after all other files and before the stop, and is the last of the closing files. The log from
//! start to stop is needed to restore; whoever stores the backup makes sure that it has been archived.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use farshore_types::error::ErrorContext;
use farshore_types::snapshot::ClosingFile;
use farshore_types::{Clock, Error, Position, Result, Timeline, Timestamp};

use super::control::{self, CONTROL_PATH, Control};
use super::files::{self, Layout, Listing, Tablespace};
use super::history::History;
use super::server::{Facts, Moment, Server, parent_refused};
use super::wire::{Connection, literal};

/// A checkpoint at full speed still has to write all of the buffers.
const FAST_DEADLINE: Duration = Duration::from_secs(30 * 60);
/// A spread checkpoint takes up to the server's `checkpoint_timeout`, at most a day.
const SPREAD_DEADLINE: Duration = Duration::from_secs(25 * 3600);
/// Stopping writes two records and syncs them.
const STOP_DEADLINE: Duration = Duration::from_secs(10 * 60);
/// Comparisons of the control file on disk with the server's answer; checkpoints may fall in between.
const PROOFS_MAX: u32 = 5;
/// Longest backup label that the server accepts.
const LABEL_BYTES_MAX: usize = 1024;
/// Largest closing file (`ClosingFile::content`).
const CLOSING_BYTES_MAX: usize = 1 << 20;
/// Permission bits of the closing files.
const CLOSING_MODE: u32 = 0o600;

/// How eagerly the server makes the checkpoint that starts a backup.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Checkpoint {
    /// At once, at the cost of a burst of writes.
    Fast,
    /// Spread over the server's checkpoint interval: minutes.
    Spread,
}

/// How to open a snapshot.
#[derive(Debug, Clone)]
pub struct Options {
    /// Stands in `backup_label` and in the server's log.
    pub label: String,
    /// The starting checkpoint.
    pub checkpoint: Checkpoint,
    /// Where the data directory is seen on this host, if not where the server says.
    pub data_directory: Option<PathBuf>,
}

/// An open backup.
pub struct Snapshot {
    connection: Connection,
    clock: Arc<dyn Clock>,
    facts: Facts,
    start_time: Timestamp,
    history: History,
    tablespaces: Vec<Tablespace>,
}

/// A finished backup.
#[derive(Debug, Clone)]
pub struct Closed {
    /// Recovery must reach this position before the cluster is consistent; no page of the backup is newer.
    pub stop: Position,
    /// The server's clock after the stop: no earlier moment can be recovered from this backup.
    pub stop_time: Timestamp,
    /// Everything that was acknowledged before this moment lies before the stop.
    pub safe_time: Timestamp,
    /// `backup_label`, `tablespace_map` if there are tablespaces, `global/pg_control`: to be restored in this order.
    pub files: Vec<ClosingFile>,
    /// The content of `pg_control`.
    pub control: Control,
}

impl Snapshot {
    /// Starts a backup on a session of its own. Fails without effect; see [`super::attach`] for the rights it needs.
    pub fn open(mut connection: Connection, clock: Arc<dyn Clock>, options: &Options) -> Result<Snapshot> {
        let mut server = Server::read(&mut connection)?;
        if let Some(directory) = &options.data_directory {
            server.data_directory.clone_from(directory);
        }
        refuse_unusable(&server, &options.label)?;
        lift_timeouts(&mut connection)?;
        let start =
            start(&mut connection, &server, options).doing("start backup", format_args!("{:?}", options.label))?;
        let moment = Moment::read(&mut connection)?;
        prove_directory(&mut connection, &server, clock.as_ref())?;
        let history = History::load(&server.data_directory, moment.timeline)?;
        let tablespaces = files::tablespaces(&server.data_directory)?;
        let facts = Facts { server, timeline: moment.timeline, start };
        Ok(Snapshot { connection, clock, facts, start_time: moment.time, history, tablespaces })
    }

    /// To be stored with the backup, for [`Snapshot::parent_refused`] of a later one.
    pub fn facts(&self) -> &Facts {
        &self.facts
    }

    /// The server's properties.
    pub fn server(&self) -> &Server {
        &self.facts.server
    }

    /// Where the log of this backup starts.
    pub fn start(&self) -> Position {
        self.facts.start
    }

    /// The timeline that the backup is taken on.
    pub fn timeline(&self) -> Timeline {
        self.facts.timeline
    }

    /// The server's clock right after the start.
    pub fn start_time(&self) -> Timestamp {
        self.start_time
    }

    /// The past of the timeline.
    pub fn history(&self) -> &History {
        &self.history
    }

    /// The tablespaces at the start, with the directories that they lead to.
    pub fn tablespaces(&self) -> &[Tablespace] {
        &self.tablespaces
    }

    /// Page positions below this one are never believed.
    pub fn first_believable(&self) -> Position {
        self.facts.server.first_believable()
    }

    /// Why a stored backup cannot be the parent of this one; `None` when it can.
    pub fn parent_refused(&self, parent: &Facts) -> Option<String> {
        parent_refused(parent, &self.facts.server, &self.history, self.facts.start)
    }

    /// How the files are listed, for [`Listing::open`].
    pub fn layout(&self) -> Result<Layout> {
        self.facts.server.layout()
    }

    /// Starts listing the files. May be called again: each listing is a new walk.
    pub fn files(&self) -> Result<Listing> {
        Listing::open(self.layout()?)
    }

    /// Fails when the session, and with it the backup, has ended meanwhile. Worth asking every few seconds.
    pub fn still_open(&mut self) -> Result<()> {
        self.connection.one_value("SELECT 1").map(|_| ()).doing("keep backup open from", self.facts.start)
    }

    /// Reads `pg_control`, stops the backup and hands out the closing files. Call it after the last file was read.
    pub fn close(mut self) -> Result<Closed> {
        let about = format!("started at {}", self.facts.start);
        let server = Server::read(&mut self.connection).doing("stop backup", &about)?;
        if server.in_recovery != self.facts.server.in_recovery {
            return Err(Error::conflict("the standby was promoted during the backup").context("stop backup", about));
        }
        let (control, control_bytes) = control::read_stable(&self.facts.server.data_directory, self.clock.as_ref())?;
        let closed = self.stop(control, control_bytes).doing("stop backup", &about)?;
        self.connection.close();
        Ok(closed)
    }

    fn stop(&mut self, control: Control, control_bytes: Vec<u8>) -> Result<Closed> {
        self.check_control(&control)?;
        // Before the stop: what was acknowledged by then lies before its position. By the clock after it more may have been, behind it.
        let safe_time = Moment::read(&mut self.connection)?.time;
        let sql = match self.facts.server.major() {
            ..=14 => "SELECT lsn::text, labelfile, spcmapfile FROM pg_stop_backup(false, false)",
            15.. => "SELECT lsn::text, labelfile, spcmapfile FROM pg_backup_stop(false)",
        };
        let answer = self.connection.query_within(sql, STOP_DEADLINE)?;
        let missing = |what: &str| Error::invalid(format!("the server returned no {what}"));
        let stop: Position = answer.value(0, "lsn").ok_or_else(|| missing("stop position"))?.parse()?;
        let label = answer.value(0, "labelfile").ok_or_else(|| missing("backup_label"))?;
        self.check_label(label)?;
        let map = answer.value(0, "spcmapfile").unwrap_or_default();
        let stop_time = Moment::read(&mut self.connection)?.time;
        let texts = [("backup_label", label.as_bytes().to_vec()), ("tablespace_map", map.as_bytes().to_vec())];
        let mut files = Vec::new();
        for (path, content) in
            texts.into_iter().filter(|(_, content)| !content.is_empty()).chain([(CONTROL_PATH, control_bytes)])
        {
            if content.len() > CLOSING_BYTES_MAX {
                return Err(Error::invalid(format!("{path} has {} bytes", content.len())));
            }
            files.push(ClosingFile { path: path.to_string(), mode: CLOSING_MODE, content });
        }
        Ok(Closed { stop, safe_time, stop_time, files, control })
    }

    fn check_control(&self, control: &Control) -> Result<()> {
        let Facts { server, timeline, start } = &self.facts;
        if control.system_identifier != server.system_identifier {
            return Err(Error::conflict("the data directory was exchanged during the backup"));
        }
        if control.timeline != *timeline {
            let what = format!("the server went from timeline {timeline} to {} during the backup", control.timeline);
            return Err(Error::conflict(what).hint("take a new backup"));
        }
        if control.redo < *start {
            let what =
                format!("pg_control says that replay starts at {}, before the backup's start {start}", control.redo);
            return Err(Error::corrupt(what));
        }
        Ok(())
    }

    /// The label must be of the backup that was started here.
    fn check_label(&self, label: &str) -> Result<()> {
        let field = |name: &str| label.lines().find_map(|line| line.strip_prefix(name)).map(str::trim);
        let start = field("START WAL LOCATION:").and_then(|text| text.split_whitespace().next());
        let timeline = field("START TIMELINE:").and_then(|text| text.parse().ok()).map(Timeline);
        let start: Option<Position> = start.and_then(|text| text.parse().ok());
        if start != Some(self.facts.start) || timeline != Some(self.facts.timeline) {
            let expected = format!("{} on timeline {}", self.facts.start, self.facts.timeline);
            return Err(Error::conflict(format!("backup_label is of another backup than that from {expected}")));
        }
        Ok(())
    }
}

fn refuse_unusable(server: &Server, label: &str) -> Result<()> {
    if label.is_empty() || label.len() > LABEL_BYTES_MAX || label.contains(['\n', '\r']) {
        return Err(Error::invalid(format!("{label:?} cannot be a backup label")));
    }
    if server.wal_level == "minimal" {
        let what = Error::conflict("wal_level is minimal, such a log cannot be recovered");
        return Err(what.hint("set wal_level = replica and restart the server"));
    }
    Ok(())
}

/// The session must outlive any timeout that an administrator has set for ordinary ones.
fn lift_timeouts(connection: &mut Connection) -> Result<()> {
    let sql = "SELECT set_config(name, '0', false) FROM pg_settings WHERE name IN \
         ('statement_timeout', 'lock_timeout', 'idle_session_timeout', 'transaction_timeout')";
    connection.query(sql).map(|_| ())
}

fn start(connection: &mut Connection, server: &Server, options: &Options) -> Result<Position> {
    let (label, fast) = (literal(&options.label)?, options.checkpoint == Checkpoint::Fast);
    let sql = match server.major() {
        ..=14 => format!("SELECT pg_start_backup({label}, {fast}, false)::text"),
        15.. => format!("SELECT pg_backup_start({label}, {fast})::text"),
    };
    let deadline = if fast { FAST_DEADLINE } else { SPREAD_DEADLINE };
    let answer = connection.query_within(&sql, deadline)?;
    let position = answer.rows.first().and_then(|row| row.first()).and_then(Option::as_deref);
    position.ok_or_else(|| Error::invalid("the server returned no start position"))?.parse()
}

/// Proves that the directory on this host is the server's: same identifier and same last checkpoint. Forks of one
/// cluster share the identifier, so that alone would prove nothing.
fn prove_directory(connection: &mut Connection, server: &Server, clock: &dyn Clock) -> Result<()> {
    for _ in 0..PROOFS_MAX {
        let before = Moment::read(connection)?;
        let (control, _) = control::read_stable(&server.data_directory, clock)?;
        if control.system_identifier == server.system_identifier && control.checkpoint == before.checkpoint {
            return Ok(());
        }
    }
    let what = format!("{} is not the data directory of this server", server.data_directory.display());
    Err(Error::invalid(what).hint("run the agent on the database's host, or name the directory as this host sees it"))
}
