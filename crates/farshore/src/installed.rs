//! Which database servers this machine has, with their extensions, and what installs one where there is none.

use std::collections::BTreeMap;
use std::path::Path;

use farshore_agent::host::Host;
use farshore_agent::postgres::folders;
use farshore_control::hosts::Extension;
use farshore_engines::postgresql::provision::{self, Installation, candidates, version_program};
use farshore_types::{Error, Result};

/// Installs Debian's server without starting one; for root.
pub const INSTALL: [&str; 2] = [
    "mkdir -p /etc/postgresql-common && echo 'create_main_cluster = false' >> /etc/postgresql-common/createcluster.conf",
    "apt-get install postgresql",
];

/// The PostgreSQL installations, newest first; `explicit` alone if given.
pub fn postgresql(host: &Host, explicit: Option<&Path>) -> Result<Vec<Installation>> {
    let search_path = std::env::var_os("PATH").filter(|_| explicit.is_none());
    let mut found = Vec::new();
    for folder in candidates(explicit, search_path.as_deref()) {
        if explicit.is_some_and(|explicit| explicit != folder) {
            continue;
        }
        let printed = host.run(&version_program(&folder))?.text();
        found.push(Installation::parse(&folder, &printed)?);
    }
    found.sort_by_key(|installation| std::cmp::Reverse(installation.major));
    match found.is_empty() {
        true => Err(none()),
        false => Ok(found),
    }
}

/// Extensions that the owner of a database may make, for each major version; none where an installation hides its folders.
pub fn extensions(host: &Host) -> Result<Vec<(u32, Vec<Extension>)>> {
    let mut found = BTreeMap::new();
    for installation in postgresql(host, None)? {
        // Of two installations of a version the first one is used.
        if found.contains_key(&installation.major) {
            continue;
        }
        let offered = folders(host, &installation)?.map(|folders| folders.offered()).transpose()?.unwrap_or_default();
        let extension = |one: provision::Extension| Extension { name: one.name, versions: one.versions };
        found.insert(installation.major, offered.into_iter().map(extension).collect());
    }
    Ok(found.into_iter().collect())
}

/// The newest installation.
pub fn newest(host: &Host, explicit: Option<&Path>) -> Result<Installation> {
    postgresql(host, explicit)?.into_iter().next().ok_or_else(none)
}

/// Says what `farshore doctor` says, for somebody who may not be at this machine.
fn none() -> Error {
    let install = INSTALL.join(" && ");
    Error::missing("no PostgreSQL server is installed here")
        .hint(format!("install it as root: `{install}`; `farshore doctor` says more"))
}

/// The installation of one major version.
pub fn major(host: &Host, explicit: Option<&Path>, wanted: u32) -> Result<Installation> {
    let found = postgresql(host, explicit)?;
    let here: Vec<String> = found.iter().map(|installation| installation.major.to_string()).collect();
    found.into_iter().find(|installation| installation.major == wanted).ok_or_else(|| {
        let what = format!("the backup is of PostgreSQL {wanted}, here is {}", here.join(" and "));
        Error::invalid(what).hint(format!("install PostgreSQL {wanted}, or name its programs with --bin"))
    })
}
