//! What both sides of a sealed object share: its place, its header, the headers of its frames, its key.
//!
//! Nothing here is kept; a header that is outside the limits is none.

use aws_lc_rs::aead::{AES_256_GCM, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use farshore_types::{Error, Generation, KeyId, RepositoryId, Result, SessionId};

use crate::keys::RootKey;
use crate::primitives::derive;

/// The version that this code writes.
pub const VERSION: u16 = 1;
/// Bytes of an object's header.
pub const HEADER_BYTES: usize = 128;
/// Bytes of a frame's header.
pub const FRAME_HEADER_BYTES: usize = 16;
/// Bytes of an authentication tag.
pub const TAG_BYTES: usize = 16;
/// Most bytes that one frame may hold before compression.
pub const FRAME_RAW_BYTES_MAX: usize = 4 << 20;
/// Most frames in one object.
pub const FRAMES_MAX: u32 = 1 << 20;
pub(super) const MAGIC: &[u8; 8] = b"FARSHORE";
const SUITE: u8 = 1;
pub(super) const LAST: u8 = 1;

/// What an object is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum ObjectKind {
    /// Frames of content, maps and catalogs.
    Pack = 1,
    /// The commit point of a backup.
    Manifest = 2,
    /// A range of the log.
    Journal = 3,
    /// A timeline's history file.
    History = 4,
}

/// What a frame is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum FrameKind {
    /// Bytes of files.
    Content = 1,
    /// Where a segment's bytes are.
    Map = 2,
    /// File entries.
    Catalog = 3,
    /// What a pack completed.
    Index = 4,
    /// The sealed part of a manifest.
    Body = 5,
    /// Bytes of a log.
    Log = 6,
}

impl FrameKind {
    fn from_byte(byte: u8) -> Option<FrameKind> {
        use FrameKind::*;
        [Content, Map, Catalog, Index, Body, Log].into_iter().find(|kind| *kind as u8 == byte)
    }
}

/// The place of an object: what its header says and its name must agree with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// What it is.
    pub kind: ObjectKind,
    /// A pack's number, a manifest's sequence, else 0.
    pub number: u32,
    /// The writer's generation.
    pub generation: Generation,
    /// The writer's session.
    pub session: SessionId,
    /// The repository.
    pub repository: RepositoryId,
}

pub(super) fn header_start(place: &Place, key: KeyId) -> [u8; 64] {
    let mut header = [0; 64];
    header[..8].copy_from_slice(MAGIC);
    header[8..10].copy_from_slice(&VERSION.to_be_bytes());
    header[10] = place.kind as u8;
    header[11] = SUITE;
    header[12..16].copy_from_slice(&place.number.to_be_bytes());
    header[16..24].copy_from_slice(&place.generation.0.to_be_bytes());
    header[24..40].copy_from_slice(&place.session.0);
    header[40..56].copy_from_slice(&place.repository.0);
    header[56..].copy_from_slice(&key.0);
    header
}

pub(super) fn object_key(root: &RootKey, salt: &[u8], start: &[u8; 64]) -> Result<(LessSafeKey, [u8; 32])> {
    let okm: [u8; 64] = derive(root.secret(), salt, &[b"farshore object", start])?;
    let key = UnboundKey::new(&AES_256_GCM, &okm[..32]).map_err(|_| Error::bug("AES-256-GCM refused a 32-byte key"))?;
    let mut commitment = [0; 32];
    commitment.copy_from_slice(&okm[32..]);
    Ok((LessSafeKey::new(key), commitment))
}

pub(super) fn nonce(flags: u8, number: u32) -> Nonce {
    let mut bytes = [0; NONCE_LEN];
    bytes[7] = flags;
    bytes[8..].copy_from_slice(&number.to_be_bytes());
    Nonce::assume_unique_for_key(bytes)
}

/// The 16 bytes before a frame's sealed bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FrameHeader {
    /// Ciphertext and tag.
    pub stored: u32,
    /// After decompression.
    pub raw: u32,
    /// What it is.
    pub kind: FrameKind,
    /// Whether the raw bytes were compressed.
    pub compressed: bool,
    /// Whether it is the object's last.
    pub last: bool,
    /// Counting from 0.
    pub number: u32,
}

impl FrameHeader {
    /// The bytes as they are stored.
    pub fn encode(&self) -> [u8; FRAME_HEADER_BYTES] {
        let mut bytes = [0; FRAME_HEADER_BYTES];
        bytes[..4].copy_from_slice(&self.stored.to_be_bytes());
        bytes[4..8].copy_from_slice(&self.raw.to_be_bytes());
        bytes[8] = self.kind as u8;
        bytes[9] = u8::from(self.compressed);
        bytes[10] = self.flags();
        bytes[12..].copy_from_slice(&self.number.to_be_bytes());
        bytes
    }

    /// Parses stored bytes; `None` if they are no frame header within the limits.
    pub fn decode(bytes: &[u8]) -> Option<FrameHeader> {
        let bytes: &[u8; FRAME_HEADER_BYTES] = bytes.try_into().ok()?;
        let word = |at: usize| u32::from_be_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]]);
        let header = FrameHeader {
            stored: word(0),
            raw: word(4),
            kind: FrameKind::from_byte(bytes[8])?,
            compressed: bytes[9] == 1,
            last: bytes[10] == LAST,
            number: word(12),
        };
        let limits = header.raw as usize <= FRAME_RAW_BYTES_MAX
            && (TAG_BYTES..=FRAME_RAW_BYTES_MAX + 1024).contains(&(header.stored as usize))
            && header.number < FRAMES_MAX;
        (limits && header.encode() == *bytes).then_some(header)
    }

    pub(super) fn flags(&self) -> u8 {
        if self.last { LAST } else { 0 }
    }
}
