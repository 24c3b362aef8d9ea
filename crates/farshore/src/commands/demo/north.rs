//! The first region while it lives: an agent that made its server and protects it.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use farshore_agent::place::free_port;
use farshore_agent::tasks::protect::{Status, Summary, ask};
use farshore_types::error::ErrorContext;
use farshore_types::{Error, Progress, Result, units};

use super::children::Child;
use super::forks::SERVICE;
use super::keys::{Keys, store_url, text};
use super::scene::Scene;
use crate::progress;

/// For a server to be made and its first backup to be taken.
const PATIENCE: Duration = Duration::from_secs(300);
const BACKUP_PATIENCE: Duration = Duration::from_secs(1800);
/// How long an answer about the agent's state may take.
const STATUS_PATIENCE: Duration = Duration::from_secs(30);
/// How often a running backup is looked at.
const LOOK: Duration = Duration::from_millis(250);

/// The agent of the first region.
pub struct North {
    /// Its process.
    pub agent: Child,
    /// The server's folder.
    pub volume: PathBuf,
    /// The server's port.
    pub port: u16,
    socket: PathBuf,
}

impl North {
    /// Starts it, and waits until its server runs and a first backup exists.
    pub fn start(scene: &Scene, keys: &Keys) -> Result<North> {
        let (folder, volume) = (scene.north(), scene.north().join("node"));
        let port = free_port(&Default::default(), &*scene.host.entropy)?;
        let socket = folder.join("agent.sock");
        let port_text = port.to_string();
        let args = [
            ["--data", text(&volume)?],
            ["--store", &store_url(&folder)],
            ["--identity", text(&keys.north)?],
            ["--recipient", &keys.south_public],
            ["--recipient", &keys.recovery_public],
            ["--service", SERVICE],
            ["--control", text(&socket)?],
            ["--port", &port_text],
            ["--bin", text(&scene.installation.bin_directory)?],
        ];
        let mut all = vec!["agent", "pg"];
        all.extend(args.iter().flatten());
        let agent = Child::start(scene, "the agent", &all, &folder.join("agent.log"))?;
        let north = North { agent, volume, port, socket };
        let status = scene.wait_for("the first backup", PATIENCE, &mut || {
            north.agent.check()?;
            Ok(ask(&north.socket, "status", STATUS_PATIENCE).ok().filter(|status| status.backups > 0))
        })?;
        let first = status.last_backup.map_or(0, |backup| backup.new);
        let pid = north.agent.pid();
        scene.note(&format!("agent {pid} has made it and taken a first backup: {}", units::bytes(first)));
        Ok(north)
    }

    /// Asks the agent for a backup, and shows how far it is.
    pub fn backup(&self, scene: &Scene, request: &str) -> Result<Summary> {
        let counted = Arc::new(Progress::default());
        let shown = progress::show(request, counted.clone(), scene.clock().clone());
        let status = std::thread::scope(|scope| {
            let asking = scope.spawn(|| ask(&self.socket, request, BACKUP_PATIENCE));
            let mut seen = (0, 0);
            while !asking.is_finished() {
                let running = ask(&self.socket, "status", STATUS_PATIENCE).ok().and_then(|status| status.running);
                if let Some((done, total)) = running {
                    counted.add_bytes(done.saturating_sub(seen.0));
                    counted.expect_bytes(total.saturating_sub(seen.1));
                    seen = (seen.0.max(done), seen.1.max(total));
                }
                scene.clock().pause(LOOK);
            }
            asking.join().map_err(|_| Error::bug("the thread that asks the agent panicked"))?
        })?;
        drop(shown);
        taken(status, request == "backup full").doing("take a", request)
    }
}

fn taken(status: Status, full: bool) -> Result<Summary> {
    if let Some(trouble) = status.backup_trouble {
        return Err(Error::transient(trouble));
    }
    let backup = status.last_backup.ok_or_else(|| Error::bug("the agent has taken no backup"))?;
    match backup.full == full && backup.bad_pages == 0 {
        true => Ok(backup),
        false => Err(Error::bug(format!("the agent took another backup: {backup:?}"))),
    }
}
