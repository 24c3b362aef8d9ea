//! Catalogs: the paths of a backup and where their content is (docs/format.md, section 6).
//!
//! A catalog is many frames; only one is in memory at a time, on the way out and on the way in.

use std::collections::HashMap;

use farshore_types::ids::{hex, unhex};
use farshore_types::{Error, Generation, PageKind, Result, SessionId};
use serde::{Deserialize, Serialize};

use super::SEGMENT_BYTES;
use super::map::FrameRef;
use crate::names::PackId;
use crate::primitives::Hash;

/// Most bad blocks listed per file.
pub const BAD_BLOCKS_MAX: usize = 1024;

/// Whether a block may have been bad on the source, as the list of a file's bad blocks tells: beyond the last of a full list nothing
/// is known.
pub fn may_be_bad(bad_blocks: &[u32], block: u32) -> bool {
    let beyond = bad_blocks.len() >= BAD_BLOCKS_MAX && bad_blocks.last().is_some_and(|last| block > *last);
    beyond || bad_blocks.binary_search(&block).is_ok()
}

/// What a path is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum EntryKind {
    /// A directory.
    Directory,
    /// A symbolic link.
    Link,
    /// A regular file.
    File,
}

/// Over what a file's digests are taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DigestOf {
    /// All bytes.
    Content,
    /// The first bytes of each page.
    Stamps,
}

/// How the pages of a file look, by name, so that a reader can check them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pages {
    /// Name of the page kind.
    pub kind: String,
    /// Bytes per page.
    pub size: u32,
    /// Bytes per stamp.
    pub stamp: u32,
    /// Number of the file's first page within its relation.
    pub first_block: u32,
    /// Whether the pages carry checksums.
    pub checksums: bool,
}

impl Pages {
    /// As written for a page kind of an engine.
    pub fn of(kind: &PageKind, first_block: u32, checksums: bool) -> Pages {
        let (size, stamp) = (kind.size as u32, kind.stamp_bytes as u32);
        Pages { kind: kind.name.to_string(), size, stamp, first_block, checksums }
    }
}

/// Where the bytes of one segment are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Content {
    /// Within one content frame.
    Data {
        /// The frame.
        frame: FrameRef,
        /// First byte within its raw bytes.
        start: u32,
        /// How many bytes.
        length: u32,
    },
    /// As a map says.
    Map(FrameRef),
}

/// One segment of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Segment {
    /// Where its bytes are.
    pub content: Content,
    /// SHA-256, over what the file's `digest_of` says.
    pub digest: Hash,
}

/// One path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Path within the backup.
    pub path: String,
    /// What it is.
    pub kind: EntryKind,
    /// Permission bits.
    pub mode: u32,
    /// Seconds since 1970.
    pub mtime: i64,
    /// Of a link.
    pub target: Option<String>,
    /// Of a file.
    pub size: u64,
    /// Inode and birth time on the source.
    pub identity: (u64, i64),
    /// Of a file, in order.
    pub segments: Vec<Segment>,
    /// Over what the digests are taken.
    pub digest_of: DigestOf,
    /// Of a file of pages.
    pub pages: Option<Pages>,
    /// Blocks within the file whose checksum was wrong on the source.
    pub bad_blocks: Vec<u32>,
}

#[derive(Serialize, Deserialize)]
struct WireSegment {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    data: Option<[u32; 8]>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    map: Option<[u32; 6]>,
    digest: String,
}

#[derive(Serialize, Deserialize)]
pub(super) struct WireEntry {
    path: String,
    kind: EntryKind,
    mode: u32,
    mtime: i64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    target: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    size: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    identity: Option<(u64, i64)>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    at: Vec<u32>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    segments: Vec<WireSegment>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    digest_of: Option<DigestOf>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pages: Option<Pages>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    bad_blocks: Vec<u32>,
}

/// The sessions that frame references beside it speak of.
#[derive(Debug, Clone, Default)]
pub struct Sessions {
    items: Vec<(Generation, SessionId)>,
    places: HashMap<(Generation, SessionId), u32>,
}

impl Sessions {
    /// A frame reference as six integers.
    pub fn write(&mut self, frame: &FrameRef) -> [u32; 6] {
        let key = (frame.pack.generation, frame.pack.session);
        let next = self.items.len() as u32;
        let place = *self.places.entry(key).or_insert(next);
        if place == next {
            self.items.push(key);
        }
        [place, frame.pack.number, frame.offset, frame.stored, frame.raw, frame.number]
    }

    /// The frame reference of six integers.
    pub fn read(&self, wire: [u32; 6]) -> Result<FrameRef> {
        let [place, pack, offset, stored, raw, number] = wire;
        let wrong = || Error::corrupt("a frame reference names a session that is not in its table");
        let (generation, session) = *self.items.get(place as usize).ok_or_else(wrong)?;
        Ok(FrameRef { pack: PackId { generation, session, number: pack }, offset, stored, raw, number })
    }

    /// The table in JSON.
    pub fn to_wire(&self) -> Vec<(String, SessionId)> {
        self.items.iter().map(|(generation, session)| (generation.to_string(), *session)).collect()
    }

    /// Parses the table in JSON.
    pub fn from_wire(wire: &[(String, SessionId)]) -> Result<Sessions> {
        let generation = |text: &String| Ok(Generation(u64::from_be_bytes(unhex(text)?)));
        let items = wire.iter().map(|(text, session)| Ok((generation(text)?, *session))).collect::<Result<_>>()?;
        Ok(Sessions { items, places: HashMap::new() })
    }
}

pub(super) fn to_wire(entry: &Entry, at: &[u32], sessions: &mut Sessions) -> WireEntry {
    let file = entry.kind == EntryKind::File;
    let segment = |segment: &Segment| {
        let digest = hex(&segment.digest.0);
        match &segment.content {
            Content::Data { frame, start, length } => {
                let [a, b, c, d, e, f] = sessions.write(frame);
                WireSegment { data: Some([a, b, c, d, e, f, *start, *length]), map: None, digest }
            }
            Content::Map(frame) => WireSegment { data: None, map: Some(sessions.write(frame)), digest },
        }
    };
    WireEntry {
        path: entry.path.clone(),
        kind: entry.kind,
        mode: entry.mode,
        mtime: entry.mtime,
        target: entry.target.clone(),
        size: file.then_some(entry.size),
        identity: file.then_some(entry.identity),
        at: at.to_vec(),
        segments: entry.segments.iter().map(segment).collect(),
        digest_of: file.then_some(entry.digest_of),
        pages: entry.pages.clone(),
        bad_blocks: entry.bad_blocks.clone(),
    }
}

pub(super) fn from_wire(wire: WireEntry, sessions: &Sessions) -> Result<(Entry, Vec<u32>)> {
    let damaged = || Error::corrupt(format!("the catalog entry of {:?} is not one of this format", wire.path));
    check_path(&wire.path)?;
    let segment = |segment: &WireSegment| {
        let content = match (segment.data, segment.map) {
            (Some([a, b, c, d, e, f, start, length]), None) => {
                let frame = sessions.read([a, b, c, d, e, f])?;
                if u64::from(start) + u64::from(length) > u64::from(frame.raw) {
                    return Err(damaged());
                }
                Content::Data { frame, start, length }
            }
            (None, Some(map)) => Content::Map(sessions.read(map)?),
            _ => return Err(damaged()),
        };
        Ok(Segment { content, digest: Hash(unhex(&segment.digest).map_err(|_| damaged())?) })
    };
    let segments = wire.segments.iter().map(segment).collect::<Result<_>>()?;
    if wire.kind == EntryKind::Link && wire.target.is_none() {
        return Err(damaged());
    }
    let entry = Entry {
        path: wire.path,
        kind: wire.kind,
        mode: wire.mode & 0o7777,
        mtime: wire.mtime,
        target: wire.target,
        size: wire.size.unwrap_or(0),
        identity: wire.identity.unwrap_or_default(),
        segments,
        digest_of: wire.digest_of.unwrap_or(DigestOf::Content),
        pages: wire.pages,
        bad_blocks: wire.bad_blocks,
    };
    Ok((entry, wire.at))
}

/// Refuses paths that could leave the folder that they are restored into.
pub fn check_path(path: &str) -> Result<()> {
    let good = |part: &str| !part.is_empty() && part != "." && part != ".." && !part.contains('\0');
    match path.len() <= 4096 && path.split('/').all(good) {
        true => Ok(()),
        false => Err(Error::corrupt(format!("the path {path:?} is not allowed in a backup"))),
    }
}

#[derive(Serialize, Deserialize)]
struct WireCatalog {
    sessions: Vec<(String, SessionId)>,
    entries: Vec<WireEntry>,
}

/// The raw bytes of a catalog frame.
pub fn encode(entries: &[Entry]) -> Result<Vec<u8>> {
    let mut sessions = Sessions::default();
    let entries = entries.iter().map(|entry| to_wire(entry, &[], &mut sessions)).collect();
    json(&WireCatalog { sessions: sessions.to_wire(), entries })
}

/// Parses the raw bytes of a catalog frame.
pub fn decode(bytes: &[u8]) -> Result<Vec<Entry>> {
    let wire: WireCatalog = serde_json::from_slice(bytes).map_err(|_| Error::corrupt("a catalog does not parse"))?;
    let sessions = Sessions::from_wire(&wire.sessions)?;
    let whole = |wire: WireEntry| {
        let (entry, _) = from_wire(wire, &sessions)?;
        let segments = if entry.kind == EntryKind::File { entry.size.div_ceil(SEGMENT_BYTES) } else { 0 };
        match entry.segments.len() as u64 == segments {
            true => Ok(entry),
            false => Err(Error::corrupt(format!("the segments of {:?} do not make up its size", entry.path))),
        }
    };
    wire.entries.into_iter().map(whole).collect()
}

/// At least as many bytes as the entry takes in a catalog or an index.
pub fn json_bytes(entry: &Entry) -> usize {
    let target = entry.target.as_deref().map_or(0, escaped);
    json_bytes_of(&entry.path, entry.segments.len(), entry.bad_blocks.len()) + target
}

/// As [`json_bytes`], of a file that has no entry yet.
pub fn json_bytes_of(path: &str, segments: usize, bad_blocks: usize) -> usize {
    const FIELDS: usize = 400;
    const SEGMENT: usize = 200;
    const NUMBER: usize = 11;
    FIELDS + escaped(path) + segments * SEGMENT + bad_blocks * NUMBER
}

/// Bytes of a text in JSON (RFC 8259, "Strings").
fn escaped(text: &str) -> usize {
    let bytes = |byte: u8| match byte {
        0..0x20 => 6,
        b'"' | b'\\' => 2,
        _ => 1,
    };
    text.bytes().map(bytes).sum()
}

pub(crate) fn json(value: &impl Serialize) -> Result<Vec<u8>> {
    serde_json::to_vec(value).map_err(|error| Error::bug(format!("a value does not encode: {error}")))
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    #[test]
    fn paths_that_leave_the_folder_are_refused() {
        for (path, good) in
            [("a/b", true), ("a", true), ("", false), ("/a", false), ("a//b", false), ("a/../b", false), ("./a", false)]
        {
            assert_eq!(check_path(path).is_ok(), good, "{path}");
        }
    }

    #[test]
    fn no_entry_takes_more_bytes_than_are_reckoned_for_it() {
        let pack = PackId { generation: Generation(1), session: SessionId([1; 16]), number: u32::MAX };
        let frame = FrameRef { pack, offset: u32::MAX, stored: u32::MAX, raw: u32::MAX, number: u32::MAX };
        let content = Content::Data { frame, start: u32::MAX, length: u32::MAX };
        for text in ["a".repeat(9), "\n".repeat(4000), "\"\\\u{7f}\u{1}☃".repeat(500)] {
            let entry = Entry {
                path: text.clone(),
                kind: EntryKind::Directory,
                mode: u32::MAX,
                mtime: i64::MIN,
                target: Some(text),
                size: u64::MAX,
                identity: (u64::MAX, i64::MIN),
                segments: vec![Segment { content, digest: Hash::of(b"x") }; 5],
                digest_of: DigestOf::Content,
                pages: Some(Pages {
                    kind: "postgresql-65536".into(),
                    size: u32::MAX,
                    stamp: u32::MAX,
                    first_block: u32::MAX,
                    checksums: false,
                }),
                bad_blocks: vec![u32::MAX; 100],
            };
            let reckoned = json_bytes(&entry);
            let entry = Entry { kind: EntryKind::File, ..entry };
            let bytes = json(&to_wire(&entry, &[u32::MAX], &mut Sessions::default())).unwrap().len();
            assert!(bytes <= reckoned, "{bytes} {reckoned}");
        }
    }

    /// A file of two segments.
    pub fn sample() -> Entry {
        let pack = PackId { generation: Generation(1), session: SessionId([1; 16]), number: 2 };
        let frame = FrameRef { pack, offset: 132, stored: 80, raw: 100, number: 0 };
        let segment = |content| Segment { content, digest: Hash::of(b"x") };
        Entry {
            path: "base/5/1234".into(),
            kind: EntryKind::File,
            mode: 0o600,
            mtime: -5,
            target: None,
            size: SEGMENT_BYTES + 96,
            identity: (7, -8),
            segments: vec![segment(Content::Map(frame)), segment(Content::Data { frame, start: 4, length: 96 })],
            digest_of: DigestOf::Stamps,
            pages: Some(Pages { kind: "k".into(), size: 8192, stamp: 10, first_block: 131_072, checksums: true }),
            bad_blocks: vec![3],
        }
    }

    #[test]
    fn entries_read_back_as_they_were_written() {
        let entry = sample();
        assert_eq!(&decode(&encode(std::slice::from_ref(&entry)).unwrap()).unwrap(), std::slice::from_ref(&entry));
        let shorter = Entry { size: SEGMENT_BYTES, ..entry };
        assert!(decode(&encode(&[shorter]).unwrap()).is_err());
    }
}
