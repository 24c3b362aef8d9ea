//! `farshore vault verify`: can these backups be restored?

use std::process::ExitCode;
use std::sync::Arc;

use farshore_engines::postgresql::page::KINDS;
use farshore_types::{Clock, Progress, Result, units};
use farshore_vault::care::verify::{Finding, Gravity, Level, Request, Which, verify};
use serde_json::json;

use crate::cli::StoreArgs;
use crate::{output, progress, stores};

/// Threads that read and check.
const WORKERS: usize = 2;

/// Verifies. Exit status 3 if anything is damaged.
pub fn run(
    store: &StoreArgs,
    backup: Option<&str>,
    level: u8,
    as_json: bool,
    clock: Arc<dyn Clock>,
) -> Result<ExitCode> {
    let (repository, vault) = match level {
        2 => {
            let vault = stores::vault(store, clock.clone())?;
            (vault.repository.clone(), Some(vault))
        }
        _ => (stores::repository(store, clock.clone())?, None),
    };
    let which = match backup {
        Some(text) => Which::Only(vec![repository.find(text)?]),
        None => Which::All,
    };
    let level = match level {
        0 => Level::Listing,
        1 => Level::Scrub,
        _ => Level::Content,
    };
    let counted = Arc::new(Progress::default());
    let shown = progress::show("verify", counted.clone(), clock);
    let mut findings: Vec<Finding> = Vec::new();
    let request = Request { level, which, kinds: &KINDS, workers: WORKERS, progress: &counted };
    let verified = verify(&repository, vault.as_ref(), &request, &mut |finding| findings.push(finding))?;
    drop(shown);
    let damaged = findings.iter().filter(|finding| finding.gravity == Gravity::Damage).count();
    if as_json {
        let value = |finding: &Finding| json!({"object": finding.object, "what": finding.what, "damage": finding.gravity == Gravity::Damage, "breaks": finding.breaks});
        output::json(
            &json!({"matched": damaged == 0, "findings": findings.iter().map(value).collect::<Vec<_>>(), "verified": {
                "objects": verified.listed.objects, "bytes": verified.listed.bytes, "scrubbed": verified.scrubbed.objects,
                "segments": verified.segments.objects, "pages": verified.pages, "pages_unchecked": verified.pages_unchecked,
                "backups": verified.backups.iter().map(|name| name.id).collect::<Vec<_>>(), "broken": verified.broken,
            }}),
        );
    } else {
        for finding in &findings {
            let word = if finding.gravity == Gravity::Damage { "DAMAGED" } else { "note" };
            output::say(&format!("{word}: {}: {}", finding.object, finding.what));
        }
        let (objects, bytes) = (verified.listed.objects, units::bytes(verified.listed.bytes));
        match damaged {
            0 => output::say(&format!("Everything that was checked is whole: {objects} objects, {bytes} stored.")),
            _ => output::say(&format!("{damaged} findings of damage in {objects} objects.")),
        }
    }
    Ok(if damaged == 0 { ExitCode::SUCCESS } else { ExitCode::from(3) })
}
