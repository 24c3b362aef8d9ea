//! Servers that run already, found by what they cannot hide: a server of PostgreSQL works in its data directory, all its
//! processes too, and the first of them stands in `postmaster.pid`.

use std::fs;
use std::path::Path;
use std::time::Duration;

use farshore_engines::postgresql::provision::Postmaster;
use farshore_types::{Clock, Error, Result};
use rustix::process::Signal;

use crate::process::{ProcessId, Running, working_in};

/// The name that the kernel shows for every process of a server; fixed when the program is executed.
const PROGRAM: &str = "postgres";
/// How long a server whose data is gone may take to end.
const END_PATIENCE: Duration = Duration::from_secs(30);
/// Between two looks at it.
const POLL: Duration = Duration::from_millis(20);

/// The living server of a data directory.
pub fn server(data: &Path) -> Result<Option<ProcessId>> {
    let Some(postmaster) = Postmaster::read(data)? else { return Ok(None) };
    if !processes(data)?.contains(&postmaster.pid) {
        return Ok(None);
    }
    ProcessId::of(postmaster.pid)
}

/// All living processes of a server in a data directory, also those that survived it for a moment.
pub fn processes(data: &Path) -> Result<Vec<i32>> {
    let mut found = working_in(data)?;
    found.retain(|pid| fs::read_to_string(format!("/proc/{pid}/comm")).is_ok_and(|name| name.trim() == PROGRAM));
    Ok(found)
}

/// Takes leave of the dead server that `postmaster.pid` names. While the kernel remembers it, a new server takes it for a living one and
/// does not start.
pub fn bury(data: &Path) -> Result<()> {
    let Some(postmaster) = Postmaster::read(data)? else { return Ok(()) };
    let is_server = |name: String| name.trim() == PROGRAM;
    // A number may have been given to another process since.
    if fs::read_to_string(format!("/proc/{}/comm", postmaster.pid)).is_ok_and(is_server)
        && ProcessId::of(postmaster.pid)?.is_none()
    {
        Running::bury(postmaster.pid);
    }
    Ok(())
}

/// Kills the server of a data directory, as a loss of power would: its other processes end when they find it gone. Nothing happens where
/// none runs.
pub fn kill(data: &Path) -> Result<()> {
    let server = server(data)?.map(Running::adopt).transpose()?.flatten();
    server.map_or(Ok(()), |server| server.signal(Signal::KILL))
}

/// Ends the server of a data directory that was removed under it, and waits until no process of it is left: it has nothing to save, holds
/// its port, and would notice only after a minute. Nothing happens while the directory is there. `Busy` if it does not end.
pub fn end_orphans(data: &Path, clock: &dyn Clock) -> Result<()> {
    let until = clock.monotonic().saturating_add(END_PATIENCE);
    while !data.exists() {
        let left = processes(data)?;
        if left.is_empty() {
            return Ok(());
        }
        if clock.monotonic() >= until {
            let what = format!("processes {left:?} work in {}, which was removed", data.display());
            return Err(Error::busy(what).hint("end them"));
        }
        for pid in left {
            let running = ProcessId::of(pid)?.map(Running::adopt).transpose()?.flatten();
            // Looked at again with a handle on it: a number may have been given to another process.
            if let Some(running) = running.filter(|_| processes(data).is_ok_and(|left| left.contains(&pid))) {
                running.signal(Signal::QUIT)?;
            }
        }
        clock.pause(POLL);
    }
    Ok(())
}
