//! The two cases of the log: archiving segments that already wait in `pg_wal`, and fetching them one by one as a
//! recovering server does.

use std::fs;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use farshore_types::error::ErrorContext;
use farshore_types::{Clock, Error, Position, Result};

use super::agent::{Running, archived_to};
use super::meter::{Cost, Meter};
use super::server::Server;
use super::tools::{Tool, Tools};

/// The slot that `farshore attach` uses for the service `bench`.
const SLOT: &str = "farshore_bench";
/// Archives nothing and says that it did: between the cases nothing may pile up.
const DISCARD: &str = "/bin/true";
/// How long one case may take.
const PATIENCE: Duration = Duration::from_secs(600);
/// How often we ask how far it is.
const LOOK: Duration = Duration::from_millis(10);

/// The log of one round.
pub struct Log<'a> {
    /// The tools, with a backup each.
    pub tools: &'a Tools<'a>,
    /// The meter.
    pub meter: &'a Meter,
    /// Time.
    pub clock: Arc<dyn Clock>,
    segments: Vec<String>,
    end: Position,
}

impl<'a> Log<'a> {
    /// Keeps the server from removing log before it was streamed; to be called before the first backup of a round.
    pub fn keep(server: &Server) -> Result<()> {
        Log::release(server)?;
        server.sql(&format!("SELECT pg_create_physical_replication_slot('{SLOT}', true)"))
    }

    /// Undoes that; to be called after the last case of a round.
    pub fn release(server: &Server) -> Result<()> {
        server.sql(&format!(
            "SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE slot_name = '{SLOT}'"
        ))
    }

    /// Writes the segments and leaves them waiting. A small backup first, so that the journal ends where they begin.
    pub fn write(
        tools: &'a Tools<'a>,
        meter: &'a Meter,
        clock: Arc<dyn Clock>,
        (segments, seed): (u64, u64),
    ) -> Result<Log<'a>> {
        let server = tools.server;
        tools.place.run(&mut tools.farshore_backup(&[]))?;
        server.await_archived(None)?;
        server.set_archive_command("")?;
        server.keep_segments(2 * segments)?;
        let (_, end) = server.write_log(segments, seed)?;
        let segments = server.waiting()?;
        tools.place.folder("floor-log")?;
        Ok(Log { tools, meter, clock, segments, end })
    }

    /// How many segments there are.
    pub fn count(&self) -> usize {
        self.segments.len()
    }

    /// Archives them all, until the last is durable.
    pub fn push(&self, tool: Tool) -> Result<Cost> {
        match tool {
            Tool::Farshore => self.push_farshore(),
            Tool::Pgbackrest => self.push_pgbackrest(),
            Tool::Restic | Tool::Floor | Tool::Cp => {
                let mut command = self.tools.floor_pack("floor-log", &self.paths(), Position(0))?;
                Ok(self.meter.measure(|| self.tools.place.run(&mut command))?.0)
            }
        }
    }

    fn paths(&self) -> Vec<PathBuf> {
        let folder = self.tools.server.data.join("pg_wal");
        self.segments.iter().map(|name| folder.join(name)).collect()
    }

    /// The agent starts, streams from its slot, and is asked how far the store holds the log.
    fn push_farshore(&self) -> Result<Cost> {
        let place = self.tools.place;
        let control = place.path("s/control");
        let mut command = self.tools.farshore_live(&["attach", "pg", "--every-s", "31536000"]);
        command.arg("--control").arg(&control);
        let (cost, wall) = self.meter.measure(|| {
            let began = self.clock.monotonic();
            let mut agent = Running::new(place.start(&mut command)?);
            self.until(|| Ok(agent.alive()? && archived_to(&control) >= self.end))?;
            let wall = self.clock.monotonic().saturating_sub(began);
            agent.stop()?;
            Ok(wall)
        })?;
        Ok(Cost { wall_s: wall.as_secs_f64(), ..cost })
    }

    /// The server's archiver calls pgBackRest once per segment, which works ahead in the background.
    fn push_pgbackrest(&self) -> Result<Cost> {
        let server = self.tools.server;
        let line = self.tools.pgbackrest_line("archive-push %p");
        let last = self.segments.last().map(String::as_str);
        let (cost, ()) = self.meter.measure(|| {
            server.set_archive_command(&line)?;
            server.await_archived(last)
        })?;
        server.set_archive_command("")?;
        Ok(cost)
    }

    /// Fetches them one by one with the line that stands in `restore_command`, and compares them afterwards.
    pub fn fetch(&self, tool: Tool) -> Result<Cost> {
        let place = self.tools.place;
        let to = place.folder("fetch")?;
        let cost = match tool {
            Tool::Farshore => self.fetch_farshore(&to)?,
            Tool::Pgbackrest => {
                place.folder("spool")?;
                let line = self.tools.pgbackrest_line("archive-get %f \"%p\"");
                self.meter.measure(|| self.fetch_all(&line, &to))?.0
            }
            Tool::Restic | Tool::Floor | Tool::Cp => {
                let mut command = self.tools.floor_unpack("floor-log", &to);
                return Ok(self.meter.measure(|| place.run(&mut command))?.0);
            }
        };
        for (name, path) in self.segments.iter().zip(self.paths()) {
            let fetched = fs::read(to.join(name)).doing("read", name)?;
            if fetched != fs::read(&path).doing("read", path.display())? {
                return Err(Error::corrupt(format!("{} fetched another {name}", tool.name())));
            }
        }
        Ok(cost)
    }

    fn fetch_farshore(&self, to: &Path) -> Result<Cost> {
        let place = self.tools.place;
        let socket = place.path("s/log");
        let mut command = self.tools.farshore(&["log-serve", "--workers", super::tools::WORKERS]);
        command.arg("--socket").arg(&socket).arg("--staging").arg(place.path("staging"));
        let line = format!("{} log-fetch {} \"%f\" \"%p\"", place.farshore.display(), socket.display());
        let (cost, wall) = self.meter.measure(|| {
            let mut agent = Running::new(place.start(&mut command)?);
            self.until(|| Ok(agent.alive()? && UnixStream::connect(&socket).is_ok()))?;
            let began = self.clock.monotonic();
            self.fetch_all(&line, to)?;
            let wall = self.clock.monotonic().saturating_sub(began);
            agent.stop()?;
            Ok(wall)
        })?;
        Ok(Cost { wall_s: wall.as_secs_f64(), ..cost })
    }

    /// As the server does: a shell per segment, a fixed name, then a rename.
    fn fetch_all(&self, line: &str, to: &Path) -> Result<()> {
        let target = to.join("RECOVERYXLOG");
        for name in &self.segments {
            let line = line.replace("%f", name).replace("%p", &target.display().to_string());
            let mut shell: Command = self.tools.place.command(Path::new("/bin/sh"));
            self.tools.place.run(shell.arg("-c").arg(line))?;
            fs::rename(&target, to.join(name)).doing("rename", name)?;
        }
        Ok(())
    }

    /// Lets the server archive again without keeping anything but what the slot still holds.
    pub fn discard(&self) -> Result<()> {
        self.tools.server.set_archive_command(DISCARD)?;
        self.tools.server.keep_segments(0)
    }

    fn until(&self, mut done: impl FnMut() -> Result<bool>) -> Result<()> {
        let began = self.clock.monotonic();
        while !done()? {
            if self.clock.monotonic().saturating_sub(began) > PATIENCE {
                return Err(Error::busy("a case of the log does not come to an end").hint("read output.txt"));
            }
            self.clock.pause(LOOK);
        }
        Ok(())
    }
}
