//! `farshore log-fetch SOCKET NAME PATH`: what a recovering server runs for each file of log. See `agent::tasks::fetch_log`.

use std::path::Path;
use std::process::ExitCode;

use farshore_agent::tasks::fetch_log;

/// Name of the command; not in the help, because no human types it.
pub const COMMAND: &str = "log-fetch";

/// Asks the agent behind the socket. What it prints stands in the server's log.
pub fn run(socket: &str, name: &str, to: &str) -> ExitCode {
    let (status, text) = fetch_log::client(Path::new(socket), name, Path::new(to));
    if let Some(text) = text {
        eprintln!("farshore: {text}");
    }
    ExitCode::from(status)
}
