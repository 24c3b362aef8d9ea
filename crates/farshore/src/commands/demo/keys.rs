//! The keys, as the platform has made them: that of the second region is kept there, too; the recovery key is moved away.

use std::fs;
use std::path::{Path, PathBuf};

use farshore_agent::durable::{self, Rights};
use farshore_types::error::ErrorContext;
use farshore_types::{Error, Result};

use super::scene::{SOUTH, Scene};
use crate::platform::Place;

/// The key files.
pub struct Keys {
    /// The second region's.
    pub south: PathBuf,
    /// Kept by people.
    pub recovery: PathBuf,
}

impl Keys {
    /// Keeps the second region's key in that region: with it and the store there everything can be restored.
    pub fn keep(scene: &Scene) -> Result<Keys> {
        let (south, recovery) = (scene.south().join("region.key"), scene.outside().join("recovery.key"));
        let made = Place::existing(Some(&scene.north()))?.region_key(SOUTH);
        let key = fs::read(&made).doing("read", made.display())?;
        durable::write(&south, &key, Rights::PRIVATE)?;
        Ok(Keys { south, recovery })
    }

    /// Moves the recovery key away from the platform, as the platform asks when it starts.
    pub fn move_recovery(&self, scene: &Scene) -> Result<()> {
        let place = Place::existing(Some(&scene.north()))?;
        let from = place.recovery_key();
        fs::copy(&from, &self.recovery).doing("move", from.display())?;
        fs::remove_file(&from).doing("remove", from.display())?;
        scene.note(&format!("its recovery key is moved away, as it asks: {}", self.recovery.display()));
        Ok(())
    }
}

/// The address of a store in a folder.
pub fn store_url(folder: &Path) -> String {
    format!("file://{}", folder.display())
}

/// A path as an argument.
pub fn text(path: &Path) -> Result<&str> {
    path.to_str().ok_or_else(|| Error::invalid(format!("{} is not UTF-8", path.display())))
}
