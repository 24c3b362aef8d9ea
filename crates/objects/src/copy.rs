//! Copying between two stores that share nothing: through this machine's memory, one object at a time.
//!
//! A crash in the middle leaves nothing or the whole object. A copy on the server's side needs both stores to know each
//! other, which the trait keeps from them; it comes with the first store that has one.

use farshore_types::Result;
use farshore_types::error::ErrorContext;

use crate::store::ObjectStore;

/// Reads `source_name` from `source` and puts it into `target` as `name`; returns its size. Errors as in
/// [`ObjectStore::copy_from`]. Holds one object in memory, once.
pub fn copy_through(target: &dyn ObjectStore, source: &dyn ObjectStore, source_name: &str, name: &str) -> Result<u64> {
    let body = source.get(source_name).doing("copy", source_name)?;
    let size = body.len() as u64;
    target.put_new(name, body).doing("copy to", name)?;
    Ok(size)
}
