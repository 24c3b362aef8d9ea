//! Small dealings with files that the parts of a local store share: directories, what a file says of itself, errors.
//!
//! Promises that no IO error is turned into absence. Keeps no state.

use std::fs::{DirBuilder, File, Metadata};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::Path;

use farshore_types::{Error, ErrorKind, Timestamp};

use crate::store::ObjectInfo;

/// Mode of every directory that this store makes.
const DIRECTORY_MODE: u32 = 0o700;

/// What a listing says of a file.
pub(super) fn info(name: String, metadata: &Metadata) -> ObjectInfo {
    let micros = metadata.mtime().saturating_mul(1_000_000).saturating_add(metadata.mtime_nsec() / 1000);
    ObjectInfo { name, size: metadata.len(), modified: Timestamp::from_micros(micros) }
}

/// Makes one directory; `Ok` where something of that name exists.
pub(super) fn make_directory(path: &Path) -> io::Result<()> {
    match DirBuilder::new().mode(DIRECTORY_MODE).create(path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        made => made,
    }
}

/// Makes the names in a directory durable.
pub(super) fn sync_directory(path: &Path) -> io::Result<()> {
    File::open(path)?.sync_all()
}

/// Whether the file system says that there is no such file; the root decides whether that is true.
pub(super) fn says_absent(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
}

/// Sorts an IO error into the kinds. Never `Missing`: absence is decided where the call knows what it asked for.
pub(super) fn failed(error: io::Error, doing: &str, about: impl std::fmt::Display) -> Error {
    let kind = error.kind();
    let error = Error::io(error, doing, about);
    match kind {
        io::ErrorKind::NotFound | io::ErrorKind::AlreadyExists => error.with_kind(ErrorKind::Transient),
        io::ErrorKind::QuotaExceeded => error.hint("raise the quota or free space, then try again"),
        io::ErrorKind::ReadOnlyFilesystem => {
            error.with_kind(ErrorKind::Denied).hint("that file system is mounted read-only: mount it writable")
        }
        io::ErrorKind::InvalidFilename => error.with_kind(ErrorKind::Invalid),
        io::ErrorKind::Unsupported => {
            error.with_kind(ErrorKind::Invalid).hint("use a file system with hard links and fsync")
        }
        _ => error,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_io_error_is_never_absence_and_a_full_disk_is_transient_with_advice() {
        use std::io::ErrorKind as Io;
        let table = [
            (Io::NotFound, ErrorKind::Transient, false),
            (Io::PermissionDenied, ErrorKind::Denied, false),
            (Io::ReadOnlyFilesystem, ErrorKind::Denied, true),
            (Io::StorageFull, ErrorKind::Transient, true),
            (Io::QuotaExceeded, ErrorKind::Transient, true),
            (Io::InvalidFilename, ErrorKind::Invalid, false),
            (Io::Other, ErrorKind::Transient, false),
        ];
        for (kind, expect, advice) in table {
            let error = failed(kind.into(), "put", "a");
            assert_eq!((error.kind(), error.advice().is_some()), (expect, advice), "{kind:?}");
        }
    }
}
