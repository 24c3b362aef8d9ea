//! `farshore log-fetch SOCKET NAME PATH`: what a recovering server runs for each file of log. See `agent::tasks::fetch_log`.
//!
//! Whatever is wrong with the call itself ends above 125 as well: below that the server would take it for the end of the log, and
//! promote with rows missing.

use std::ffi::OsString;
use std::io::Write;
use std::path::Path;
use std::process::ExitCode;

use farshore_agent::tasks::fetch_log;

/// Name of the command; not in the help, because no human types it.
pub const COMMAND: &str = "log-fetch";
/// How many arguments follow it.
pub const ARGUMENTS: usize = 3;

/// Asks the agent behind the socket. What it prints stands in the server's log.
pub fn run(args: &[OsString]) -> ExitCode {
    let (status, text) = match args {
        [socket, name, to] => match name.to_str() {
            Some(name) => fetch_log::client(Path::new(socket), name, Path::new(to)),
            None => (fetch_log::status::STOP, Some(format!("{} is no name of a file of log", name.display()))),
        },
        _ => {
            let what = "usage: farshore log-fetch SOCKET \"%f\" \"%p\", in restore_command";
            (fetch_log::status::STOP, Some(what.to_string()))
        }
    };
    if let Some(text) = text {
        // A server without a log must not change the exit status.
        let _ = writeln!(std::io::stderr(), "farshore: {text}");
    }
    ExitCode::from(status)
}
