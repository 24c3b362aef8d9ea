//! The files of a snapshot, as an engine hands them to whoever stores them.
//!
//! An engine opens a snapshot, yields [`SourceFile`]s in [`path_order`], then closes it with a position and a few closing
//! files whose bytes it holds in memory.

use std::cmp::Ordering;
use std::path::PathBuf;

use crate::page::PageKind;

/// What a source path is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SourceKind {
    /// A directory, recorded with its mode.
    Directory,
    /// A symbolic link to be recreated or remapped; the target as it stands.
    Link(String),
    /// A file taken as it is, in whole.
    File,
    /// A file of pages.
    Pages(PageSource),
}

/// A file of pages.
#[derive(Debug, Clone, PartialEq)]
pub struct PageSource {
    /// How its pages look.
    pub kind: PageKind,
    /// Number of its first page within the relation (a relation's second 1 GiB file does not start at 0).
    pub first_block: u32,
    /// Whether the pages carry checksums that can be checked.
    pub checksums: bool,
    /// Whether a page's log position may be believed when its file is the same as in the parent backup.
    pub believe_positions: bool,
}

impl Eq for PageSource {}

/// One path of a snapshot.
#[derive(Debug, Clone)]
pub struct SourceFile {
    /// Path within the backup: relative, `/` between components, no `.` or `..`, UTF-8.
    pub path: String,
    /// Where it can be read on this host.
    pub location: PathBuf,
    /// What it is.
    pub kind: SourceKind,
    /// Size in bytes when listed; may have changed when read.
    pub size: u64,
    /// Permission bits.
    pub mode: u32,
    /// Modification time, seconds since 1970, for the restored file.
    pub mtime: i64,
    /// Inode and birth time (nanoseconds; 0 where the file system has none): a path whose identity differs from the
    /// parent backup's is taken whole.
    pub identity: (u64, i64),
}

/// A small file held in memory, written last at restore, in the order given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClosingFile {
    /// Path within the backup.
    pub path: String,
    /// Permission bits.
    pub mode: u32,
    /// Its content, at most 1 MiB.
    pub content: Vec<u8>,
}

/// The order in which a snapshot lists its paths: by components, each compared as bytes, so that a directory's
/// content follows it directly.
pub fn path_order(left: &str, right: &str) -> Ordering {
    left.split('/').cmp(right.split('/'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_is_followed_by_its_content_before_its_longer_namesakes() {
        let mut paths = vec!["a-b", "a/b", "a", "a/b/c", "a-b/x", "a/ba"];
        paths.sort_by(|left, right| path_order(left, right));
        assert_eq!(paths, ["a", "a/b", "a/b/c", "a/ba", "a-b", "a-b/x"]);
    }
}
