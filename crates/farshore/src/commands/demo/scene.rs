//! Where the demo plays: its folder, its two regions, what it says, and the end of all that it started.
//!
//! Everything lies below one folder. Whatever ends the demo, [`Scene::close`] stops what still runs there, found by the working
//! directories of processes and the handles of our own children, never by name, and removes the folder unless it is to be kept.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use farshore_agent::account::check_reachable;
use farshore_agent::fleet::forget_user;
use farshore_agent::host::Host;
use farshore_agent::place::default_data_directory;
use farshore_agent::process::{ProcessId, Running, working_in};
use farshore_engines::postgresql::provision::Installation;
use farshore_engines::postgresql::wire::socket_path;
use farshore_types::error::ErrorContext;
use farshore_types::ids::hex;
use farshore_types::{Clock, Error, Progress, Result};
use rustix::process::Signal;

use crate::output;

/// The name of the second region on the platform.
pub const SOUTH: &str = "south";
/// The first region, as its platform calls it.
pub const REGION: &str = "local-north";
/// How long a process may take to end after a signal.
const END_PATIENCE: Duration = Duration::from_secs(20);
/// Between two looks at a condition.
const LOOK: Duration = Duration::from_millis(50);
/// Others may pass through, so that the server's user reaches its data, but not look around.
const FOLDER_MODE: u32 = 0o711;
/// The folder that makes the longest path of a socket.
const DEEPEST: &str = "north/host/local-north/nodes/pg-demo-0123456789abcdef/run";
/// Random bytes in the name of a folder that is not kept.
const NAME_BYTES: usize = 4;

/// The folder and all that it needs to be worked in.
pub struct Scene {
    /// The folder.
    pub folder: PathBuf,
    /// Whether it stays.
    pub keep: bool,
    /// Whose account, which clock.
    pub host: Host,
    /// The PostgreSQL of source and forks.
    pub installation: Installation,
    /// Set by Ctrl-C.
    pub stop: Arc<Progress>,
    /// Sentences go to standard error, so that standard output holds one JSON object.
    pub as_json: bool,
}

impl Scene {
    /// Makes the folder: the one to be kept, or a new one. Refuses one that the server's user cannot enter.
    pub fn folder_for(keep: Option<&Path>, host: &Host) -> Result<PathBuf> {
        let folder = match keep {
            Some(folder) => std::path::absolute(folder).doing("find", folder.display())?,
            None => {
                let mut drawn = [0; NAME_BYTES];
                host.entropy.fill(&mut drawn)?;
                default_data_directory(|name| std::env::var_os(name))?.join(format!("demo-{}", hex(&drawn)))
            }
        };
        check_reachable(&folder, &host.engines)?;
        socket_path(&folder.join(DEEPEST), u16::MAX)?;
        let parent = folder.parent().unwrap_or(Path::new("/"));
        if !parent.exists() {
            fs::create_dir_all(parent).doing("make", parent.display())?;
            fs::set_permissions(parent, Permissions::from_mode(FOLDER_MODE)).doing("open", parent.display())?;
        }
        fs::create_dir_all(&folder).doing("make", folder.display())?;
        if fs::read_dir(&folder).doing("look into", folder.display())?.next().is_some() {
            let what = format!("{} is not empty", folder.display());
            return Err(Error::conflict(what).hint("give --keep a new folder"));
        }
        fs::set_permissions(&folder, Permissions::from_mode(FOLDER_MODE)).doing("open", folder.display())?;
        Ok(folder)
    }

    /// The first region, which will be lost: all that its platform has.
    pub fn north(&self) -> PathBuf {
        self.folder.join("north")
    }

    /// The first region's store.
    pub fn north_store(&self) -> PathBuf {
        self.north().join("regions").join(REGION)
    }

    /// The nodes of its services.
    pub fn nodes(&self) -> PathBuf {
        self.north().join("host").join(REGION).join("nodes")
    }

    /// The second region's store.
    pub fn south_store(&self) -> PathBuf {
        self.south().join("store")
    }

    /// The second region: store and key file.
    pub fn south(&self) -> PathBuf {
        self.folder.join("south")
    }

    /// What belongs to no region: the recovery key, the log of acknowledged commits.
    pub fn outside(&self) -> PathBuf {
        self.folder.join("outside")
    }

    /// The forks.
    pub fn forks(&self) -> PathBuf {
        self.folder.join("forks")
    }

    /// This program: a copy in the folder, which the server's user can reach and which stays if the original is built anew.
    pub fn program(&self) -> PathBuf {
        self.folder.join("farshore")
    }

    /// Makes that copy.
    pub fn copy_program(&self) -> Result<()> {
        let copy = self.program();
        fs::copy("/proc/self/exe", &copy).doing("copy this program to", copy.display())?;
        fs::set_permissions(&copy, Permissions::from_mode(0o755)).doing("open", copy.display())
    }

    /// Makes one of these folders, open to those who know its name.
    pub fn make(&self, folder: &Path) -> Result<()> {
        fs::create_dir(folder).doing("make", folder.display())?;
        fs::set_permissions(folder, Permissions::from_mode(FOLDER_MODE)).doing("open", folder.display())
    }

    /// Time.
    pub fn clock(&self) -> &Arc<dyn Clock> {
        &self.host.clock
    }

    /// Announces a step; fails once Ctrl-C was pressed.
    pub fn step(&self, number: u32, text: &str) -> Result<()> {
        self.go_on()?;
        self.say(&format!("{number}. {text}"));
        Ok(())
    }

    /// Says something about a step.
    pub fn note(&self, text: &str) {
        self.say(&format!("   {text}"));
    }

    /// A line for people.
    pub fn say(&self, text: &str) {
        match self.as_json {
            true => eprintln!("{text}"),
            false => output::say(text),
        }
    }

    /// Fails once Ctrl-C was pressed.
    pub fn go_on(&self) -> Result<()> {
        self.stop.go_on().map_err(|_| Error::busy("the demo was interrupted"))
    }

    /// Lets time pass, unless Ctrl-C is pressed.
    pub fn pause(&self, length: Duration) -> Result<()> {
        let until = self.clock().monotonic() + length;
        while self.clock().monotonic() < until {
            self.go_on()?;
            self.clock().pause(LOOK);
        }
        Ok(())
    }

    /// Waits until `look` gives something.
    pub fn wait_for<T>(
        &self,
        what: &str,
        patience: Duration,
        look: &mut dyn FnMut() -> Result<Option<T>>,
    ) -> Result<T> {
        let until = self.clock().monotonic() + patience;
        loop {
            self.go_on()?;
            if let Some(found) = look()? {
                return Ok(found);
            }
            if self.clock().monotonic() >= until {
                return Err(Error::transient(format!("{what} did not happen within {} s", patience.as_secs())));
            }
            self.clock().pause(LOOK);
        }
    }

    /// Ends what runs in the folder; removes it unless it is kept. `running` is left alone with its folder.
    pub fn close(&self, running: Option<&Path>) -> Result<()> {
        for data in self.data_directories() {
            if running.is_none_or(|volume| volume.join("data") != data) {
                end_all(&data, Signal::QUIT, &**self.clock())?;
            }
        }
        if !self.keep && self.folder.exists() {
            for volume in children(&self.nodes()) {
                self.forget_user(&volume)?;
            }
            fs::remove_dir_all(&self.folder).doing("remove", self.folder.display())?;
        }
        Ok(())
    }

    fn data_directories(&self) -> Vec<PathBuf> {
        let volumes = children(&self.forks()).into_iter().chain(children(&self.nodes()));
        volumes.map(|volume| volume.join("data")).filter(|data| data.is_dir()).collect()
    }

    /// Removes the operating system user that a node of the platform ran as.
    pub fn forget_user(&self, volume: &Path) -> Result<()> {
        let service = volume.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        forget_user(&self.host, &service.parse()?)
    }
}

/// What lies in a folder; nothing if it is not there.
fn children(folder: &Path) -> Vec<PathBuf> {
    fs::read_dir(folder).into_iter().flatten().flatten().map(|item| item.path()).collect()
}

/// Ends every process that works in a folder, and what ignores the signal with SIGKILL.
pub fn end_all(folder: &Path, signal: Signal, clock: &dyn Clock) -> Result<()> {
    send_all(folder, signal)?;
    let until = clock.monotonic() + END_PATIENCE;
    while !working_in(folder)?.is_empty() {
        if clock.monotonic() >= until {
            send_all(folder, Signal::KILL)?;
        }
        clock.pause(LOOK);
    }
    Ok(())
}

fn send_all(folder: &Path, signal: Signal) -> Result<()> {
    for pid in working_in(folder)? {
        let Some(running) = ProcessId::of(pid)?.map(Running::adopt).transpose()?.flatten() else { continue };
        // The handle is of the process with this id now: is that still one that works here?
        if working_in(folder)?.contains(&pid) {
            running.signal(signal)?;
        }
    }
    Ok(())
}
