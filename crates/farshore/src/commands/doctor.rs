//! `farshore doctor`: what is usable on this machine, and the command that installs what is missing.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use farshore_engines::postgresql::provision::candidates;
use farshore_types::Result;
use serde_json::json;

use crate::installed::INSTALL;
use crate::output;
use crate::platform::Place;

/// Programs of a PostgreSQL installation beyond the server, and what is not possible without them.
const EXTRAS: [(&str, &str); 3] =
    [("pg_amcheck", "checking restored databases"), ("pg_dump", "logical exports"), ("pgbench", "the demo's load")];

/// Looks, and prints. Exit status 1 if no database server is usable.
pub fn run(data: Option<&Path>, as_json: bool) -> Result<ExitCode> {
    let search_path = std::env::var_os("PATH");
    let found = candidates(None, search_path.as_deref());
    let root = rustix::process::geteuid().is_root();
    let engine_user = !root
        || std::fs::read_to_string("/etc/passwd")
            .is_ok_and(|text| text.lines().any(|line| line.starts_with("postgres:")));
    let left = secrets_left(data)?;
    let usable = !found.is_empty() && engine_user;
    if as_json {
        output::json(
            &json!({"postgresql": found, "root": root, "engine_user": engine_user, "usable": usable, "move_away": left}),
        );
        return Ok(status(usable));
    }
    say_servers(&found);
    match (root, engine_user) {
        (true, true) => output::say("Databases run as user postgres; their data may lie in /var/lib/farshore."),
        (true, false) => {
            output::say("User postgres is missing: databases do not run as root. adduser --system --group postgres");
        }
        (false, _) => output::say("Databases run as you; their data may lie in ~/.local/share/farshore."),
    }
    if let Some(path) = &left {
        output::say(&format!("The recovery key still lies here: {}", path.display()));
        output::say(
            "  it opens every backup, and is lost with this machine. Move it to another place, then remove it here.",
        );
    }
    Ok(status(usable))
}

fn say_servers(found: &[PathBuf]) {
    if found.is_empty() {
        output::say("PostgreSQL: not found.");
        output::say("  install it without starting a server: as root,");
        for command in INSTALL {
            output::say(&format!("  {command}"));
        }
    }
    for folder in found {
        output::say(&format!("PostgreSQL: {}", folder.display()));
        for (program, what) in EXTRAS {
            if !folder.join(program).is_file() && !Path::new("/usr/bin").join(program).is_file() {
                output::say(&format!("  {program} is missing: no {what}. apt-get install postgresql-contrib"));
            }
        }
    }
}

/// The recovery key of a platform, where it was not moved away; of the usual one if none is named.
fn secrets_left(data: Option<&Path>) -> Result<Option<PathBuf>> {
    let place = match data {
        Some(data) => Place::existing(Some(data))?,
        None => Place::of(None)?,
    };
    Ok(Some(place.recovery_key()).filter(|path| path.exists()))
}

fn status(usable: bool) -> ExitCode {
    if usable { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
