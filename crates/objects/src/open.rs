//! From what a person types to a store: `file:///directory`, a plain absolute path, or `memory:`.
//!
//! Everything else is refused by its scheme only, because the rest of a URL may hold a password. Opening for reading makes
//! nothing: a mistyped directory is `Missing`, not an empty store. Nothing is kept across a crash.

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use farshore_types::{Error, Result};

use crate::bucket::Bucket;
use crate::local::Local;
use crate::store::ObjectStore;

/// What to type instead.
const HINT: &str = "write file:///path/to/directory or an absolute path";

/// Schemes that will be stores one day, with the name that people know.
const LATER: [(&str, &str); 9] = [
    ("s3", "S3"),
    ("s3a", "S3"),
    ("az", "Azure Blob"),
    ("azure", "Azure Blob"),
    ("abfs", "Azure Blob"),
    ("abfss", "Azure Blob"),
    ("gs", "Google Cloud Storage"),
    ("gcs", "Google Cloud Storage"),
    ("https", "HTTPS"),
];

/// Opens a store that exists. `Missing` for a directory that does not, `Invalid` for a URL that is not understood, `Denied`
/// for a directory that may not be entered. `memory:` is a new empty store each time.
pub fn open(url: &str) -> Result<Arc<dyn ObjectStore>> {
    match parse(url)? {
        Place::Directory(path) => Ok(Arc::new(Local::open(&path)?)),
        Place::Memory => Ok(Arc::new(Bucket::memory())),
    }
}

/// As [`open`], but makes a missing directory (and those above it) with mode 0700, durably.
pub fn open_or_create(url: &str) -> Result<Arc<dyn ObjectStore>> {
    match parse(url)? {
        Place::Directory(path) => Ok(Arc::new(Local::open_or_create(&path)?)),
        Place::Memory => Ok(Arc::new(Bucket::memory())),
    }
}

#[derive(Debug, PartialEq, Eq)]
enum Place {
    Directory(PathBuf),
    Memory,
}

fn parse(url: &str) -> Result<Place> {
    if url.starts_with('/') {
        return directory(url.into());
    }
    let Some((scheme, rest)) = url.split_once(':').filter(|(scheme, _)| is_scheme(scheme)) else {
        return Err(Error::invalid("the store is neither a URL nor an absolute path").hint(HINT));
    };
    match scheme.to_ascii_lowercase().as_str() {
        "memory" if rest.is_empty() => Ok(Place::Memory),
        "memory" => Err(Error::invalid("memory: takes nothing after the colon").hint("write memory:")),
        "file" => file(rest),
        other => {
            let known = LATER.iter().find(|(scheme, _)| *scheme == other);
            let name =
                known.map_or_else(|| format!("{other}: stores"), |(_, name)| format!("{name} stores ({other}:)"));
            Err(Error::invalid(format!("{name} are not supported yet")).hint(format!("file:// only for now: {HINT}")))
        }
    }
}

fn is_scheme(text: &str) -> bool {
    let follows = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.');
    text.starts_with(|first: char| first.is_ascii_alphabetic()) && text.bytes().all(follows)
}

/// The part after `file:`; see RFC 8089, "The 'file' URI Scheme", Syntax.
fn file(rest: &str) -> Result<Place> {
    let path = match rest.strip_prefix("//") {
        None => rest,
        Some(rest) => match rest.find('/').map(|slash| rest.split_at(slash)) {
            Some(("" | "localhost", path)) => path,
            _ => return Err(Error::invalid("a file:// URL names a path on this machine, not a host").hint(HINT)),
        },
    };
    if path.contains(['?', '#']) {
        let error = Error::invalid("a file:// URL takes no query and no fragment");
        return Err(error.hint("write %3F for ? and %23 for #"));
    }
    directory(OsString::from_vec(percent_decoded(path)?))
}

fn directory(path: OsString) -> Result<Place> {
    let path = PathBuf::from(path);
    let bytes = path.as_os_str().as_encoded_bytes();
    if bytes.contains(&0) {
        return Err(Error::invalid("the path of the store holds a NUL byte").hint(HINT));
    }
    if !path.is_absolute() {
        return Err(Error::invalid(format!("{} is not an absolute path", path.display())).hint(HINT));
    }
    if path == Path::new("/") {
        return Err(Error::invalid("the root directory cannot be a store").hint("name a directory of its own"));
    }
    Ok(Place::Directory(path))
}

/// RFC 3986, "Percent-Encoding".
fn percent_decoded(text: &str) -> Result<Vec<u8>> {
    let mut decoded = Vec::with_capacity(text.len());
    let mut bytes = text.bytes();
    let digit =
        |byte: Option<u8>| byte.and_then(|byte| char::from(byte).to_digit(16)).and_then(|d| u8::try_from(d).ok());
    while let Some(byte) = bytes.next() {
        if byte != b'%' {
            decoded.push(byte);
            continue;
        }
        match (digit(bytes.next()), digit(bytes.next())) {
            (Some(high), Some(low)) => decoded.push(high * 16 + low),
            _ => {
                return Err(
                    Error::invalid("a % in the store's URL is not followed by two hex digits").hint("write %25 for %")
                );
            }
        }
    }
    Ok(decoded)
}

#[cfg(test)]
mod tests {
    use super::*;
    use farshore_types::ErrorKind;

    #[test]
    fn urls_and_paths_name_directories() {
        let table = [
            ("/srv/a b%41", "/srv/a b%41"),
            ("file:///srv/backups", "/srv/backups"),
            ("FILE:///srv/a%20b%C3%A9", "/srv/a bé"),
            ("file://localhost/srv", "/srv"),
            ("file:/srv", "/srv"),
        ];
        for (url, expect) in table {
            assert_eq!(parse(url).unwrap(), Place::Directory(expect.into()), "{url}");
        }
        assert_eq!(parse("memory:").unwrap(), Place::Memory);
    }

    #[test]
    fn everything_else_is_refused_with_a_hint_and_without_what_follows_the_scheme() {
        let refused = [
            "s3://key:secret@bucket/x",
            "azure://secret",
            "gs://secret",
            "https://user:secret@host/",
            "secret:",
            "backups/secret",
            "",
            "file://secret/srv",
            "file:///srv?secret",
            "file:///srv/%zz",
            "file:///srv/%4",
            "file:///srv/%00",
            "file:///",
            "memory:secret",
        ];
        for url in refused {
            let error = parse(url).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Invalid, "{url}");
            assert!(error.advice().is_some(), "{url}");
            assert!(url == "secret:" || !error.to_string().contains("secret"), "{url}: {error}");
        }
        assert!(parse("s3://bucket").unwrap_err().to_string().contains("S3 stores (s3:) are not supported yet"));
    }

    #[test]
    fn opening_makes_nothing_and_creating_makes_private_directories() {
        use std::os::unix::fs::PermissionsExt;
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("one/two");
        let url = format!("file://{}", path.display());
        assert_eq!(open(&url).unwrap_err().kind(), ErrorKind::Missing);
        assert!(!home.path().join("one").exists());
        open_or_create(&url).unwrap();
        open(&url).unwrap();
        for made in [&path, &home.path().join("one")] {
            assert_eq!(std::fs::metadata(made).unwrap().permissions().mode() & 0o777, 0o700);
        }
        std::fs::write(path.join("file"), "x").unwrap();
        assert_eq!(open(&format!("{url}/file")).unwrap_err().kind(), ErrorKind::Invalid);
    }
}
