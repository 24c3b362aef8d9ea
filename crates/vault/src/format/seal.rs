//! Sealed objects: header, plain part, frames (docs/format.md, section 4).
//!
//! A [`Sealer`] appends frames to one object in memory; an [`Opener`] opens them. Each object has its own key, derived from the
//! root key, a random salt and the header, so no nonce is ever used twice under a key. An object that was swapped,
//! renamed, truncated or flipped fails here with `Corrupt`, naming the object.

use std::io::Cursor;

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use aws_lc_rs::constant_time;
use farshore_types::{Entropy, Error, Generation, KeyId, RepositoryId, Result, SessionId};

use crate::keys::RootKey;
use crate::primitives::{Hash, damaged, derive};

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
const MAGIC: &[u8; 8] = b"FARSHORE";
const SUITE: u8 = 1;
const LAST: u8 = 1;

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

fn header_start(place: &Place, key: KeyId) -> [u8; 64] {
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

fn object_key(root: &RootKey, salt: &[u8], start: &[u8; 64]) -> Result<(LessSafeKey, [u8; 32])> {
    let okm: [u8; 64] = derive(root.secret(), salt, &[b"farshore object", start])?;
    let key = UnboundKey::new(&AES_256_GCM, &okm[..32]).map_err(|_| Error::bug("AES-256-GCM refused a 32-byte key"))?;
    let mut commitment = [0; 32];
    commitment.copy_from_slice(&okm[32..]);
    Ok((LessSafeKey::new(key), commitment))
}

fn nonce(flags: u8, number: u32) -> Nonce {
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

    fn flags(&self) -> u8 {
        if self.last { LAST } else { 0 }
    }
}

/// Builds one sealed object in memory.
pub struct Sealer {
    key: LessSafeKey,
    binding: [u8; 32],
    bytes: Vec<u8>,
    frames: u32,
}

impl Sealer {
    /// Starts an object with a fresh salt, in `bytes`, whose content is dropped and whose capacity is used.
    pub fn new(root: &RootKey, place: &Place, plain: &[u8], entropy: &dyn Entropy, bytes: Vec<u8>) -> Result<Sealer> {
        let start = header_start(place, root.id());
        let mut salt = [0; 32];
        entropy.fill(&mut salt)?;
        let (key, commitment) = object_key(root, &salt, &start)?;
        let plain_bytes = u32::try_from(plain.len()).map_err(|_| Error::invalid("the plain part exceeds 4 GiB"))?;
        let mut bytes = bytes;
        bytes.clear();
        bytes.extend_from_slice(&start);
        bytes.extend_from_slice(&salt);
        bytes.extend_from_slice(&commitment);
        bytes.extend_from_slice(&plain_bytes.to_be_bytes());
        bytes.extend_from_slice(plain);
        let binding = Hash::of(&bytes).0;
        Ok(Sealer { key, binding, bytes, frames: 0 })
    }

    /// Bytes so far: the offset of the next frame.
    pub fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Whether no frame was added yet.
    pub fn is_empty(&self) -> bool {
        self.frames == 0
    }

    /// Adds a frame, compressed if that makes it smaller. Returns its header; its offset is `len()` before the call.
    pub fn add(&mut self, kind: FrameKind, raw: &[u8], last: bool, squeeze: &mut Squeeze) -> Result<FrameHeader> {
        if raw.len() > FRAME_RAW_BYTES_MAX || self.frames >= FRAMES_MAX {
            return Err(Error::bug(format!(
                "a frame of {} bytes, number {}, exceeds the format",
                raw.len(),
                self.frames
            )));
        }
        let at = self.bytes.len();
        let body = at + FRAME_HEADER_BYTES;
        self.bytes.resize(body, 0);
        let compressed = squeeze.append(raw, &mut self.bytes)?;
        let header = FrameHeader {
            stored: (self.bytes.len() - body + TAG_BYTES) as u32,
            raw: raw.len() as u32,
            kind,
            compressed,
            last,
            number: self.frames,
        };
        let encoded = header.encode();
        self.bytes[at..body].copy_from_slice(&encoded);
        let mut additional = [0; 32 + FRAME_HEADER_BYTES];
        additional[..32].copy_from_slice(&self.binding);
        additional[32..].copy_from_slice(&encoded);
        let tag = self
            .key
            .seal_in_place_separate_tag(
                nonce(header.flags(), header.number),
                Aad::from(additional),
                &mut self.bytes[body..],
            )
            .map_err(|_| Error::bug("AES-256-GCM refused to seal a frame"))?;
        self.bytes.extend_from_slice(tag.as_ref());
        self.frames += 1;
        Ok(header)
    }

    /// The object's bytes.
    pub fn finish(self) -> Vec<u8> {
        self.bytes
    }
}

/// A reusable Zstandard compressor.
pub struct Squeeze {
    context: zstd::bulk::Compressor<'static>,
}

impl Squeeze {
    /// A compressor of this level.
    pub fn new(level: i32) -> Result<Squeeze> {
        let failed = |error| Error::io(error, "start", "zstd");
        Ok(Squeeze { context: zstd::bulk::Compressor::new(level).map_err(failed)? })
    }

    /// Appends `raw` to `out`, compressed where that is smaller; says whether it was.
    fn append(&mut self, raw: &[u8], out: &mut Vec<u8>) -> Result<bool> {
        let start = out.len();
        // The compressor writes into reserved room: zeroing it first was a twentieth of a backup's instructions.
        out.reserve(zstd::zstd_safe::compress_bound(raw.len()));
        let mut room = Cursor::new(&mut *out);
        room.set_position(start as u64);
        let packed = self.context.compress_to_buffer(raw, &mut room);
        let packed = packed.map_err(|error| Error::io(error, "compress", "a frame"))?;
        let compressed = packed < raw.len();
        if compressed {
            out.truncate(start + packed);
        } else {
            out.truncate(start);
            out.extend_from_slice(raw);
        }
        Ok(compressed)
    }
}

/// A reusable Zstandard decompressor and the buffer for opened bytes.
pub struct Unsqueeze {
    context: zstd::bulk::Decompressor<'static>,
    opened: Vec<u8>,
}

impl Unsqueeze {
    /// A decompressor.
    pub fn new() -> Result<Unsqueeze> {
        let context = zstd::bulk::Decompressor::new().map_err(|error| Error::io(error, "start", "zstd"))?;
        Ok(Unsqueeze { context, opened: Vec::new() })
    }
}

/// Gets the header, the offset and the raw bytes of a frame.
pub type EachFrame<'a> = dyn FnMut(FrameHeader, usize, &[u8]) -> Result<()> + 'a;

/// Opens the frames of one sealed object. Does not hold the object's bytes.
pub struct Opener {
    key: LessSafeKey,
    binding: [u8; 32],
    name: String,
}

/// What the start of a sealed object says, before any key is used.
pub struct Opening<'a> {
    start: [u8; 64],
    salt: &'a [u8],
    commitment: &'a [u8],
    /// The plain part.
    pub plain: &'a [u8],
    binding: [u8; 32],
    /// Offset of the first frame.
    pub frames_at: usize,
}

impl<'a> Opening<'a> {
    /// Parses header and plain part of the object `name`; `bytes` holds at least those.
    pub fn parse(name: &str, bytes: &'a [u8]) -> Result<Opening<'a>> {
        let short = || damaged(name, "it is too short");
        let header = bytes.get(..HEADER_BYTES + 4).ok_or_else(short)?;
        let mut start = [0; 64];
        start.copy_from_slice(&header[..64]);
        if &start[..8] != MAGIC {
            return Err(damaged(name, "it does not start as a sealed object does"));
        }
        let version = u16::from_be_bytes([start[8], start[9]]);
        if version > VERSION {
            // Its repository says that it has no newer version.
            let what = format!("its format version is {version}, that of its repository is at most {VERSION}");
            return Err(damaged(name, &what));
        }
        let length = u32::from_be_bytes([header[128], header[129], header[130], header[131]]) as usize;
        let frames_at = HEADER_BYTES + 4 + length;
        let plain = bytes.get(HEADER_BYTES + 4..frames_at).ok_or_else(short)?;
        let binding = Hash::of(&bytes[..frames_at]).0;
        Ok(Opening { start, salt: &header[64..96], commitment: &header[96..128], plain, binding, frames_at })
    }

    /// The key that the object was sealed with.
    pub fn key_id(&self) -> KeyId {
        let mut id = [0; 8];
        id.copy_from_slice(&self.start[56..]);
        KeyId(id)
    }

    /// The repository that the header names.
    pub fn repository(&self) -> RepositoryId {
        let mut id = [0; 16];
        id.copy_from_slice(&self.start[40..56]);
        RepositoryId(id)
    }

    /// Checks that the header says what the object's name says; needs no key.
    pub fn check_place(&self, name: &str, place: &Place) -> Result<()> {
        match header_start(place, self.key_id()) == self.start {
            true => Ok(()),
            false => Err(damaged(name, "its header belongs to another place")),
        }
    }

    /// Checks the place and the key, and gives what opens the frames.
    pub fn open(&self, name: &str, place: &Place, root: &RootKey) -> Result<Opener> {
        self.check_place(name, place)?;
        let (key, commitment) = object_key(root, self.salt, &self.start)?;
        if constant_time::verify_slices_are_equal(&commitment, self.commitment).is_err() {
            return Err(damaged(name, "it was not sealed with the key that it names, or its header was changed"));
        }
        Ok(Opener { key, binding: self.binding, name: name.to_string() })
    }
}

impl Opener {
    /// Opens the frame whose header and sealed bytes are exactly `stored`, into `out` (cleared first).
    pub fn frame(&self, stored: &[u8], un: &mut Unsqueeze, out: &mut Vec<u8>) -> Result<FrameHeader> {
        let wrong = |what: &str| damaged(&self.name, what);
        let (head, body) = stored.split_at_checked(FRAME_HEADER_BYTES).ok_or_else(|| wrong("a frame is too short"))?;
        let header = FrameHeader::decode(head).ok_or_else(|| wrong("a frame header is not one"))?;
        if body.len() != header.stored as usize {
            return Err(wrong("a frame's length differs from what refers to it"));
        }
        let mut additional = [0; 32 + FRAME_HEADER_BYTES];
        additional[..32].copy_from_slice(&self.binding);
        additional[32..].copy_from_slice(head);
        let (sealed, tag) = body.split_at(body.len() - TAG_BYTES);
        let nonce = nonce(header.flags(), header.number);
        let plain = if header.compressed { &mut un.opened } else { &mut *out };
        // Every byte is overwritten: only what a longer frame adds is zeroed.
        plain.resize(sealed.len(), 0);
        self.key
            .open_separate_gather(nonce, Aad::from(additional), sealed, tag, plain)
            .map_err(|_| wrong(&format!("frame {} fails authentication", header.number)))?;
        if header.compressed {
            out.clear();
            out.reserve(header.raw as usize);
            un.context.decompress_to_buffer(&un.opened, out).map_err(|_| wrong("a frame does not decompress"))?;
        }
        if out.len() != header.raw as usize {
            return Err(wrong("a frame has another length than its header says"));
        }
        Ok(header)
    }

    /// Opens all frames of `bytes` from `at` to `end` in order, giving each header, offset and raw bytes; checks numbering and the
    /// last flag.
    pub fn all(&self, bytes: &[u8], at: usize, un: &mut Unsqueeze, each: &mut EachFrame) -> Result<()> {
        let mut out = Vec::new();
        let mut at = at;
        for number in 0..FRAMES_MAX {
            let head = bytes.get(at..at + FRAME_HEADER_BYTES).and_then(FrameHeader::decode);
            let head = head.ok_or_else(|| damaged(&self.name, "it ends before its last frame"))?;
            let end = at + FRAME_HEADER_BYTES + head.stored as usize;
            let stored = bytes.get(at..end).ok_or_else(|| damaged(&self.name, "it ends within a frame"))?;
            self.frame(stored, un, &mut out)?;
            if head.number != number {
                return Err(damaged(&self.name, "its frames are out of order"));
            }
            each(head, at, &out)?;
            at = end;
            if head.last {
                return match at == bytes.len() {
                    true => Ok(()),
                    false => Err(damaged(&self.name, "something follows its last frame")),
                };
            }
        }
        Err(damaged(&self.name, "it has too many frames"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::SeededEntropy;

    fn place() -> Place {
        let (session, repository) = (SessionId([1; 16]), RepositoryId([2; 16]));
        Place { kind: ObjectKind::Pack, number: 3, generation: Generation(4), session, repository }
    }

    fn sealed(root: &RootKey) -> Vec<u8> {
        let mut squeeze = Squeeze::new(1).unwrap();
        let mut sealer = Sealer::new(root, &place(), b"plain", &SeededEntropy::new(7), Vec::new()).unwrap();
        sealer.add(FrameKind::Content, &[b'a'; 5000], false, &mut squeeze).unwrap();
        sealer.add(FrameKind::Content, b"", false, &mut squeeze).unwrap();
        sealer.add(FrameKind::Index, b"xyz", true, &mut squeeze).unwrap();
        sealer.finish()
    }

    fn open(root: &RootKey, place: &Place, bytes: &[u8]) -> Result<Vec<Vec<u8>>> {
        let opening = Opening::parse("packs/x", bytes)?;
        let opener = opening.open("packs/x", place, root)?;
        let mut frames = Vec::new();
        opener.all(bytes, opening.frames_at, &mut Unsqueeze::new()?, &mut |_, _, raw| {
            frames.push(raw.to_vec());
            Ok(())
        })?;
        Ok(frames)
    }

    #[test]
    fn frames_open_to_what_was_sealed() {
        let root = RootKey::random(&SeededEntropy::new(1)).unwrap();
        let frames = open(&root, &place(), &sealed(&root)).unwrap();
        assert_eq!(frames, [vec![b'a'; 5000], vec![], b"xyz".to_vec()]);
    }

    #[test]
    fn every_flipped_bit_and_every_truncation_is_detected() {
        let root = RootKey::random(&SeededEntropy::new(1)).unwrap();
        let bytes = sealed(&root);
        for at in 0..bytes.len() {
            let mut flipped = bytes.clone();
            flipped[at] ^= 1 << (at % 8);
            assert!(open(&root, &place(), &flipped).is_err(), "flip at {at}");
            assert!(open(&root, &place(), &bytes[..at]).is_err(), "cut at {at}");
        }
        let mut longer = bytes;
        longer.push(0);
        assert!(open(&root, &place(), &longer).is_err());
    }

    #[test]
    fn an_object_under_another_place_or_key_does_not_open() {
        let root = RootKey::random(&SeededEntropy::new(1)).unwrap();
        let bytes = sealed(&root);
        let other = RootKey::random(&SeededEntropy::new(2)).unwrap();
        assert!(open(&other, &place(), &bytes).is_err());
        let places = [
            Place { kind: ObjectKind::Journal, ..place() },
            Place { number: 4, ..place() },
            Place { generation: Generation(5), ..place() },
            Place { session: SessionId([9; 16]), ..place() },
            Place { repository: RepositoryId([9; 16]), ..place() },
        ];
        for place in places {
            assert!(open(&root, &place, &bytes).is_err(), "{place:?}");
        }
    }
}
