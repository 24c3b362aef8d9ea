//! `farshore vault list`: services and their backups. Needs no key: custodies are plain and signed.

use std::process::ExitCode;
use std::sync::Arc;

use farshore_types::{Clock, ErrorKind, Result, units};
use farshore_vault::format::manifest::BackupKind;
use serde_json::json;

use crate::cli::StoreArgs;
use crate::{output, stores};

/// Lists. Exit status 3 if a backup is damaged.
pub fn run(store: &StoreArgs, as_json: bool, clock: Arc<dyn Clock>) -> Result<ExitCode> {
    let (mut rows, mut values, mut damaged) = (Vec::new(), Vec::new(), Vec::new());
    for repository in stores::repositories(store, clock)? {
        for name in repository.backups()? {
            let custody = match repository.custody(&name) {
                // One that is damaged takes none of the others with it.
                Err(error) if error.kind() == ErrorKind::Corrupt => {
                    damaged.push(error.message());
                    continue;
                }
                read => read?.1,
            };
            let kind = match custody.kind {
                BackupKind::Full => "full",
                BackupKind::Incremental => "incremental",
            };
            values.push(json!({
                "service": custody.service, "engine": custody.engine, "backup": name.id.to_string(),
                "sequence": name.id.sequence, "kind": kind, "parent": custody.parent, "started": custody.started.to_string(),
                "finished": custody.finished.to_string(), "sizes": custody.sizes, "flags": custody.flags,
            }));
            rows.push(vec![
                custody.service,
                name.id.sequence.to_string(),
                kind.to_string(),
                custody.finished.to_string(),
                units::bytes(custody.sizes.raw),
                units::bytes(custody.sizes.new),
                units::bytes(custody.sizes.stored),
                custody.flags.join(", "),
            ]);
        }
    }
    match as_json {
        true => output::json(&json!({"backups": values, "damaged": damaged})),
        false if rows.is_empty() => output::say("No backups here."),
        false => output::say(&output::table(
            &["service", "backup", "kind", "finished", "data", "added", "reaches", "flags"],
            &rows,
        )),
    }
    if damaged.is_empty() {
        return Ok(ExitCode::SUCCESS);
    }
    if !as_json {
        damaged.iter().for_each(|what| output::say(&format!("DAMAGED: {what}")));
        output::say("`farshore vault verify` says what else is.");
    }
    Ok(ExitCode::from(3))
}
