//! Step 1: the regions' folders, and the keys, each made where it belongs.

use std::path::{Path, PathBuf};

use farshore_types::{Error, Result};

use super::scene::Scene;
use crate::commands::keygen;

/// The key files.
pub struct Keys {
    /// The first region's.
    pub north: PathBuf,
    /// The second region's.
    pub south: PathBuf,
    /// Kept by people.
    pub recovery: PathBuf,
    /// The public halves, which the first region's agent gets.
    pub south_public: String,
    /// Of the recovery key.
    pub recovery_public: String,
}

/// Makes folders and keys.
pub fn regions(scene: &Scene) -> Result<Keys> {
    scene.step(1, "Two regions, each with a store and a key of its own, and a recovery key that people keep.")?;
    scene.copy_program()?;
    for folder in [scene.north(), scene.south(), scene.outside(), scene.forks()] {
        scene.make(&folder)?;
    }
    let (north, south) = (scene.north().join("region.key"), scene.south().join("region.key"));
    let recovery = scene.outside().join("recovery.key");
    keygen::make(&north)?;
    let public = |file: &Path| -> Result<String> {
        let recipients = keygen::make(file)?.recipients();
        let first = recipients.first().ok_or_else(|| Error::bug("a new key file holds no key"))?;
        Ok(first.to_string())
    };
    let (south_public, recovery_public) = (public(&south)?, public(&recovery)?);
    scene.note(&format!("everything lies in {}", scene.folder.display()));
    Ok(Keys { north, south, recovery, south_public, recovery_public })
}

/// The address of a region's store.
pub fn store_url(region: &Path) -> String {
    format!("file://{}", region.join("store").display())
}

/// A path as an argument.
pub fn text(path: &Path) -> Result<&str> {
    path.to_str().ok_or_else(|| Error::invalid(format!("{} is not UTF-8", path.display())))
}
