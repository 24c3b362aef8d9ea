//! Charts outlive the process: a file for each service, written from time to time and at the end. A crash loses the minutes since.

use std::fs;
use std::path::Path;

use farshore_agent::durable::{self, Rights};
use farshore_control::metrics::Samples;
use farshore_types::error::ErrorContext;
use farshore_types::{Error, Result};

/// Bytes of the largest file that is read; what is kept of one service has less.
const FILE_BYTES_MAX: u64 = 8 << 20;
/// The end of a file's name.
const EXTENSION: &str = "json";

/// Writes a file for each service, and removes those of services that are no more.
pub fn save(folder: &Path, samples: &Samples) -> Result<()> {
    let services = samples.services();
    for service in &services {
        if let Some(text) = samples.save(service)? {
            durable::write(&folder.join(format!("{service}.{EXTENSION}")), text.as_bytes(), Rights::PRIVATE)?;
        }
    }
    for file in fs::read_dir(folder).doing("look into", folder.display())? {
        let path = file.doing("look into", folder.display())?.path();
        let service = path.file_stem().and_then(|stem| stem.to_str());
        if service.is_none_or(|service| !services.iter().any(|one| one == service)) {
            fs::remove_file(&path).doing("remove", path.display())?;
        }
    }
    Ok(())
}

/// Takes up what was saved. A file that cannot be used is told and left out: its chart begins anew.
pub fn load(folder: &Path, samples: &Samples) -> Result<()> {
    for file in fs::read_dir(folder).doing("look into", folder.display())? {
        let path = file.doing("look into", folder.display())?.path();
        let Some(service) = path.file_stem().and_then(|stem| stem.to_str()) else { continue };
        if path.extension().is_none_or(|extension| extension != EXTENSION) {
            continue;
        }
        let text = durable::read(&path, FILE_BYTES_MAX).and_then(|bytes| {
            String::from_utf8(bytes.unwrap_or_default())
                .map_err(|_| Error::corrupt(format!("{} is no text", path.display())))
        });
        if let Err(error) = text.and_then(|text| samples.load(service, &text)) {
            tracing::warn!(%error, "a chart begins anew");
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use farshore_control::metrics::Period;
    use farshore_types::Timestamp;

    use super::*;

    #[test]
    fn charts_are_there_again_without_those_that_are_damaged_or_of_no_service_any_more() {
        let folder = tempfile::tempdir().unwrap();
        let (samples, now) = (Samples::default(), Timestamp::from_micros(1_000_000_000));
        for service in ["one", "two", "three"] {
            samples.add(service, now, &[("cpu".to_string(), 7.0)]);
        }
        save(folder.path(), &samples).unwrap();
        samples.keep_only(&["one".to_string(), "two".to_string()]);
        save(folder.path(), &samples).unwrap();
        assert!(!folder.path().join("three.json").exists());
        fs::write(folder.path().join("two.json"), "{").unwrap();
        let after = Samples::default();
        load(folder.path(), &after).unwrap();
        assert_eq!(after.services(), ["one"]);
        assert_eq!(after.series("one", Period::Year, now), samples.series("one", Period::Year, now));
        save(folder.path(), &after).unwrap();
        assert!(!folder.path().join("two.json").exists());
    }
}
