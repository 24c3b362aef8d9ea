//! The keys: that of the second region is made where it belongs; the recovery key is the one that the platform printed.

use std::fs;
use std::path::{Path, PathBuf};

use farshore_types::error::ErrorContext;
use farshore_types::{Error, Result};
use farshore_vault::Recipient;

use super::scene::Scene;
use crate::commands::keygen;
use crate::platform::Place;

/// The key files.
pub struct Keys {
    /// The second region's.
    pub south: PathBuf,
    /// Kept by people.
    pub recovery: PathBuf,
    /// The public half of the second region's.
    pub south_public: Recipient,
}

impl Keys {
    /// Makes the second region's key.
    pub fn make(scene: &Scene) -> Result<Keys> {
        let (south, recovery) = (scene.south().join("region.key"), scene.outside().join("recovery.key"));
        let recipients = keygen::make(&south)?.recipients();
        let south_public = recipients.into_iter().next().ok_or_else(|| Error::bug("a new key file holds no key"))?;
        Ok(Keys { south, recovery, south_public })
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
