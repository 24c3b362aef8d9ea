//! A server that outlives us: in a session of its own, its output appended to a file.
//!
//! If we die after starting it and before its [`ProcessId`] was stored, it is found by what it leaves behind (a server's
//! own pid file, its working directory). We never send it SIGKILL.

use std::fs::OpenOptions;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use farshore_types::error::ErrorContext;
use farshore_types::{Clock, Error, Program, Result};
use rustix::event::{PollFd, PollFlags};
use rustix::fs::OFlags;
use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, pidfd_send_signal, waitid};

use super::identity::ProcessId;
use super::launch;
use crate::account::Account;

/// Makes a session and then becomes the program, so that the process id stays (setsid(1) of util-linux).
const SETSID: &str = "/usr/bin/setsid";
/// Longest single wait; the clock is looked at in between.
const WAIT_MAX: Duration = Duration::from_secs(1);

/// A server process, started by us or found again.
#[derive(Debug)]
pub struct Running {
    id: ProcessId,
    handle: OwnedFd,
}

impl Running {
    /// Starts a server; standard output and error are appended to a log file of mode 0600 that stays ours. Its input is
    /// empty; the program's deadline does not count. A program that cannot be executed ends at once with status 126 or
    /// 127 and a line in the log.
    pub fn start(program: &Program, account: &Account, log_file: &Path) -> Result<Running> {
        let mut options = OpenOptions::new();
        options.append(true).create(true).mode(0o600).custom_flags(nofollow());
        let log = options.open(log_file).doing("open", log_file.display())?;
        let second = log.try_clone().doing("open", log_file.display())?;
        let mut command = launch::command(Path::new(SETSID), account)?;
        launch::environment(&mut command, program);
        command.arg(&program.path).args(&program.args).stdin(Stdio::null()).stdout(log).stderr(second);
        let mut child = command.spawn().doing("start", launch::name(program))?;
        let pid = i32::try_from(child.id()).map_err(|_| Error::bug("a process id is too large"))?;
        if let Some(running) = ProcessId::of(pid)?.map(Running::adopt).transpose()?.flatten() {
            return Ok(running);
        }
        // It has ended already: this does not wait.
        let status = child.wait().doing("wait for", launch::name(program))?;
        let what = format!("{} ended at once with {status}, see {}", launch::name(program), log_file.display());
        Err(Error::transient(what))
    }

    /// Takes over a process that is running already, without touching it; `None` when it is gone.
    pub fn adopt(id: ProcessId) -> Result<Option<Running>> {
        Ok(id.handle()?.map(|handle| Running { id, handle }))
    }

    /// Lets the kernel forget a dead child of ours that nobody waited for, because its handle was dropped before it ended. Nothing
    /// happens where there is none.
    pub fn bury(pid: i32) {
        let Some(pid) = Pid::from_raw(pid) else { return };
        let outcome = waitid(WaitId::Pid(pid), WaitIdOptions::EXITED | WaitIdOptions::NOHANG);
        tracing::debug!(pid = pid.as_raw_nonzero(), ?outcome, "server that nobody waited for");
    }

    /// Which process it is; store it.
    pub fn id(&self) -> &ProcessId {
        &self.id
    }

    /// Whether it still runs.
    pub fn is_alive(&self) -> Result<bool> {
        let ended = launch::has_ended(&self.handle)?;
        if ended {
            self.reap();
        }
        Ok(!ended)
    }

    /// Sends a signal; nothing happens when it is gone.
    pub fn signal(&self, signal: Signal) -> Result<()> {
        match pidfd_send_signal(&self.handle, signal) {
            Ok(()) | Err(rustix::io::Errno::SRCH) => Ok(()),
            Err(error) => Err(Error::io(error.into(), "signal process", self.id.pid)),
        }
    }

    /// Waits for its end; false when it still runs after this long.
    pub fn wait(&self, length: Duration, clock: &dyn Clock) -> Result<bool> {
        let until = clock.monotonic().saturating_add(length);
        while self.is_alive()? {
            let left = until.saturating_sub(clock.monotonic());
            if left.is_zero() {
                return Ok(false);
            }
            launch::wait_ready(&mut [PollFd::new(&self.handle, PollFlags::IN)], left.min(WAIT_MAX))?;
        }
        Ok(true)
    }

    /// Takes the exit status, if it is our child, so that the kernel can forget it.
    fn reap(&self) {
        let outcome = waitid(WaitId::PidFd(self.handle.as_fd()), WaitIdOptions::EXITED | WaitIdOptions::NOHANG);
        tracing::debug!(pid = self.id.pid, ?outcome, "server ended");
    }
}

fn nofollow() -> i32 {
    // The bits are those of open(2) on this machine; they fit.
    i32::try_from(OFlags::NOFOLLOW.bits()).unwrap_or(0)
}
