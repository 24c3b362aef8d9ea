//! The PostgreSQL server that is backed up, and its data: pgbench's tables, a table that compresses badly, and events.
//!
//! Everything random comes from seeds, so that two runs have the same rows. A server that a killed run left behind is
//! stopped before its folder is removed.

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use farshore_engines::postgresql::wire::{Address, Connection, Settings};
use farshore_types::error::ErrorContext;
use farshore_types::{Clock, Error, Position, Result};

use super::place::Place;

/// Only the socket's name: the server does not listen on TCP.
pub const PORT: u16 = 5499;
/// Bytes of one segment of log.
pub const SEGMENT_BYTES: u64 = 16 << 20;
/// Longest single statement.
const STATEMENT_DEADLINE: Duration = Duration::from_secs(3600);
/// How long the archiver may take to come to rest.
const ARCHIVER_PATIENCE: Duration = Duration::from_secs(600);
/// How often we look.
const LOOK: Duration = Duration::from_millis(10);
/// Rows of pgbench_accounts per unit of scale.
const ROWS_PER_SCALE: u32 = 100_000;

/// A running server; stopped when dropped.
pub struct Server<'a> {
    place: &'a Place,
    clock: Arc<dyn Clock>,
    scale: u32,
    /// Its data directory.
    pub data: PathBuf,
    /// The folder of its socket.
    pub socket: PathBuf,
}

impl<'a> Server<'a> {
    /// Makes a cluster with page checksums, starts it and fills it.
    pub fn new(place: &'a Place, clock: Arc<dyn Clock>, scale: u32) -> Result<Server<'a>> {
        let server = Server { place, clock, scale, data: place.path("data"), socket: place.path("s") };
        server.stop("immediate");
        place.folder("data")?;
        place.folder("s")?;
        let mut init = place.command(&place.postgres.join("initdb"));
        let options = ["--data-checksums", "--no-sync", "--auth=trust", "--username=postgres", "--no-locale"];
        place.run(init.args(options).args(["--encoding=UTF8", "-D"]).arg(&server.data))?;
        server.configure()?;
        place.file("server.log", "")?;
        server.start()?;
        server.fill()?;
        // The first change after a load touches pages that later ones do not (hint bits): no round shall begin with it.
        server.churn(0)?;
        Ok(server)
    }

    /// Autovacuum is off: it would change pages between two tools' turns.
    fn configure(&self) -> Result<()> {
        let settings = format!(
            "listen_addresses = ''\nport = {PORT}\nunix_socket_directories = '{}'\nshared_buffers = 512MB\nautovacuum = off\n\
             synchronous_commit = off\nwal_level = replica\nmax_wal_size = 2GB\ncheckpoint_timeout = 1h\n\
             max_wal_senders = 10\nmax_replication_slots = 10\narchive_mode = on\narchive_command = '/bin/true'\n",
            self.socket.display()
        );
        let path = self.data.join("postgresql.conf");
        let before = fs::read_to_string(&path).doing("read", path.display())?;
        fs::write(&path, before + &settings).doing("write", path.display())
    }

    /// About 15 MB of pgbench per unit of scale, a fifth on top that does not compress, and some text.
    fn fill(&self) -> Result<()> {
        let mut pgbench = self.place.command(&self.place.postgres.join("pgbench"));
        pgbench.args(["-i", "-I", "dtGvp", "-q", "-U", "postgres", "-h"]).arg(&self.socket);
        let (port, scale) = (PORT.to_string(), self.scale.to_string());
        self.place.run(pgbench.args(["-p", &port, "-s", &scale, "postgres"]))?;
        self.sql(&format!(
            "CREATE TABLE noise (id int PRIMARY KEY, body bytea);
             ALTER TABLE noise ALTER body SET STORAGE PLAIN;
             INSERT INTO noise SELECT id, {} FROM generate_series(1, {}) id;
             CREATE TABLE event (id bigserial PRIMARY KEY, at timestamptz, kind text, note text);
             INSERT INTO event (at, kind, note) SELECT '2026-01-01'::timestamptz + id * interval '1 s',
               'kind ' || id % 17, 'user ' || id * 7919 % 100003 || ' did thing ' || id % 251 || ' from 10.0.' || id % 256 || '.' || id % 199
               FROM generate_series(1::bigint, {}) id;
             VACUUM ANALYZE noise; VACUUM ANALYZE event",
            noise("id::text"),
            self.noise_rows(),
            self.scale * 20_000
        ))
    }

    /// Rows of the table of bytes that no tool can compress.
    pub fn noise_rows(&self) -> u32 {
        self.scale * 1_500
    }

    /// Changes about 6 % of the pages: random accounts, rows that do not compress, a few more events.
    pub fn churn(&self, seed: u64) -> Result<()> {
        let scale = self.scale;
        self.sql(&format!(
            "SELECT setseed({});
             UPDATE pgbench_accounts SET abalance = abalance + 1
               WHERE aid IN (SELECT 1 + floor(random() * {})::int FROM generate_series(1, {}));
             UPDATE noise SET body = {}
               WHERE id IN (SELECT 1 + floor(random() * {})::int FROM generate_series(1, {}));
             INSERT INTO event (at, kind, note) SELECT now(), 'kind churn', 'note ' || id FROM generate_series(1, {}) id",
            f64::from(u32::try_from(seed % 1000).unwrap_or(0)) / 1000.0,
            scale * ROWS_PER_SCALE,
            scale * 75,
            noise(&format!("id::text || '{seed}'")),
            self.noise_rows(),
            self.noise_rows() / 55,
            scale * 100,
        ))
    }

    /// Writes at least so many segments of log, full-page images and changes, and ends on the border of one.
    /// Gives the border before the first and the one after the last.
    pub fn write_log(&self, segments: u64, seed: u64) -> Result<(Position, Position)> {
        self.switch()?;
        let from = self.position()?.aligned_down(SEGMENT_BYTES);
        let mut round = 0;
        while self.position()?.0 < from.0 + segments * SEGMENT_BYTES {
            round += 1;
            let seed = f64::from(u32::try_from((seed * 31 + round) % 1000).unwrap_or(0)) / 1000.0;
            let (rows, changed) = (self.scale * ROWS_PER_SCALE, self.scale * 50);
            self.sql(&format!(
                "SELECT setseed({seed});
                 UPDATE pgbench_accounts SET abalance = abalance - 1
                   WHERE aid IN (SELECT 1 + floor(random() * {rows})::int FROM generate_series(1, {changed}))"
            ))?;
        }
        self.switch()?;
        Ok((from, self.position()?.aligned_down(SEGMENT_BYTES)))
    }

    fn switch(&self) -> Result<()> {
        self.sql("SELECT pg_logical_emit_message(false, 'bench', 'end'); SELECT pg_switch_wal()")
    }

    /// Where the log ends now.
    pub fn position(&self) -> Result<Position> {
        self.value("SELECT pg_current_wal_insert_lsn()")?.parse()
    }

    /// A checkpoint, and everything that the kernel still holds is written: each case starts with nothing to be flushed.
    pub fn settle(&self) -> Result<()> {
        self.sql("CHECKPOINT")?;
        rustix::fs::sync();
        Ok(())
    }

    /// Sets what archives segments; empty leaves them waiting in `pg_wal`.
    pub fn set_archive_command(&self, command: &str) -> Result<()> {
        let command = command.replace('\'', "''");
        self.sql(&format!("ALTER SYSTEM SET archive_command = '{command}'"))?;
        self.sql("SELECT pg_reload_conf()")
    }

    /// Keeps so many segments in `pg_wal` even after they are archived; 0 keeps none for our sake.
    pub fn keep_segments(&self, count: u64) -> Result<()> {
        self.sql(&format!("ALTER SYSTEM SET wal_keep_size = '{}MB'", count * (SEGMENT_BYTES >> 20)))?;
        self.sql("SELECT pg_reload_conf()")
    }

    /// The segments that wait to be archived, oldest first.
    pub fn waiting(&self) -> Result<Vec<String>> {
        let folder = self.data.join("pg_wal/archive_status");
        let mut names = Vec::new();
        for item in fs::read_dir(&folder).doing("list", folder.display())? {
            let name = item.doing("list", folder.display())?.file_name().to_string_lossy().into_owned();
            names.extend(name.strip_suffix(".ready").filter(|name| name.len() == 24).map(str::to_string));
        }
        names.sort();
        Ok(names)
    }

    /// Waits until no segment up to `last` waits any more.
    pub fn await_archived(&self, last: Option<&str>) -> Result<()> {
        let began = self.clock.monotonic();
        while self.waiting()?.iter().any(|name| last.is_none_or(|last| name.as_str() <= last)) {
            if self.clock.monotonic().saturating_sub(began) > ARCHIVER_PATIENCE {
                return Err(Error::busy("the archiver does not come to an end").hint("read server.log"));
            }
            self.clock.pause(LOOK);
        }
        Ok(())
    }

    /// Runs statements, separated by semicolons, in one session but each in its own transaction.
    pub fn sql(&self, statements: &str) -> Result<()> {
        let mut connection = self.connect()?;
        for statement in statements.split(';').map(str::trim).filter(|statement| !statement.is_empty()) {
            connection.query_within(statement, STATEMENT_DEADLINE)?;
        }
        connection.close();
        Ok(())
    }

    /// The one value that a query gives.
    pub fn value(&self, query: &str) -> Result<String> {
        let mut connection = self.connect()?;
        let value = connection.one_value(query)?;
        connection.close();
        value.ok_or_else(|| Error::missing(format!("no value for {query}")))
    }

    /// A session.
    pub fn connect(&self) -> Result<Connection> {
        Connection::connect(&Settings::new(Address::socket(&self.socket, PORT)?, "postgres"), self.clock.clone())
    }

    /// Files of the data directory as tools back them up: without the log.
    pub fn files(&self) -> Result<Vec<PathBuf>> {
        let mut files = super::place::files_below(&self.data)?;
        files.retain(|file| !file.starts_with(self.data.join("pg_wal")));
        Ok(files)
    }

    /// Starts it where it is stopped, and waits until it answers.
    pub fn start(&self) -> Result<()> {
        let mut start = self.place.command(&self.place.postgres.join("pg_ctl"));
        let log = self.place.path("server.log");
        self.place.run(start.args(["start", "--silent", "--wait", "-D"]).arg(&self.data).arg("-l").arg(log))
    }

    /// Stops it cleanly, for a while.
    pub fn halt(&self) -> Result<()> {
        self.stop("fast");
        match self.is_running() {
            true => Err(Error::busy("the server does not stop").hint("read server.log")),
            false => Ok(()),
        }
    }

    /// Whether there is a server.
    pub fn is_running(&self) -> bool {
        self.data.join("postmaster.pid").exists()
    }

    fn stop(&self, mode: &str) {
        if self.is_running() {
            let mut stop = self.place.command(&self.place.postgres.join("pg_ctl"));
            let stopped = self.place.run(stop.args(["stop", "--silent", "-m", mode, "-D"]).arg(&self.data));
            if let Err(error) = stopped {
                eprintln!("bench: the server did not stop: {error}");
            }
        }
    }
}

impl Drop for Server<'_> {
    fn drop(&mut self) {
        self.stop("immediate");
    }
}

/// Bytes of log that a row of `noise` makes where it is written there: its body and the heads of its record.
pub const NOISE_LOG_BYTES: u64 = 2040;

/// An SQL expression for about 2000 bytes that no tool can compress, from a text expression.
fn noise(of: &str) -> String {
    let parts: Vec<String> = (0..31).map(|part| format!("sha512(convert_to({of} || '-{part}', 'UTF8'))")).collect();
    parts.join(" || ")
}
