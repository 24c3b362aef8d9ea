//! `farshore vault export`: a backup's files as they are, so that nobody is locked in.

use std::fs::File;
use std::io::{BufWriter, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use farshore_types::error::ErrorContext;
use farshore_types::{Clock, Error, Progress, Result, SystemEntropy, units};
use farshore_vault::Vault;
use farshore_vault::format::catalog::{Entry, EntryKind};
use farshore_vault::read::{ContentReader, OpenBackup, Pin, restore};
use serde_json::json;

use super::restore::write_piece;
use crate::cli::StoreArgs;
use crate::{output, progress, stores};

/// Exports into a folder, a tar file, or standard output.
pub fn run(store: &StoreArgs, text: &str, to: &str, as_json: bool, clock: Arc<dyn Clock>) -> Result<ExitCode> {
    let vault = stores::vault(store, clock.clone())?;
    let backup = vault.open_backup(&vault.repository.find(text)?)?;
    let _pin = Pin::take(&vault.repository, backup.name.id, (clock.clone(), &SystemEntropy))?;
    let counted = Arc::new(Progress::default());
    let shown = progress::show("export", counted.clone(), clock);
    match to {
        "-" => {
            archive(&vault, &backup, std::io::stdout().lock(), &counted)?;
            return Ok(ExitCode::SUCCESS);
        }
        _ if to.ends_with(".tar") => {
            let file = File::create_new(to).doing("make", to)?;
            archive(&vault, &backup, BufWriter::new(&file), &counted)?;
            file.sync_all().doing("make durable", to)?;
        }
        _ => drop(restore(&vault, &backup, Path::new(to), &Default::default(), &counted)?),
    }
    drop(shown);
    let bytes = backup.custody.sizes.raw;
    match as_json {
        true => output::json(&json!({"backup": backup.name.id, "to": to, "bytes": bytes})),
        false => output::say(&format!("Exported {} to {to}.", units::bytes(bytes))),
    }
    Ok(ExitCode::SUCCESS)
}

fn archive(vault: &Vault, backup: &OpenBackup, out: impl Write, progress: &Progress) -> Result<()> {
    progress.expect_bytes(backup.custody.sizes.raw);
    let mut tar = tar::Builder::new(out);
    for entry in backup.entries(vault)? {
        let entry = entry?;
        let mut header = header(&entry);
        match entry.kind {
            EntryKind::Directory => tar.append_data(&mut header, format!("{}/", entry.path), std::io::empty()),
            EntryKind::Link => tar.append_link(&mut header, &entry.path, entry.target.as_deref().unwrap_or_default()),
            EntryKind::File => {
                add_file(&mut tar, &mut header, &entry, (vault, backup), progress)?;
                Ok(())
            }
        }
        .doing("archive", &entry.path)?;
    }
    for file in &backup.body.closing {
        let mut header = tar::Header::new_gnu();
        header.set_mode(file.mode);
        header.set_size(file.content.len() as u64);
        tar.append_data(&mut header, &file.path, file.content.as_slice()).doing("archive", &file.path)?;
    }
    tar.into_inner().and_then(|mut out| out.flush()).doing("finish", "the archive")
}

fn header(entry: &Entry) -> tar::Header {
    let mut header = tar::Header::new_gnu();
    header.set_mode(entry.mode);
    header.set_mtime(entry.mtime.max(0) as u64);
    header.set_size(entry.size);
    header.set_entry_type(match entry.kind {
        EntryKind::Directory => tar::EntryType::Directory,
        EntryKind::Link => tar::EntryType::Symlink,
        EntryKind::File => tar::EntryType::Regular,
    });
    header
}

/// The archive wants a reader and we have a writer: a socket pair joins them, so that nothing is held in memory.
fn add_file<W: Write>(
    tar: &mut tar::Builder<W>,
    header: &mut tar::Header,
    entry: &Entry,
    (vault, backup): (&Vault, &OpenBackup),
    progress: &Progress,
) -> Result<()> {
    let (mut inlet, outlet) = UnixStream::pair().doing("make", "a pipe")?;
    std::thread::scope(|scope| {
        let writing = scope.spawn(move || -> Result<()> {
            let mut reader = ContentReader::new(vault, &backup.packs)?;
            for number in 0..entry.segments.len() {
                reader.segment(entry, number, &mut |_, piece| {
                    write_piece(&mut inlet, &piece).doing("pass on", &entry.path)
                })?;
            }
            Ok(())
        });
        let appended = tar.append_data(header, &entry.path, Exactly { inner: outlet, left: entry.size });
        let written = writing.join().map_err(|_| Error::bug("the export's reader panicked"))?;
        progress.add_bytes(entry.size);
        match appended {
            // The archive could not be written: that our reader found nobody to read to is only what followed.
            Err(error) if error.kind() != std::io::ErrorKind::UnexpectedEof => Err(error).doing("archive", &entry.path),
            appended => written.and(appended.doing("archive", &entry.path)),
        }
    })
}

/// Fails if the content ends early, so that no archive with a short file looks whole.
struct Exactly<R> {
    inner: R,
    left: u64,
}

impl<R: Read> Read for Exactly<R> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let got = self.inner.read(buffer)?;
        self.left = self.left.saturating_sub(got as u64);
        match got == 0 && self.left > 0 && !buffer.is_empty() {
            true => Err(std::io::ErrorKind::UnexpectedEof.into()),
            false => Ok(got),
        }
    }
}
