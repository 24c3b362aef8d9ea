//! How the checks ask and judge. Keeps no state.

use std::fmt::Debug;

use bytes::Bytes;
use farshore_types::{ErrorKind, Result};

use crate::store::{ObjectInfo, ObjectStore};

pub(super) fn expect_kind<T: Debug>(result: Result<T>, kind: ErrorKind, what: &str) {
    let got = result.map_err(|error| error.kind());
    assert!(matches!(&got, Err(got) if *got == kind), "{what}: expected {kind:?}, got {got:?}");
}

pub(super) fn body(text: &str) -> Bytes {
    Bytes::copy_from_slice(text.as_bytes())
}

pub(super) fn listed(store: &dyn ObjectStore, prefix: &str) -> Result<Vec<ObjectInfo>> {
    let mut objects = Vec::new();
    store.list(prefix, &mut |object| {
        objects.push(object);
        Ok(())
    })?;
    objects.sort_by(|left, right| left.name.cmp(&right.name));
    Ok(objects)
}

pub(super) fn names(store: &dyn ObjectStore, prefix: &str) -> Result<Vec<String>> {
    Ok(listed(store, prefix)?.into_iter().map(|object| object.name).collect())
}
