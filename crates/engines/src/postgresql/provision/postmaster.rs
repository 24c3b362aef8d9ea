//! A running server as its data directory shows it (`postmaster.pid`), so that an agent finds its servers again after a
//! restart, and whether a server accepts connections.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use farshore_types::{Clock, Error, ErrorKind, Result};
use rustix::process::{Pid, test_kill_process};

use super::super::wire::{Connection, Settings, sqlstate};

/// The file's name in the data directory.
const PID_FILE: &str = "postmaster.pid";
/// Largest file read; eight short lines.
const FILE_BYTES_MAX: usize = 16 << 10;
/// "The database system is starting up" (or shutting down).
const CANNOT_CONNECT_NOW: &str = "57P03";

/// What a server has written about itself. It may be dead: see [`Postmaster::is_alive`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Postmaster {
    /// Process id.
    pub pid: i32,
    /// Start time, seconds since 1970; tells two servers with the same process id apart.
    pub started: i64,
    /// Port.
    pub port: u16,
    /// Directory of its socket, if it has one.
    pub socket_directory: Option<PathBuf>,
    /// `starting`, `stopping`, `ready` or `standby`.
    pub status: String,
}

impl Postmaster {
    /// Reads the file; `None` when there is none, or when it is not complete yet.
    pub fn read(data_directory: &Path) -> Result<Option<Postmaster>> {
        let path = data_directory.join(PID_FILE);
        let text = match std::fs::read(&path) {
            Ok(bytes) if bytes.len() > FILE_BYTES_MAX => return Ok(None),
            Ok(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(Error::io(error, "read", path.display())),
        };
        Ok(parse(&text))
    }

    /// Whether a process with this id exists and has not ended (one that nobody has waited for still has its id). Ids are
    /// reused: a connection is the better proof.
    pub fn is_alive(&self) -> bool {
        let exists = Pid::from_raw(self.pid.abs())
            .is_some_and(|pid| !matches!(test_kill_process(pid), Err(rustix::io::Errno::SRCH)));
        let status = std::fs::read_to_string(format!("/proc/{}/stat", self.pid.abs())).unwrap_or_default();
        // The state follows the name, which stands in parentheses and may hold any character.
        let state = status.rsplit_once(')').and_then(|(_, rest)| rest.trim_start().chars().next());
        exists && !matches!(state, Some('Z' | 'X'))
    }
}

fn parse(text: &str) -> Option<Postmaster> {
    let mut lines = text.lines().map(str::trim);
    let pid = lines.next()?.parse().ok()?;
    let started = lines.nth(1)?.parse().ok()?;
    let port = lines.next()?.parse().ok()?;
    let socket_directory = lines.next().filter(|directory| !directory.is_empty()).map(PathBuf::from);
    let status = lines.nth(2)?.to_string();
    Some(Postmaster { pid, started, port, socket_directory, status })
}

/// Whether a server can be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Readiness {
    /// It answers queries.
    Ready {
        /// Whether it is a standby, or recovering with hot standby on.
        in_recovery: bool,
    },
    /// It is there, but starting, recovering or stopping.
    Busy,
    /// Nobody listens.
    Absent,
}

/// Tries to connect and ask. Refused logins and other lasting faults are errors.
pub fn readiness(settings: &Settings, clock: Arc<dyn Clock>) -> Result<Readiness> {
    Probe::default().ask(settings, clock)
}

/// Asks a server again and again over one session, because each new one costs the server a process. A session that fails is replaced
/// at once: it may have ended with the server that it belonged to.
#[derive(Default)]
pub struct Probe {
    session: Option<Connection>,
}

impl Probe {
    /// As [`readiness`]; connects only where there is no session that answers. Waits for each of the two as long as `settings` say.
    pub fn ask(&mut self, settings: &Settings, clock: Arc<dyn Clock>) -> Result<Readiness> {
        if let Some(session) = self.session.take()
            && let Ok(ready) = self.keep(session, settings)
        {
            return Ok(ready);
        }
        match Connection::connect(settings, clock).and_then(|session| self.keep(session, settings)) {
            Err(error) if sqlstate(&error) == Some(CANNOT_CONNECT_NOW) => Ok(Readiness::Busy),
            Err(error) if error.kind() == ErrorKind::Transient => Ok(Readiness::Absent),
            answer => answer,
        }
    }

    fn keep(&mut self, mut session: Connection, settings: &Settings) -> Result<Readiness> {
        let answer = session.query_within("SELECT pg_is_in_recovery()::text AS recovers", settings.deadline)?;
        self.session = Some(session);
        Ok(Readiness::Ready { in_recovery: answer.value(0, "recovers") == Some("true") })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pid_file_is_read_only_when_complete() {
        let text = "4711\n/var/lib/x\n1700000000\n5433\n/run/x\n127.0.0.1\n  12345  67\nready   \n";
        let read = parse(text).unwrap();
        assert_eq!((read.pid, read.started, read.port, read.status.as_str()), (4711, 1_700_000_000, 5433, "ready"));
        assert_eq!(read.socket_directory.as_deref(), Some(Path::new("/run/x")));
        for lines in 0..8 {
            let part: Vec<&str> = text.lines().take(lines).collect();
            assert_eq!(parse(&part.join("\n")), None, "{lines}");
        }
    }
}
