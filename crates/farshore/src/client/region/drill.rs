//! A drill of losing a region: a file in the platform's folder asks for it, so that only who owns the folder can.
//!
//! Who dies, or is interrupted, after the file was put has asked for the drill; the platform carries it out, and `farshore region
//! return` ends it. The name of the file is that of a region the platform has.

use std::fs;
use std::path::{Path, PathBuf};

use farshore_agent::durable::{self, Rights};
use farshore_types::{Error, ErrorKind, RegionName, Result};
use serde_json::Value;

use super::elsewhere::{ask, named};
use crate::client::answers::Region;
use crate::client::caller::Client;
use crate::client::text::word;
use crate::client::watch::Seen;
use crate::platform::Place;

/// How long the platform may take to carry a drill out, or to end it.
const NOTICED_S_MAX: u64 = 60;
/// What is to happen to whoever reaches for the region.
const CONTENT: &[u8] = b"errors and hangs\n";

/// A drill in one region of the platform that works on a folder.
pub struct Drill {
    /// Its region before anything was done.
    pub region: Region,
    folder: PathBuf,
    file: PathBuf,
}

impl Drill {
    /// Refuses what is no region of the platform that works on this folder. Nothing is changed.
    pub fn find(client: &Client, folder: Option<&Path>, region: &str) -> Result<Drill> {
        let folder = folder.ok_or_else(|| {
            Error::invalid("a drill is asked for in the folder of the platform, and none was named")
                .hint("give --data DIR, on the platform's own machine")
        })?;
        let place = Place::existing(Some(folder))?;
        let (_, regions) = ask(client)?;
        let region = named(&regions, region)?.clone();
        // What comes from the network becomes the name of a file only if it is the name of a region.
        let name: RegionName = region.region.parse()?;
        if !place.drills().is_dir() {
            let what = format!("the platform on {} knows no drills", place.root().display());
            return Err(
                Error::conflict(what).hint("it is of an older version: start `farshore up` again with this one")
            );
        }
        let file = place.drills().join(name.as_str());
        Ok(Drill { region, folder: place.root().to_path_buf(), file })
    }

    /// Asks for it; may be repeated.
    pub fn begin(&self) -> Result<()> {
        durable::write(&self.file, CONTENT, Rights::PRIVATE)
    }

    /// Takes it back. Whether it was asked for.
    pub fn end(&self) -> Result<bool> {
        match fs::remove_file(&self.file) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(false),
            Err(error) => return Err(Error::io(error, "remove", self.file.display())),
            Ok(()) => {}
        }
        durable::sync_directory(self.file.parent().unwrap_or(&self.folder))?;
        Ok(true)
    }

    /// Waits until the region is down, or is not: the last answer about all regions.
    pub fn until(&self, client: &Client, state: &str) -> Result<Value> {
        let name = &self.region.region;
        let what = format!("the wait until region {name} is {state}");
        let late = |error: Error| match error.kind() {
            ErrorKind::Busy => error.hint(format!("what was asked for stays: farshore region list{}", self.typed())),
            _ => error,
        };
        let seen = client.until(NOTICED_S_MAX, &what, || {
            let (answer, regions) = ask(client)?;
            let now = named(&regions, name)?;
            Ok(match now.state == state {
                true => Seen::Done(answer),
                false => Seen::Going(format!("Region {name} is still {}", crate::client::text::plain(&now.state))),
            })
        });
        seen.map_err(late)
    }

    /// How the folder is typed behind a command.
    pub fn typed(&self) -> String {
        format!(" --data {}", word(&self.folder.display().to_string()))
    }
}
