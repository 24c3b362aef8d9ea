//! `farshore log-serve`: gives an archived log to a server that somebody else recovers; its `restore_command` is
//! `farshore log-fetch SOCKET "%f" "%p"`. Promise and failures: see `agent::tasks::fetch_log`. Runs until interrupted.

use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use farshore_agent::tasks::fetch_log::{FetchLog, Fetching};
use farshore_agent::tasks::windows::Windows;
use farshore_types::error::ErrorContext;
use farshore_types::{Clock, Progress, Result, Target};

use super::attach::stop_on_signal;
use crate::cli::StoreArgs;
use crate::{output, stores};

/// Serves the log that follows the newest backup, up to its end as it is now.
pub fn run(
    store: &StoreArgs,
    socket: &Path,
    staging: &Path,
    workers: u16,
    as_json: bool,
    clock: Arc<dyn Clock>,
) -> Result<ExitCode> {
    let vault = stores::vault(store, clock)?;
    let windows = Windows::read(&vault)?;
    let window = windows.choose(&Target::latest())?;
    let staging = std::path::absolute(staging).doing("find", staging.display())?;
    let task = FetchLog {
        stream: window.stream.clone(),
        segment_bytes: u64::from(window.stored.facts.server.wal_segment_size),
        staging,
        owner: None,
        end: (window.timeline, window.reach.to),
        workers: usize::from(workers),
        vault,
    };
    let fetching = Fetching::new(task)?;
    let stop = Arc::new(Progress::default());
    stop_on_signal(&stop)?;
    if !as_json {
        output::say(&format!("Serving the log up to {} at {}.", window.reach.to, socket.display()));
    }
    let listener = fetching.listen(socket)?;
    fetching.serve(&listener, &stop)?;
    Ok(ExitCode::SUCCESS)
}
