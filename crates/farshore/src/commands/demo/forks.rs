//! Forks, each by a fresh process that is given the second region's store and a key file, and nothing else.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use farshore_types::{Error, Progress, Result, units};
use serde_json::Value;

use super::acknowledged::Until;
use super::checks::Subject;
use super::children::{farshore, farshore_checked, while_growing};
use super::scene::Scene;
use crate::progress;

/// For files, log and a first backup.
const FORK_DEADLINE: Duration = Duration::from_secs(1800);
/// The first fork as a service of its own.
pub const FORK_SERVICE: &str = "pg-demo-fork";

/// What the processes are told of the second region.
pub struct South {
    /// The address of its store.
    pub store: String,
    /// The service in it.
    pub service: String,
}

/// A fork to be made.
pub struct Order<'a> {
    /// Its folder's name.
    pub name: &'static str,
    /// What it is, for people.
    pub title: &'static str,
    /// Target and further arguments.
    pub args: Vec<String>,
    /// The only key that the process gets.
    pub key: &'a Path,
    /// What must be in it.
    pub until: Until,
    /// Whether it stands before the mistake.
    pub before_mistake: bool,
}

/// A fork that is open.
pub struct Made<'a> {
    /// For its checks.
    pub subject: Subject<'a>,
    /// From the start of its process until it could be used.
    pub open_seconds: f64,
    /// The command, for people.
    pub command: String,
}

impl Order<'_> {
    /// Runs the process.
    pub fn make<'a>(&self, scene: &'a Scene, south: &South, bytes: u64) -> Result<Made<'a>> {
        let volume = scene.forks().join(self.name);
        let args = self.command(scene, south, &volume)?;
        let borrowed: Vec<&str> = args.iter().map(String::as_str).collect();
        let counted = Arc::new(Progress::default());
        counted.expect_bytes(bytes);
        let shown = progress::show(&format!("fork {}", self.name), counted.clone(), scene.clock().clone());
        let answer = while_growing(scene, &volume.join("data").join("base"), &counted, || {
            farshore_checked(scene, &borrowed, FORK_DEADLINE)
        })?;
        drop(shown);
        let number = |name: &str| answer.get(name).and_then(Value::as_f64);
        let wrong = || Error::bug(format!("farshore fork answered {answer}"));
        let open_seconds = number("open_seconds").ok_or_else(wrong)?;
        let port = answer.get("port").and_then(Value::as_u64).and_then(|port| u16::try_from(port).ok());
        let restored = answer.get("restored_bytes").and_then(Value::as_u64).unwrap_or(0);
        let segments = answer.get("segments").and_then(Value::as_u64).unwrap_or(0);
        scene.note(&format!(
            "open after {open_seconds:.1} s: {} of files in {:.1} s, {segments} segments of log in {:.1} s",
            units::bytes(restored),
            number("restore_seconds").unwrap_or(0.0),
            number("recovery_seconds").unwrap_or(0.0)
        ));
        let (until, before_mistake) = (self.until, self.before_mistake);
        let subject = Subject { scene, volume, port: port.ok_or_else(wrong)?, until, before_mistake };
        Ok(Made { subject, open_seconds, command: format!("farshore {}", args.join(" ")) })
    }

    fn command(&self, scene: &Scene, south: &South, volume: &Path) -> Result<Vec<String>> {
        let mut args = base(scene, south, self.key, volume)?;
        args.extend(self.args.iter().cloned());
        Ok(args)
    }
}

fn base(scene: &Scene, south: &South, key: &Path, volume: &Path) -> Result<Vec<String>> {
    let text = |path: &Path| {
        let text = path.to_str().map(str::to_string);
        text.ok_or_else(|| Error::invalid(format!("{} is not UTF-8", path.display())))
    };
    let bin = text(&scene.installation.bin_directory)?;
    let (key, volume) = (text(key)?, text(volume)?);
    let args = [
        "fork",
        "pg",
        "--store",
        &south.store,
        "--service",
        &south.service,
        "--identity",
        &key,
        "--data",
        &volume,
        "--bin",
        &bin,
    ];
    Ok(args.map(str::to_string).to_vec())
}

/// A fork to a moment that nobody has: gives the refusal. Nothing may have been made.
pub fn refused(scene: &Scene, south: &South, key: &Path, moment: &str) -> Result<(bool, String)> {
    let volume: PathBuf = scene.forks().join("refused");
    let mut args = base(scene, south, key, &volume)?;
    args.extend(["--at".to_string(), moment.to_string()]);
    let borrowed: Vec<&str> = args.iter().map(String::as_str).collect();
    let (answer, code) = farshore(scene, &borrowed, FORK_DEADLINE)?;
    let message = answer.pointer("/error/message").and_then(Value::as_str).unwrap_or_default().to_string();
    let names_both_ends = message.contains(" from ") && message.contains(" to ") && message.contains(moment);
    Ok((code == 2 && names_both_ends && !volume.exists(), message))
}
