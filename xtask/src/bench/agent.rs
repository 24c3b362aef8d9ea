//! Programs of ours that run while something is measured: they are watched, asked how far they are, and stopped.
//!
//! If we return early they are killed. If we die they run on, on the bench's folder, until somebody ends them.

use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::Child;

use farshore_types::error::ErrorContext;
use farshore_types::{Error, Position, Result};
use rustix::process::{Pid, Signal, kill_process};

/// An agent of ours; killed if we return early.
pub struct Running {
    child: Option<Child>,
}

impl Running {
    /// Watches over one that was started.
    pub fn new(child: Child) -> Running {
        Running { child: Some(child) }
    }

    /// True while it runs; an error once it has ended.
    pub fn alive(&mut self) -> Result<bool> {
        let Some(child) = &mut self.child else { return Ok(false) };
        match child.try_wait().doing("look at", "the agent")? {
            Some(status) => Err(Error::bug(format!("the agent ended ({status})")).hint("read output.txt")),
            None => Ok(true),
        }
    }

    /// Asks it to stop, and waits.
    pub fn stop(mut self) -> Result<()> {
        let Some(mut child) = self.child.take() else { return Ok(()) };
        let pid = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
        if let Some(pid) = pid {
            kill_process(pid, Signal::TERM).map_err(|error| Error::io(error.into(), "stop", "the agent"))?;
        }
        let status = child.wait().doing("wait for", "the agent")?;
        if status.success() { Ok(()) } else { Err(Error::bug(format!("the agent ended badly ({status})"))) }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// Up to where the agent says that the store holds the log; nothing while it does not answer.
pub fn archived_to(control: &Path) -> Position {
    let ask = || {
        let mut stream = UnixStream::connect(control).ok()?;
        stream.write_all(b"status\n").ok()?;
        let mut line = String::new();
        BufReader::new(stream).read_line(&mut line).ok()?;
        let status: serde_json::Value = serde_json::from_str(&line).ok()?;
        status.get("position")?.as_str()?.parse().ok()
    };
    ask().unwrap_or_default()
}
