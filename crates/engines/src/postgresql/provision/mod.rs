//! Making, starting and stopping clusters. Nothing is started here: the functions return [`Program`] values, which the
//! agent runs as the unprivileged user of the server and whose effect it checks ([`readiness`], [`Postmaster`]).
//!
//! Every program may be run again: initdb refuses a directory that is not empty, start and stop of what is already so
//! fail without harm.

mod extensions;
mod folders;
mod installations;
mod postmaster;
mod render;

use std::path::Path;
use std::time::Duration;

use farshore_types::{Program, Result};

use super::conf;

pub use extensions::Extension;
pub use folders::{Folders, folders_program};
pub use installations::{Installation, candidates, version_program};
pub use postmaster::{Postmaster, Probe, Readiness, readiness};
pub use render::{Configuration, Door, Statistics};

/// initdb copies some 40 MB and syncs them.
const INITDB_DEADLINE: Duration = Duration::from_secs(5 * 60);
/// `pg_ctl` gives up by itself first, this long before it is killed.
const MARGIN: Duration = Duration::from_secs(10);

/// Makes a cluster: page checksums, SCRAM, UTF-8, locale C.UTF-8. The password is read from a file, because arguments are
/// visible; the agent removes the file afterwards. [`Configuration::files`] are to be written next.
pub fn initdb(
    installation: &Installation,
    data_directory: &Path,
    superuser: &str,
    password_file: &Path,
) -> Result<Program> {
    conf::account(superuser)?;
    let (data, password) = (conf::path(data_directory)?, conf::path(password_file)?);
    let args = [
        "--pgdata",
        data,
        "--username",
        superuser,
        "--pwfile",
        password,
        "--auth=scram-sha-256",
        "--data-checksums",
        "--encoding=UTF8",
        "--locale=C.UTF-8",
    ];
    Ok(Program::new(installation.program("initdb")?, &args).within(INITDB_DEADLINE))
}

/// Starts a server in the background, in a session of its own, so that it outlives the agent; its output is appended to
/// a log file. The program ends when the server accepts connections, when it recovers without accepting any (a restore
/// does), or after `wait` with an error while the server goes on: [`readiness`] tells which.
pub fn start(installation: &Installation, data_directory: &Path, log_file: &Path, wait: Duration) -> Result<Program> {
    let log = conf::path(log_file)?;
    control(installation, data_directory, "start", wait, &["--log", log])
}

/// Stops a server: no new sessions, open transactions rolled back, a last checkpoint. It waits for walsenders, which wait
/// for their receivers: end the stream first, or go on confirming.
pub fn stop(installation: &Installation, data_directory: &Path, wait: Duration) -> Result<Program> {
    control(installation, data_directory, "stop", wait, &["--mode=fast"])
}

/// Ends recovery and opens a new timeline.
pub fn promote(installation: &Installation, data_directory: &Path, wait: Duration) -> Result<Program> {
    control(installation, data_directory, "promote", wait, &[])
}

/// Makes a server read its configuration files again. Ends before the server has done so.
pub fn reload(installation: &Installation, data_directory: &Path) -> Result<Program> {
    let args = ["reload", "--pgdata", conf::path(data_directory)?, "--silent"];
    Ok(Program::new(installation.program("pg_ctl")?, &args))
}

/// Exit status 0: running; 3: not running; 4: not a data directory.
pub fn status(installation: &Installation, data_directory: &Path) -> Result<Program> {
    Ok(Program::new(installation.program("pg_ctl")?, &["status", "--pgdata", conf::path(data_directory)?]))
}

fn control(
    installation: &Installation,
    data_directory: &Path,
    verb: &str,
    wait: Duration,
    more: &[&str],
) -> Result<Program> {
    let (data, seconds) = (conf::path(data_directory)?, wait.as_secs().max(1).to_string());
    let mut args = vec![verb, "--pgdata", data, "--silent", "--wait", "--timeout", &seconds];
    args.extend(more);
    Ok(Program::new(installation.program("pg_ctl")?, &args).within(wait.saturating_add(MARGIN)))
}
