//! What every process that we start has in common: a minimal environment, the right user without further groups, a
//! working directory that everybody can enter.

use std::os::fd::AsFd;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use farshore_types::{Error, Program, Result};
use rustix::event::{PollFd, PollFlags, Timespec, poll};

use crate::account::Account;

const SEARCH_PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// A command for a file, as an account.
pub fn command(path: &Path, account: &Account) -> Result<Command> {
    if !path.is_absolute() {
        return Err(Error::invalid(format!("program {} is not an absolute path", path.display())));
    }
    let mut command = Command::new(path);
    command.env_clear().env("PATH", SEARCH_PATH).env("LANG", "C").env("TZ", "UTC").env("HOME", &account.home);
    command.current_dir("/");
    if account.is_foreign() {
        // Setting the user as root drops all further groups too (std::os::unix::process::CommandExt, "uid").
        command.uid(account.user).gid(account.group);
    }
    Ok(command)
}

/// Adds a program's own environment.
pub fn environment(command: &mut Command, program: &Program) {
    command.envs(program.env.iter().map(|(name, value)| (name, value)));
}

/// The program's file name, for messages.
pub fn name(program: &Program) -> String {
    program.path.file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned())
}

/// Waits until one of the descriptors is ready or the time is over; a signal may end it early.
pub fn wait_ready(descriptors: &mut [PollFd<'_>], length: Duration) -> Result<()> {
    let length =
        Timespec { tv_sec: i64::try_from(length.as_secs()).unwrap_or(i64::MAX), tv_nsec: length.subsec_nanos().into() };
    match poll(descriptors, Some(&length)) {
        Ok(_) | Err(rustix::io::Errno::INTR) => Ok(()),
        Err(error) => Err(Error::io(error.into(), "wait for", "a process")),
    }
}

/// Whether the process behind a handle has ended.
pub fn has_ended(handle: impl AsFd) -> Result<bool> {
    let mut descriptors = [PollFd::new(&handle, PollFlags::IN)];
    wait_ready(&mut descriptors, Duration::ZERO)?;
    let [descriptor] = &descriptors;
    Ok(!descriptor.revents().is_empty())
}
