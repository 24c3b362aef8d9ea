//! `farshore keygen`: a key file as `age-keygen` makes them.

use std::fs::OpenOptions;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::process::ExitCode;

use farshore_types::error::ErrorContext;
use farshore_types::{Result, SystemEntropy};
use farshore_vault::Identity;
use serde_json::json;

use crate::output;

/// Makes a key file that only its owner can read; an existing file is never touched.
pub fn make(file: &Path) -> Result<Identity> {
    let identity = Identity::random(&SystemEntropy)?;
    let mut out = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(file)
        .doing("make key file", file.display())?;
    out.write_all(identity.to_file_text().as_bytes()).doing("write", file.display())?;
    out.sync_all().doing("make durable", file.display())?;
    // Backups that are made for this key must not outlive its name in the folder.
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    farshore_agent::durable::sync_directory(folder)?;
    Ok(identity)
}

/// Makes a key file and prints its public key.
pub fn run(file: &Path, as_json: bool) -> Result<ExitCode> {
    let recipients: Vec<String> = make(file)?.recipients().iter().map(ToString::to_string).collect();
    match as_json {
        true => output::json(&json!({"file": file, "public_keys": recipients})),
        false => output::say(&format!("Public key: {}", recipients.join(", "))),
    }
    Ok(ExitCode::SUCCESS)
}
