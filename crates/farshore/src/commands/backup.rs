//! `farshore backup pg`: one backup of a running server, with its own stretch of log.

use std::process::ExitCode;
use std::sync::Arc;

use farshore_agent::tasks::take_backup::{Outcome, TakeBackup};
use farshore_engines::postgresql::snapshot::Checkpoint;
use farshore_types::{Clock, Generation, Progress, Result, SystemEntropy, units};
use farshore_vault::journal::WAL;
use serde_json::json;

use crate::cli::SourceArgs;
use crate::{output, progress, source};

/// Takes the backup. Exit status 3 if pages of the source are damaged: the backup is kept, and flagged.
pub fn run(args: &SourceArgs, full: bool, as_json: bool, clock: &Arc<dyn Clock>) -> Result<ExitCode> {
    let server = source::server(args)?;
    super::attach::check_rights(args, &server, clock)?;
    let task = TakeBackup {
        server,
        data_directory: args.data_directory.clone(),
        vault: source::vault(&args.region, clock.clone())?,
        order: Generation(0),
        stream: WAL.to_string(),
        horizon: None,
        full,
        checkpoint: Checkpoint::Fast,
        settings: source::settings(&args.region),
        clock: clock.clone(),
        entropy: Arc::new(SystemEntropy),
    };
    let counted = Arc::new(Progress::default());
    let shown = progress::show("back up", counted.clone(), clock.clone());
    let began = clock.monotonic();
    let outcome = task.run(&counted)?;
    drop(shown);
    report(&outcome, (clock.monotonic() - began).as_secs_f64(), as_json);
    Ok(if outcome.taken.bad_pages.is_empty() { ExitCode::SUCCESS } else { ExitCode::from(3) })
}

fn report(outcome: &Outcome, seconds: f64, as_json: bool) {
    let Outcome { taken, full_because } = outcome;
    let sizes = &taken.custody.sizes;
    if as_json {
        output::json(&json!({
            "backup": taken.name.id, "sequence": taken.name.id.sequence, "full_because": full_because, "sizes": sizes,
            "bad_pages": taken.bad_pages, "flags": taken.custody.flags, "seconds": seconds,
        }));
        return;
    }
    let how = match full_because {
        Some(reason) => format!("in full, because {reason}"),
        None => "on top of the one before".to_string(),
    };
    output::say(&format!("Backup {} is complete, taken {how}.", taken.name.id.sequence));
    output::say(&format!(
        "  {} of data in {} files, {} added to the store, {seconds:.1} s",
        units::bytes(sizes.raw),
        sizes.files,
        units::bytes(sizes.new)
    ));
    for (path, block) in &taken.bad_pages {
        output::say(&format!("  DAMAGED on the source: {path}, block {block}"));
    }
}
