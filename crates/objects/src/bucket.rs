//! Anything that the `object_store` crate speaks, as one of our stores. Today: memory; S3, Azure and GCS later.
//!
//! Futures are driven here, on the calling thread, by `futures::executor::block_on`; nothing else in Farshore sees one. The
//! memory store is always ready at once and needs no runtime. `object_store`'s local file system would not either: its
//! `maybe_spawn_blocking` runs inline where `tokio::runtime::Handle::try_current` finds none (read in 0.14.2,
//! `src/util.rs`). The HTTP stores will need one: whoever wires S3 gives this type a runtime handle to block on.
//! `each` of a listing is called between two polls, never inside one, so that it may call the store again.
//!
//! A put that was cut off may or may not have happened; its retry compares bytes and is `Ok` or `Conflict`.

use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use farshore_types::{Error, ErrorKind, Result, Timestamp};
use futures::StreamExt;
use futures::executor::block_on;
use object_store::memory::InMemory;
use object_store::path::Path;
use object_store::{GetOptions, GetRange, ObjectMeta, ObjectStore as Remote, ObjectStoreExt, PutMode, PutPayload};

use crate::name;
use crate::store::{ObjectInfo, ObjectStore};

/// A store of the `object_store` crate. Puts do not copy the body.
#[derive(Debug)]
pub struct Bucket {
    remote: Arc<dyn Remote>,
}

impl Bucket {
    /// An empty store in this process's memory, gone when the last holder drops it. A listing collects all entries first.
    pub fn memory() -> Bucket {
        Bucket { remote: Arc::new(InMemory::new()) }
    }

    /// The name is taken: `Ok` if by the same bytes.
    fn settle_taken(&self, name: &str, body: &Bytes) -> Result<()> {
        let same = match self.get(name) {
            Ok(existing) => existing == *body,
            Err(error) if error.kind() == ErrorKind::Missing => {
                return Err(Error::transient(format!("{name} was taken a moment ago and is gone now")));
            }
            Err(error) => return Err(error),
        };
        match same {
            true => Ok(()),
            false => Err(Error::conflict(format!("{name} exists already with other bytes"))),
        }
    }

    fn read(&self, name: &str, range: Option<&Range<u64>>) -> Result<Bytes> {
        let path = path(name)?;
        let options = GetOptions { range: range.cloned().map(GetRange::Bounded), ..GetOptions::default() };
        let read = block_on(async {
            let answer = self.remote.get_opts(&path, options).await?;
            let wanted = range.map_or(answer.meta.size, |range| range.end - range.start);
            Ok((wanted, answer.bytes().await?))
        });
        let (wanted, bytes) = read.map_err(|error| failed(error, "get", name))?;
        match bytes.len() as u64 == wanted {
            true => Ok(bytes),
            false => Err(Error::corrupt(format!("{wanted} bytes of {name} were asked for, {} came", bytes.len()))),
        }
    }
}

impl ObjectStore for Bucket {
    fn put_new(&self, name: &str, body: Bytes) -> Result<()> {
        let path = path(name)?;
        let put = self.remote.put_opts(&path, PutPayload::from_bytes(body.clone()), PutMode::Create.into());
        match block_on(put) {
            Ok(_) => Ok(()),
            Err(object_store::Error::AlreadyExists { .. } | object_store::Error::Precondition { .. }) => {
                self.settle_taken(name, &body)
            }
            Err(error) => Err(failed(error, "put", name)),
        }
    }

    fn get(&self, name: &str) -> Result<Bytes> {
        self.read(name, None)
    }

    fn get_range(&self, name: &str, range: Range<u64>) -> Result<Bytes> {
        if range.start > range.end {
            return Err(Error::invalid(format!("bytes {}..{} of {name} are not a range", range.start, range.end)));
        }
        let read = match range.is_empty() {
            // The stores refuse an empty range; the size is all there is to check.
            true => Ok(Bytes::new()),
            false => self.read(name, Some(&range)),
        };
        if matches!(&read, Ok(bytes) if !bytes.is_empty()) {
            return read;
        }
        // The stores say "range" each in their own way: the size tells whether that was the reason.
        let size = self.head(name)?.size;
        match size < range.end {
            true => Err(Error::corrupt(format!(
                "{name} has {size} bytes, bytes {}..{} were asked for",
                range.start, range.end
            ))),
            false => read,
        }
    }

    fn head(&self, name: &str) -> Result<ObjectInfo> {
        let path = path(name)?;
        match block_on(self.remote.head(&path)) {
            Ok(meta) => Ok(info(&meta)),
            Err(error) => Err(failed(error, "look at", name)),
        }
    }

    fn list(&self, prefix: &str, each: &mut dyn FnMut(ObjectInfo) -> Result<()>) -> Result<()> {
        name::check_prefix(prefix)?;
        let path = prefix.strip_suffix('/').map(path).transpose()?;
        let mut entries = self.remote.list(path.as_ref());
        while let Some(entry) = block_on(entries.next()) {
            let object = info(&entry.map_err(|error| match failed(error, "list", prefix) {
                // An object that is missing is not a missing listing.
                error if error.kind() == ErrorKind::Missing => error.with_kind(ErrorKind::Transient),
                error => error,
            })?);
            if name::check(&object.name).is_ok() {
                each(object)?;
            }
        }
        Ok(())
    }

    fn delete(&self, name: &str) -> Result<()> {
        let path = path(name)?;
        match block_on(self.remote.delete(&path)) {
            Ok(()) | Err(object_store::Error::NotFound { .. }) => Ok(()),
            Err(error) => Err(failed(error, "delete", name)),
        }
    }
}

fn path(name: &str) -> Result<Path> {
    name::check(name)?;
    Path::parse(name).map_err(|error| Error::invalid(format!("{name:?} is not an object name: {error}")))
}

fn info(meta: &ObjectMeta) -> ObjectInfo {
    let modified = Timestamp::from_micros(meta.last_modified.timestamp_micros());
    ObjectInfo { name: meta.location.to_string(), size: meta.size, modified }
}

/// Sorts an error of the `object_store` crate into the kinds. `Missing` only where the store itself says "not found".
fn failed(error: object_store::Error, doing: &str, about: &str) -> Error {
    use object_store::Error as Remote;
    let kind = match &error {
        Remote::NotFound { .. } => ErrorKind::Missing,
        Remote::AlreadyExists { .. } | Remote::Precondition { .. } | Remote::NotModified { .. } => ErrorKind::Conflict,
        Remote::PermissionDenied { .. } | Remote::Unauthenticated { .. } => ErrorKind::Denied,
        Remote::InvalidPath { .. } | Remote::UnknownConfigurationKey { .. } => ErrorKind::Invalid,
        Remote::NotSupported { .. } | Remote::NotImplemented { .. } => ErrorKind::Bug,
        other => match io_kind(other) {
            Some(std::io::ErrorKind::PermissionDenied) => ErrorKind::Denied,
            _ => ErrorKind::Transient,
        },
    };
    let hint = match io_kind(&error) {
        Some(std::io::ErrorKind::StorageFull) => Some("free space in the store, then try again"),
        _ if kind == ErrorKind::Denied => Some("check the rights of the store's credentials"),
        _ => None,
    };
    let mapped = Error::new(kind, error.to_string()).context(doing, about).caused_by(error);
    match hint {
        Some(hint) => mapped.hint(hint),
        None => mapped,
    }
}

/// The IO error at the root of a store's error, where there is one.
fn io_kind(error: &object_store::Error) -> Option<std::io::ErrorKind> {
    let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(current) = cause {
        if let Some(io) = current.downcast_ref::<std::io::Error>() {
            return Some(io.kind());
        }
        cause = current.source();
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn generic(kind: std::io::ErrorKind) -> object_store::Error {
        object_store::Error::Generic { store: "test", source: Box::new(std::io::Error::from(kind)) }
    }

    #[test]
    fn only_the_stores_own_not_found_is_missing_and_everything_unknown_is_transient() {
        use std::io::ErrorKind as Io;
        let path = || "a".to_string();
        let source = || Box::new(std::io::Error::other("x"));
        let table = [
            (object_store::Error::NotFound { path: path(), source: source() }, ErrorKind::Missing),
            (object_store::Error::AlreadyExists { path: path(), source: source() }, ErrorKind::Conflict),
            (object_store::Error::Precondition { path: path(), source: source() }, ErrorKind::Conflict),
            (object_store::Error::PermissionDenied { path: path(), source: source() }, ErrorKind::Denied),
            (object_store::Error::Unauthenticated { path: path(), source: source() }, ErrorKind::Denied),
            (object_store::Error::NotSupported { source: source() }, ErrorKind::Bug),
            (generic(Io::NotFound), ErrorKind::Transient),
            (generic(Io::PermissionDenied), ErrorKind::Denied),
            (generic(Io::StorageFull), ErrorKind::Transient),
            (generic(Io::TimedOut), ErrorKind::Transient),
        ];
        for (error, expect) in table {
            let text = error.to_string();
            assert_eq!(failed(error, "get", "a").kind(), expect, "{text}");
        }
        assert!(failed(generic(Io::StorageFull), "put", "a").advice().is_some());
    }
}
