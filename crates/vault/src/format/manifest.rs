//! Manifests: the commit point of a backup (docs/format.md, section 7).
//!
//! The custody is plain and signed, so that copying, scrubbing and sweeping need no key; the body is sealed.

use aws_lc_rs::signature::{ED25519, UnparsedPublicKey};
use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use farshore_types::snapshot::ClosingFile;
use farshore_types::{Entropy, Error, Position, RepositoryId, Result, SessionId, Timeline, Timestamp};
use serde::{Deserialize, Serialize};

use super::catalog::{Sessions, check_path, json};
use super::map::FrameRef;
use super::seal::{FRAME_RAW_BYTES_MAX, FrameKind, ObjectKind, Opening, Place, Sealer, Squeeze, Unsqueeze};
use crate::keys::RootKey;
use crate::names::{BackupId, ManifestName, PackName};
use crate::primitives::{Hash, check_hash, damaged};

/// Most bytes of a manifest object.
pub const MANIFEST_BYTES_MAX: usize = 64 << 20;
const SIGNATURE_BYTES: usize = 64;
const SIGNED_PREFIX: &[u8] = b"farshore manifest";

/// How a backup was taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum BackupKind {
    /// Every byte was read and put.
    Full,
    /// Only what is newer than its parent was put.
    Incremental,
}

/// A range of log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Needs {
    /// Which log.
    pub stream: String,
    /// Which history of it.
    pub timeline: Timeline,
    /// First position.
    pub from: Position,
    /// Position after the last byte.
    pub to: Position,
}

/// Sizes in bytes, and the number of files.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Sizes {
    /// Of the files.
    pub raw: u64,
    /// Of all packs that the backup needs.
    pub stored: u64,
    /// Of the packs that it put.
    pub new: u64,
    /// Number of files.
    pub files: u64,
}

/// The plain part of a manifest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Custody {
    /// Service name.
    pub service: String,
    /// Engine name.
    pub engine: String,
    /// How it was taken.
    pub kind: BackupKind,
    /// Whose packs it shares.
    pub parent: Option<BackupId>,
    /// The full backup that it descends from.
    pub full: BackupId,
    /// 0 for a full, else the parent's plus 1.
    pub depth: u32,
    /// By the database server's clock.
    pub started: Timestamp,
    /// By the database server's clock.
    pub finished: Timestamp,
    /// Packs with sizes, in the form of [`PackName::short`].
    packs: Vec<(String, u64)>,
    /// Journal objects with sizes, full names.
    pub journal: Vec<(String, u64)>,
    /// The range of log without which the backup is not consistent.
    pub needs: Option<Needs>,
    /// Sizes.
    pub sizes: Sizes,
    /// `bad_pages` and the like.
    pub flags: Vec<String>,
}

impl Custody {
    /// Puts the packs in, sorted.
    pub fn set_packs(&mut self, packs: &[(PackName, u64)]) {
        let mut packs: Vec<_> = packs.iter().map(|(name, size)| (name.short(), *size)).collect();
        packs.sort();
        self.packs = packs;
    }

    /// Every pack that is needed, with its size.
    pub fn packs(&self) -> Result<Vec<(PackName, u64)>> {
        self.packs.iter().map(|(name, size)| Ok((PackName::parse_short(name)?, *size))).collect()
    }
}

/// The sealed part of a manifest.
#[derive(Debug, Clone, PartialEq)]
pub struct Body {
    /// Where the catalog frames are, in order.
    pub catalogs: Vec<FrameRef>,
    /// Written last at restore, in this order.
    pub closing: Vec<ClosingFile>,
    /// What the engine needs at restore.
    pub engine: serde_json::Value,
    /// Damaged pages of the source: path and block, at most 1024.
    pub bad_pages: Vec<(String, u32)>,
}

#[derive(Serialize, Deserialize)]
struct WireClosing {
    path: String,
    mode: u32,
    content: String,
}

#[derive(Serialize, Deserialize)]
struct WireBody {
    sessions: Vec<(String, SessionId)>,
    catalogs: Vec<[u32; 6]>,
    closing: Vec<WireClosing>,
    engine: serde_json::Value,
    bad_pages: Vec<(String, u32)>,
}

fn encode_body(body: &Body) -> Result<Vec<u8>> {
    let mut sessions = Sessions::default();
    let catalogs = body.catalogs.iter().map(|frame| sessions.write(frame)).collect();
    let wire = |file: &ClosingFile| WireClosing {
        path: file.path.clone(),
        mode: file.mode,
        content: BASE64.encode(&file.content),
    };
    let closing = body.closing.iter().map(wire).collect();
    let (engine, bad_pages) = (body.engine.clone(), body.bad_pages.clone());
    json(&WireBody { sessions: sessions.to_wire(), catalogs, closing, engine, bad_pages })
}

fn decode_body(bytes: &[u8]) -> Result<Body> {
    let wire: WireBody = serde_json::from_slice(bytes).map_err(|_| Error::corrupt("the body does not parse"))?;
    let sessions = Sessions::from_wire(&wire.sessions)?;
    let closing = |file: WireClosing| {
        check_path(&file.path)?;
        let content = BASE64.decode(&file.content).map_err(|_| Error::corrupt("a closing file does not decode"))?;
        Ok(ClosingFile { path: file.path, mode: file.mode & 0o7777, content })
    };
    Ok(Body {
        catalogs: wire.catalogs.into_iter().map(|frame| sessions.read(frame)).collect::<Result<_>>()?,
        closing: wire.closing.into_iter().map(closing).collect::<Result<_>>()?,
        engine: wire.engine,
        bad_pages: wire.bad_pages,
    })
}

fn place(id: &BackupId, repository: RepositoryId) -> Place {
    let (generation, session) = (id.generation, id.session);
    Place { kind: ObjectKind::Manifest, number: id.sequence, generation, session, repository }
}

/// The manifest object of a new backup: its name and bytes.
pub fn seal(
    id: &BackupId,
    custody: &Custody,
    body: &Body,
    root: &RootKey,
    repository: RepositoryId,
    entropy: &dyn Entropy,
) -> Result<(ManifestName, Vec<u8>)> {
    let plain = json(custody)?;
    let body = encode_body(body)?;
    let mut squeeze = Squeeze::new(3)?;
    let mut sealer = Sealer::new(root, &place(id, repository), &plain, entropy, Vec::new())?;
    let chunks: Vec<&[u8]> = body.chunks(FRAME_RAW_BYTES_MAX).collect();
    for (at, chunk) in chunks.iter().enumerate() {
        sealer.add(FrameKind::Body, chunk, at + 1 == chunks.len(), &mut squeeze)?;
    }
    let mut bytes = sealer.finish();
    let signature = root.signing_key()?.sign(&signed(&bytes));
    bytes.extend_from_slice(signature.as_ref());
    if bytes.len() > MANIFEST_BYTES_MAX {
        let what = format!("the manifest has {} bytes, more than {MANIFEST_BYTES_MAX}", bytes.len());
        return Err(Error::invalid(what).hint("take a full backup: it refers to fewer packs"));
    }
    Ok((ManifestName { id: *id, writer: id.session, hash: Hash::of(&bytes) }, bytes))
}

fn signed(bytes: &[u8]) -> Vec<u8> {
    [SIGNED_PREFIX, &Hash::of(bytes).0].concat()
}

/// The custody of a manifest object, checked as far as that goes without a key: hash, signature, shape, place.
pub fn open_custody(name: &ManifestName, bytes: &[u8], signing_key: &[u8; 32]) -> Result<Custody> {
    let text = name.to_string();
    check_hash(&text, name.hash, bytes)?;
    let signed_bytes = bytes.len().checked_sub(SIGNATURE_BYTES).ok_or_else(|| damaged(&text, "it is too short"))?;
    let (content, signature) = bytes.split_at(signed_bytes);
    UnparsedPublicKey::new(&ED25519, signing_key)
        .verify(&signed(content), signature)
        .map_err(|_| damaged(&text, "its signature is not that of this repository"))?;
    let opening = Opening::parse(&text, content)?;
    // The signature binds the repository; the rest of the header must be what the name says.
    opening.check_place(&text, &place(&name.id, opening.repository()))?;
    serde_json::from_slice(opening.plain).map_err(|_| damaged(&text, "its custody does not parse"))
}

/// The sealed part of a manifest object whose custody was opened before.
pub fn open_body(name: &ManifestName, bytes: &[u8], root: &RootKey, repository: RepositoryId) -> Result<Body> {
    let text = name.to_string();
    let content = &bytes[..bytes.len().saturating_sub(SIGNATURE_BYTES)];
    let opening = Opening::parse(&text, content)?;
    let opener = opening.open(&text, &place(&name.id, repository), root)?;
    let mut body = Vec::new();
    opener.all(content, opening.frames_at, &mut Unsqueeze::new()?, &mut |header, _, raw| {
        if header.kind != FrameKind::Body {
            return Err(damaged(&text, "it holds a frame that is not its body"));
        }
        body.extend_from_slice(raw);
        Ok(())
    })?;
    decode_body(&body).map_err(|error| damaged(&text, error.what()))
}

impl Custody {
    /// A custody without packs, journal and sizes.
    pub fn draft(service: &str, engine: &str, full: BackupId) -> Custody {
        Custody {
            service: service.to_string(),
            engine: engine.to_string(),
            kind: BackupKind::Full,
            parent: None,
            full,
            depth: 0,
            started: Timestamp::default(),
            finished: Timestamp::default(),
            packs: Vec::new(),
            journal: Vec::new(),
            needs: None,
            sizes: Sizes::default(),
            flags: Vec::new(),
        }
    }
}
