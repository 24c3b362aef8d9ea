//! Which database servers this machine has.

use std::path::Path;

use farshore_agent::host::Host;
use farshore_engines::postgresql::provision::{Installation, candidates, version_program};
use farshore_types::{Error, Result};

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
        true => {
            Err(Error::missing("no PostgreSQL server is installed here")
                .hint("`farshore doctor` says how to install one"))
        }
        false => Ok(found),
    }
}

/// The newest installation.
pub fn newest(host: &Host, explicit: Option<&Path>) -> Result<Installation> {
    let missing = || Error::missing("no PostgreSQL server is installed here").hint("`farshore doctor` says how");
    postgresql(host, explicit)?.into_iter().next().ok_or_else(missing)
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
