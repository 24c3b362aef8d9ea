//! The separate processes of the demo: this same program, started anew with nothing but its arguments.
//!
//! One of them runs for minutes, the first region's platform; it is ended when its handle is dropped, so no way out of the demo leaves
//! it behind. The others run to their end, within a deadline.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use farshore_agent::process::{Running, run};
use farshore_types::error::ErrorContext;
use farshore_types::{Clock, Error, Program, Progress, Result};
use rustix::process::Signal;
use serde_json::Value;

use super::scene::Scene;

/// From SIGTERM to SIGKILL.
const GRACE: Duration = Duration::from_secs(20);
/// How long the kernel may take to end a killed process.
const KILL_PATIENCE: Duration = Duration::from_secs(10);
/// How often a growing folder is measured.
const MEASURE: Duration = Duration::from_millis(500);
/// The end of a child's log that is shown when it ended by itself.
const LAST_WORDS_BYTES: usize = 1000;

/// A child that runs beside the demo.
pub struct Child {
    name: &'static str,
    running: Running,
    log: PathBuf,
    clock: Arc<dyn Clock>,
}

impl Child {
    /// Starts `farshore` with these arguments; what it says is appended to `log`.
    pub fn start(scene: &Scene, name: &'static str, args: &[&str], log: &Path) -> Result<Child> {
        let running =
            Running::start(&Program::new(scene.program(), args), &scene.host.agent, log).doing("start", name)?;
        Ok(Child { name, running, log: log.to_path_buf(), clock: scene.clock().clone() })
    }

    /// Its process id.
    pub fn pid(&self) -> i32 {
        self.running.id().pid
    }

    /// Fails with its last words if it has ended by itself.
    pub fn check(&self) -> Result<()> {
        if self.running.is_alive()? {
            return Ok(());
        }
        let said = fs::read_to_string(&self.log).unwrap_or_default();
        let from = said.char_indices().rev().nth(LAST_WORDS_BYTES).map_or(0, |(at, _)| at);
        let said = said.get(from..).unwrap_or_default().trim().replace('\n', "; ");
        Err(Error::transient(format!("{} has ended: {said}", self.name)))
    }

    /// SIGKILL: it cannot do anything about it.
    pub fn kill(&self) -> Result<()> {
        self.running.signal(Signal::KILL)?;
        match self.running.wait(KILL_PATIENCE, &*self.clock)? {
            true => Ok(()),
            false => Err(Error::transient(format!("{} was killed and does not end", self.name))),
        }
    }

    /// SIGTERM, and SIGKILL if that is not enough.
    pub fn end(&self) -> Result<()> {
        self.running.signal(Signal::TERM)?;
        match self.running.wait(GRACE, &*self.clock)? {
            true => Ok(()),
            false => self.kill(),
        }
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        if let Err(error) = self.end() {
            tracing::error!(%error, pid = self.pid(), "{} may still run", self.name);
        }
    }
}

/// Runs `farshore ARGS --json` as a fresh process to its end; gives the JSON that it printed and its exit status.
pub fn farshore(scene: &Scene, args: &[&str], deadline: Duration) -> Result<(Value, i32)> {
    scene.go_on()?;
    let mut all = args.to_vec();
    all.push("--json");
    let program = Program::new(scene.program(), &all).within(deadline);
    let outcome = run(&program, &scene.host.agent, &**scene.clock())?;
    let words = args.iter().take(2).copied().collect::<Vec<_>>().join(" ");
    let parsed = serde_json::from_str(&outcome.text()).map_err(|_| {
        let said = String::from_utf8_lossy(&outcome.stderr).trim().replace('\n', "; ");
        Error::transient(format!("farshore {words} ended with status {} and printed no JSON: {said}", outcome.code))
    })?;
    Ok((parsed, outcome.code))
}

/// As [`farshore`]; its error is ours.
pub fn farshore_checked(scene: &Scene, args: &[&str], deadline: Duration) -> Result<Value> {
    let (value, code) = farshore(scene, args, deadline)?;
    match (value.pointer("/error/message").and_then(Value::as_str), code) {
        (None, 0) => Ok(value),
        (message, _) => {
            let words = args.iter().take(2).copied().collect::<Vec<_>>().join(" ");
            let message = message.map_or_else(|| value.to_string(), str::to_string);
            Err(Error::transient(format!("farshore {words} failed: {message}")))
        }
    }
}

/// Counts the bytes of files below a folder while `work` runs.
pub fn while_growing<T>(scene: &Scene, folder: &Path, progress: &Progress, work: impl FnOnce() -> T) -> T {
    let ended = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let mut seen = 0;
            while !ended.load(Ordering::Relaxed) {
                let now = size_of(folder);
                progress.add_bytes(now.saturating_sub(seen));
                seen = seen.max(now);
                scene.clock().pause(MEASURE);
            }
        });
        let outcome = work();
        ended.store(true, Ordering::Relaxed);
        outcome
    })
}

/// Bytes of all files below a folder; links are not followed, what vanishes meanwhile does not count.
fn size_of(folder: &Path) -> u64 {
    let (mut total, mut folders) = (0, vec![folder.to_path_buf()]);
    while let Some(folder) = folders.pop() {
        for item in fs::read_dir(&folder).into_iter().flatten().flatten() {
            match item.metadata() {
                Ok(status) if status.is_dir() => folders.push(item.path()),
                Ok(status) => total += status.len(),
                Err(_) => {}
            }
        }
    }
    total
}
