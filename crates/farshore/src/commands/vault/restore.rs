//! `farshore vault restore`: a backup's files with the log that makes them consistent, or one file.

use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use farshore_agent::tasks::stored::{ENGINE, Stored};
use farshore_engines::postgresql::history::segment_name;
use farshore_types::error::ErrorContext;
use farshore_types::{Clock, Error, Position, Progress, Result, SystemEntropy, units};
use farshore_vault::Vault;
use farshore_vault::format::catalog::EntryKind;
use farshore_vault::read::{ContentReader, OpenBackup, Piece, Pin, restore};
use serde_json::json;

use crate::cli::StoreArgs;
use crate::{output, progress, stores};

/// Zero bytes are written in pieces of this size.
static ZEROS: [u8; 64 << 10] = [0; 64 << 10];

/// Restores.
pub fn run(
    store: &StoreArgs,
    text: &str,
    to: &Path,
    file: Option<&str>,
    as_json: bool,
    clock: &Arc<dyn Clock>,
) -> Result<ExitCode> {
    let vault = stores::vault(store, clock.clone())?;
    let backup = vault.open_backup(&vault.repository.find(text)?)?;
    let _pin = Pin::take(&vault.repository, backup.name.id, (clock.clone(), &SystemEntropy))?;
    if let Some(path) = file {
        return one_file(&vault, &backup, path, to);
    }
    let counted = Arc::new(Progress::default());
    let shown = progress::show("restore", counted.clone(), clock.clone());
    let began = clock.monotonic();
    let settings = farshore_vault::read::restore::Settings::default();
    let restored = restore(&vault, &backup, to, &settings, &counted)?;
    if backup.custody.engine == ENGINE {
        write_log(&vault, &backup, to)?;
    }
    drop(shown);
    let took = clock.monotonic() - began;
    if as_json {
        output::json(
            &json!({"backup": backup.name.id, "to": to, "files": restored.files, "bytes": restored.bytes, "kept": restored.kept, "seconds": took.as_secs_f64()}),
        );
    } else {
        output::say(&format!(
            "Restored {} in {} files to {} in {}.",
            units::bytes(restored.bytes),
            restored.files,
            to.display(),
            units::span(took)
        ));
        if backup.custody.engine == ENGINE {
            output::say("A server of the same major version, started on it, recovers to the end of the backup.");
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Writes the log from the backup's start to its stop into `pg_wal`, where a server finds it by itself.
fn write_log(vault: &Vault, backup: &OpenBackup, to: &Path) -> Result<()> {
    let Some(needs) = &backup.custody.needs else { return Ok(()) };
    let size = u64::from(Stored::of(backup)?.facts.server.wal_segment_size);
    let folder = to.join("pg_wal");
    fs::create_dir_all(&folder).doing("make", folder.display())?;
    let mut at = needs.from;
    while at < needs.to {
        let hole = |_| Error::corrupt(format!("the log at {at} that the backup needs is not here"));
        let segment = vault.log_segment_until(&needs.stream, needs.timeline, (at, needs.to), size)?.map_err(hole)?;
        let path = folder.join(segment_name(needs.timeline, at, size));
        fs::write(&path, &segment.bytes).doing("write", path.display())?;
        fs::File::open(&path).and_then(|file| file.sync_all()).doing("make durable", path.display())?;
        at = Position(at.0 + size);
    }
    Ok(())
}

fn one_file(vault: &Vault, backup: &OpenBackup, path: &str, to: &Path) -> Result<ExitCode> {
    let missing = || {
        Error::missing(format!("backup {} holds no file {path:?}", backup.name.id.sequence))
            .hint("`farshore vault show --files` lists them")
    };
    let found = backup.entries(vault)?.find(|entry| entry.as_ref().map_or(true, |entry| entry.path == path));
    let entry = found.transpose()?.ok_or_else(missing)?;
    if entry.kind != EntryKind::File {
        return Err(Error::invalid(format!("{path} is a folder or a link, not a file"))
            .hint("`farshore vault export` writes all of a backup"));
    }
    let mut out: Box<dyn Write> = match to == Path::new("-") {
        true => Box::new(std::io::stdout().lock()),
        false => Box::new(fs::File::create_new(to).doing("make", to.display())?),
    };
    let mut reader = ContentReader::new(vault, &backup.packs)?;
    for number in 0..entry.segments.len() {
        reader.segment(&entry, number, &mut |_, piece| write_piece(&mut out, &piece).doing("write", to.display()))?;
    }
    out.flush().doing("write", to.display())?;
    Ok(ExitCode::SUCCESS)
}

/// Writes a piece of content as a stream.
pub fn write_piece(out: &mut dyn Write, piece: &Piece) -> std::io::Result<()> {
    match piece {
        Piece::Bytes(bytes) => out.write_all(bytes),
        Piece::Zeros(zeros) => {
            let mut left = *zeros;
            while left > 0 {
                let now = left.min(ZEROS.len() as u64);
                out.write_all(&ZEROS[..now as usize])?;
                left -= now;
            }
            Ok(())
        }
    }
}
