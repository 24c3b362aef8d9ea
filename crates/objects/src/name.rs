//! What a name and a listing prefix may look like; every store asks here first, so that all refuse the same ones.
//!
//! A name that passes is safe as a path below a directory: no empty part, no `.` or `..`, nothing that needs encoding.
//! Parts are at most 255 bytes, which is what file systems hold, so that no name works in one store and not in another.

use farshore_types::{Error, Result};

/// Longest name, in bytes.
pub const NAME_BYTES_MAX: usize = 512;

/// Longest part of a name between two `/`, in bytes.
pub const PART_BYTES_MAX: usize = 255;

/// `Invalid` unless `name` is parts of `a-z 0-9 . _ -` joined by `/`, at most [`NAME_BYTES_MAX`] bytes.
pub fn check(name: &str) -> Result<()> {
    if name.len() > NAME_BYTES_MAX {
        return Err(Error::invalid(format!("an object name of {} bytes is longer than {NAME_BYTES_MAX}", name.len())));
    }
    match name.split('/').find(|part| !part_is_valid(part)) {
        None => Ok(()),
        Some(part) => Err(Error::invalid(format!("{name:?} is not an object name because of its part {part:?}"))
            .hint("use a-z 0-9 . _ - in parts joined by /, each at most 255 bytes and not . or ..")),
    }
}

/// `Invalid` unless `prefix` is empty, or a name followed by one `/`.
pub fn check_prefix(prefix: &str) -> Result<()> {
    if prefix.is_empty() {
        return Ok(());
    }
    match prefix.strip_suffix('/') {
        Some(name) => check(name),
        None => Err(Error::invalid(format!("the prefix {prefix:?} does not end with /"))),
    }
}

/// Whether one part of a name is allowed.
pub(crate) fn part_is_valid(part: &str) -> bool {
    let characters = |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'.' | b'_' | b'-');
    !part.is_empty() && part.len() <= PART_BYTES_MAX && part != "." && part != ".." && part.bytes().all(characters)
}
