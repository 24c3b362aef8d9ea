//! Page kinds: what the vault needs to know of a database's page files to take only the pages that are newer.
//!
//! An engine supplies one [`PageKind`]; the vault filters and verifies by it. Neither knows the other.

/// How the pages of a file look. All functions get exactly one page.
#[derive(Debug, Clone, Copy)]
pub struct PageKind {
    /// Stands in catalogs, for example `postgresql-8192`; a reader that does not know it skips the page checks and says so.
    pub name: &'static str,
    /// Bytes per page, a power of two from 512 to 65536.
    pub size: usize,
    /// The log position of the last change of this page.
    pub changed_at: fn(&[u8]) -> u64,
    /// Checks the page's own checksum; `block` is its number within the relation (not within the file).
    pub check: fn(&[u8], u32) -> PageState,
    /// The first bytes of a page that change whenever the page does (log position and checksum together). Digests of page
    /// files are taken over these stamps.
    pub stamp_bytes: usize,
}

impl PartialEq for PageKind {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

/// What a page's own checksum says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PageState {
    /// The checksum matches.
    Good,
    /// All bytes are zero: allocated and never written.
    Empty,
    /// The checksum does not match: torn or damaged.
    Bad,
}
