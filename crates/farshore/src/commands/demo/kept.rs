//! What is left for people with `--keep`: a fork that runs, and `README.txt`.

use std::fs;
use std::path::Path;

use farshore_types::Result;
use farshore_types::error::ErrorContext;

use super::checks::psql;
use super::forks::South;
use super::keys::Keys;
use super::scene::Scene;

/// Writes the file.
pub fn write_readme(scene: &Scene, south: &South, keys: &Keys, volume: &Path, port: u16) -> Result<()> {
    let folder = scene.folder.display();
    let store = format!("{}/{}", south.store, south.service);
    let (key, recovery) = (keys.south.display(), keys.recovery.display());
    let text = format!(
        "This folder was made by `farshore demo --keep`.\n\n\
         Region south, with its own key:\n\
         --store {store} --identity {key}\n\n\
         Region south, with the recovery key:\n\
         --store {store} --identity {recovery}\n\n\
         Region north is gone: its platform, its keys and its databases were destroyed, and that is the point.\n\n\
         The fork to the moment before the mistake runs:\n\
         {}\n\n\
         What can be done with a region's line, for example:\n\
         farshore vault list --store {store} --identity {key}\n\
         farshore vault verify --store {store} --identity {key}\n\n\
         Stop everything:\n\
         farshore down --data {folder}\n",
        psql(volume, port)
    );
    let path = scene.folder.join("README.txt");
    fs::write(&path, text).doing("write", path.display())
}
