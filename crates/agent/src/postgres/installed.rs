//! Where the installation of a node, or one of this host, keeps its libraries and extensions.

use farshore_engines::postgresql::provision::{Folders, Installation, Statistics, folders_program};
use farshore_engines::postgresql::statements;
use farshore_types::Result;

use crate::host::Host;

/// The folders of an installation; `None` where they cannot be found.
pub fn folders(host: &Host, installation: &Installation) -> Result<Option<Folders>> {
    // An installation whose program for that fails is looked at by itself.
    let printed = folders_program(installation)?.and_then(|program| match host.run(&program) {
        Ok(outcome) => Some(outcome.text()),
        Err(error) => {
            tracing::debug!(%error, "an installation does not say where it keeps its libraries");
            None
        }
    });
    Ok(Folders::find(installation, printed.as_deref()))
}

/// Whether a server of this installation can count its queries.
pub fn statistics(host: &Host, installation: &Installation) -> Result<Statistics> {
    let there = folders(host, installation)?.is_some_and(|folders| folders.has_library(statements::LIBRARY));
    Ok(if there { Statistics::Kept } else { Statistics::Unavailable })
}
