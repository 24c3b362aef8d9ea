//! Opening: what an object's start says without a key, and its frames with one. Everything damaged is `Corrupt` and names the object.

use std::io::Cursor;

use aws_lc_rs::aead::{Aad, LessSafeKey};
use aws_lc_rs::constant_time;
use farshore_types::{Error, KeyId, RepositoryId, Result};

use super::header::*;
use crate::keys::RootKey;
use crate::primitives::{Hash, damaged};

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
    /// Opens the frame whose header and sealed bytes are exactly `stored`, into `out` (its content is dropped).
    pub fn frame(&self, stored: &[u8], un: &mut Unsqueeze, out: &mut Vec<u8>) -> Result<FrameHeader> {
        self.frame_at(0, stored, un, out)
    }

    /// Opens a frame into `out` from byte `at` on; what `out` holds before that stays.
    fn frame_at(&self, at: usize, stored: &[u8], un: &mut Unsqueeze, out: &mut Vec<u8>) -> Result<FrameHeader> {
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
        // Every byte is overwritten: only what a longer frame adds is zeroed.
        let plain = if header.compressed {
            un.opened.resize(sealed.len(), 0);
            &mut un.opened[..]
        } else {
            out.resize(at + sealed.len(), 0);
            &mut out[at..]
        };
        self.key
            .open_separate_gather(nonce, Aad::from(additional), sealed, tag, plain)
            .map_err(|_| wrong(&format!("frame {} fails authentication", header.number)))?;
        if header.compressed {
            out.truncate(at);
            out.reserve(header.raw as usize);
            let mut room = Cursor::new(&mut *out);
            room.set_position(at as u64);
            let opened = un.context.decompress_to_buffer(&un.opened, &mut room);
            opened.map_err(|_| wrong("a frame does not decompress"))?;
        }
        if out.len() - at != header.raw as usize {
            return Err(wrong("a frame has another length than its header says"));
        }
        Ok(header)
    }

    /// Opens all frames of `bytes` from `at` to `end` in order, giving each header, offset and raw bytes; checks numbering and the
    /// last flag.
    pub fn all(&self, bytes: &[u8], at: usize, un: &mut Unsqueeze, each: &mut EachFrame) -> Result<()> {
        let mut out = Vec::new();
        self.walk(bytes, at, &mut |at, stored| {
            let header = self.frame(stored, un, &mut out)?;
            each(header, at, &out)
        })
    }

    /// Opens all frames as [`Opener::all`] does, each right behind what `out` holds: no byte is copied. All must be of one kind.
    pub fn append_all(&self, bytes: &[u8], at: usize, kind: FrameKind, out: &mut Vec<u8>) -> Result<()> {
        let mut un = Unsqueeze::new()?;
        self.walk(bytes, at, &mut |_, stored| match self.frame_at(out.len(), stored, &mut un, out)?.kind == kind {
            true => Ok(()),
            false => Err(damaged(&self.name, "it holds a frame of another kind")),
        })
    }

    /// Gives offset and stored bytes of every frame.
    fn walk(&self, bytes: &[u8], at: usize, each: &mut dyn FnMut(usize, &[u8]) -> Result<()>) -> Result<()> {
        let mut at = at;
        for number in 0..FRAMES_MAX {
            let head = bytes.get(at..at + FRAME_HEADER_BYTES).and_then(FrameHeader::decode);
            let head = head.ok_or_else(|| damaged(&self.name, "it ends before its last frame"))?;
            let end = at + FRAME_HEADER_BYTES + head.stored as usize;
            let stored = bytes.get(at..end).ok_or_else(|| damaged(&self.name, "it ends within a frame"))?;
            if head.number != number {
                return Err(damaged(&self.name, "its frames are out of order"));
            }
            each(at, stored)?;
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
