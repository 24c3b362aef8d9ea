//! `farshore vault show`: one backup, and the moments that can be restored with it.

use std::process::ExitCode;
use std::sync::Arc;

use farshore_agent::tasks::windows::Windows;
use farshore_types::{Clock, Result, units};
use serde_json::json;

use crate::cli::StoreArgs;
use crate::{output, stores};

/// Shows.
pub fn run(store: &StoreArgs, text: &str, files: bool, as_json: bool, clock: Arc<dyn Clock>) -> Result<ExitCode> {
    let vault = stores::vault(store, clock)?;
    let backup = vault.open_backup(&vault.repository.find(text)?)?;
    let windows = Windows::read(&vault)?;
    let window = windows.windows.iter().find(|window| window.name.id == backup.name.id);
    let custody = &backup.custody;
    if as_json {
        let reach = window.map(|window| {
            let reach = window.reach;
            json!({"from": reach.from.to_string(), "from_time": reach.from_time.to_string(), "to": reach.to.to_string(), "to_time": reach.to_time.to_string(), "timeline": window.timeline,
                "broken": window.broken.map(|broken| broken.to_string())})
        });
        let names = if files { Some(paths(&vault, &backup)?) } else { None };
        output::json(
            &json!({"backup": backup.name.id, "custody": custody, "engine": backup.body.engine, "window": reach, "files": names, "bad_pages": backup.body.bad_pages}),
        );
        return Ok(ExitCode::SUCCESS);
    }
    let sizes = &custody.sizes;
    output::say(&format!("Backup {} of service {} ({})", backup.name.id.sequence, custody.service, custody.engine));
    output::say(&format!("  name      {}", backup.name.id));
    output::say(&format!("  taken     {} to {}", custody.started, custody.finished));
    output::say(&format!("  data      {} in {} files", units::bytes(sizes.raw), sizes.files));
    output::say(&format!(
        "  stored    {}, of which {} were added by this backup",
        units::bytes(sizes.stored),
        units::bytes(sizes.new)
    ));
    match window {
        Some(window) if window.reach.to_time < window.reach.from_time => output::say(&format!(
            "  restores  to its own end, {} (position {}, timeline {}): no later log is here",
            window.reach.from_time, window.reach.from, window.timeline.0
        )),
        Some(window) => output::say(&format!(
            "  restores  to any moment from {} to {} (positions {} to {}, timeline {})",
            window.reach.from_time, window.reach.to_time, window.reach.from, window.reach.to, window.timeline.0
        )),
        None => output::say("  restores  nothing: the log that it needs is not here"),
    }
    if let Some(broken) = window.and_then(|window| window.broken) {
        output::say(&format!("  BROKEN    {broken}"));
    }
    for (path, block) in &backup.body.bad_pages {
        output::say(&format!("  DAMAGED on the source: {path}, block {block}"));
    }
    if files {
        paths(&vault, &backup)?.iter().for_each(|path| output::say(path));
    }
    Ok(ExitCode::SUCCESS)
}

fn paths(vault: &farshore_vault::Vault, backup: &farshore_vault::read::OpenBackup) -> Result<Vec<String>> {
    backup.entries(vault)?.map(|entry| Ok(entry?.path)).collect()
}
