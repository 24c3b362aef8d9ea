//! Sealing: frames are compressed and appended to an object in memory. Nothing is written anywhere: what dies here was never there.

use std::io::Cursor;

use aws_lc_rs::aead::{Aad, LessSafeKey};
use farshore_types::{Entropy, Error, Result};
use zstd::zstd_safe::CParameter;

use super::header::*;
use crate::keys::RootKey;
use crate::primitives::Hash;

/// Window of a log's frames, as a power of 2: 256 KiB. Matches in a log are near or do not come; and below 19, zstd 1.5.7 searches
/// without branches (`ZSTD_compressBlock_fast`), which random pages do not let it predict: a ninth less time for 1 % more bytes.
const LOG_WINDOW_LOG: u32 = 18;

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

    /// A compressor for frames of a log, see [`LOG_WINDOW_LOG`].
    pub fn for_log(level: i32) -> Result<Squeeze> {
        let mut squeeze = Squeeze::new(level)?;
        let set = squeeze.context.set_parameter(CParameter::WindowLog(LOG_WINDOW_LOG));
        set.map_err(|error| Error::io(error, "set up", "zstd"))?;
        Ok(squeeze)
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
