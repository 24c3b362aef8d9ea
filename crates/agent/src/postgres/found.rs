//! Servers that run already, found by what they cannot hide: a server of PostgreSQL works in its data directory, all its
//! processes too, and the first of them stands in `postmaster.pid`.

use std::fs;
use std::path::Path;

use farshore_engines::postgresql::provision::Postmaster;
use farshore_types::Result;

use crate::process::{ProcessId, working_in};

/// The name that the kernel shows for every process of a server; fixed when the program is executed.
const PROGRAM: &str = "postgres";

/// The living server of a data directory.
pub fn server(data: &Path) -> Result<Option<ProcessId>> {
    let Some(postmaster) = Postmaster::read(data)? else { return Ok(None) };
    if !processes(data)?.contains(&postmaster.pid) {
        return Ok(None);
    }
    ProcessId::of(postmaster.pid)
}

/// All living processes of a server in a data directory, also those that survived it for a moment.
pub fn processes(data: &Path) -> Result<Vec<i32>> {
    let mut found = working_in(data)?;
    found.retain(|pid| fs::read_to_string(format!("/proc/{pid}/comm")).is_ok_and(|name| name.trim() == PROGRAM));
    Ok(found)
}
