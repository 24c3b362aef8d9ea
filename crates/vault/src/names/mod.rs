//! The names of objects: made and parsed here, nowhere else (docs/format.md, section 1).
//!
//! Every type holds a well-formed name; `Display` gives the object's full name below the repository, `short()` the form in
//! which manifests speak of each other.

mod journal;

use std::fmt;

use farshore_types::ids::{hex, unhex};
use farshore_types::{Error, Generation, KeyId, Result, SessionId};

pub use journal::{BLOCK_BYTES, HistoryName, JournalName, RangeName, block_folder, check_stream};

use crate::primitives::Hash;

/// The object that names version, repository and signing key.
pub const FORMAT: &str = "format";
/// Folder of the wraps.
pub const KEYS: &str = "keys/";
/// Folder of the packs.
pub const PACKS: &str = "packs/";
/// Folder of the manifests.
pub const BACKUPS: &str = "backups/";
/// Folder of the journals.
pub const JOURNAL: &str = "journal/";
/// Folder of the sessions.
pub const SESSIONS: &str = "sessions/";
/// Folder of the fences.
pub const FENCES: &str = "fences/";
/// Folder of the tombstones.
pub const TOMBSTONES: &str = "tombstones/";

fn misnamed(name: &str) -> Error {
    Error::corrupt(format!("object {name:?} does not have a name of this format"))
}

fn fields<'a, const N: usize>(name: &'a str, prefix: &str) -> Result<[&'a str; N]> {
    let rest = name.strip_prefix(prefix).ok_or_else(|| misnamed(name))?;
    let parts: Vec<&str> = rest.split('-').collect();
    parts.try_into().map_err(|_| misnamed(name))
}

fn number64(text: &str, name: &str) -> Result<u64> {
    unhex::<8>(text).map(u64::from_be_bytes).map_err(|_| misnamed(name))
}

fn number32(text: &str, name: &str) -> Result<u32> {
    unhex::<4>(text).map(u32::from_be_bytes).map_err(|_| misnamed(name))
}

fn session(text: &str, name: &str) -> Result<SessionId> {
    text.parse().map_err(|_| misnamed(name))
}

fn hash(text: &str, name: &str) -> Result<Hash> {
    unhex(text).map(Hash).map_err(|_| misnamed(name))
}

/// A pack within a repository, without its hash: what maps and catalogs refer to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PackId {
    /// The writer's generation.
    pub generation: Generation,
    /// The writer's session.
    pub session: SessionId,
    /// Counts the packs of that session from 0.
    pub number: u32,
}

/// `packs/<aa>/<generation>-<session>-<number>-<sha256>`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PackName {
    /// Which pack.
    pub id: PackId,
    /// Of its stored bytes.
    pub hash: Hash,
}

impl PackName {
    /// The form in a custody: without the folders.
    pub fn short(&self) -> String {
        format!("{}-{}-{:08x}-{}", self.id.generation, self.id.session, self.id.number, self.hash)
    }

    /// Parses the form in a custody.
    pub fn parse_short(text: &str) -> Result<PackName> {
        let [generation, writer, number, sum] = fields(text, "")?;
        let id = PackId {
            generation: Generation(number64(generation, text)?),
            session: session(writer, text)?,
            number: number32(number, text)?,
        };
        Ok(PackName { id, hash: hash(sum, text)? })
    }

    /// Parses a listed name.
    pub fn parse(name: &str) -> Result<PackName> {
        let rest = name.strip_prefix(PACKS).ok_or_else(|| misnamed(name))?;
        let (folder, short) = rest.split_once('/').ok_or_else(|| misnamed(name))?;
        let pack = PackName::parse_short(short).map_err(|_| misnamed(name))?;
        if folder != hex(&pack.hash.0[..1]) {
            return Err(misnamed(name));
        }
        Ok(pack)
    }
}

impl fmt::Display for PackName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{PACKS}{}/{}", hex(&self.hash.0[..1]), self.short())
    }
}

/// A backup, wherever it lies: generation, sequence and the session that took it. Ordered as backups are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BackupId {
    /// The taker's generation.
    pub generation: Generation,
    /// 1 + the highest before it.
    pub sequence: u32,
    /// The session that took it.
    pub session: SessionId,
}

impl BackupId {
    /// Parses `<generation>-<sequence>-<session>`.
    pub fn parse(text: &str) -> Result<BackupId> {
        let [generation, sequence, taker] = fields(text, "")?;
        Ok(BackupId {
            generation: Generation(number64(generation, text)?),
            sequence: number32(sequence, text)?,
            session: session(taker, text)?,
        })
    }
}

impl fmt::Display for BackupId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{:08x}-{}", self.generation, self.sequence, self.session)
    }
}

impl serde::Serialize for BackupId {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> serde::Deserialize<'de> for BackupId {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
        BackupId::parse(&text).map_err(serde::de::Error::custom)
    }
}

/// `backups/<generation>-<sequence>-<session>-<writer>-<sha256>`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ManifestName {
    /// Which backup.
    pub id: BackupId,
    /// The session that put the manifest in this region.
    pub writer: SessionId,
    /// Of its stored bytes.
    pub hash: Hash,
}

impl ManifestName {
    /// Parses a listed name.
    pub fn parse(name: &str) -> Result<ManifestName> {
        let [generation, sequence, taker, writer, sum] = fields(name, BACKUPS)?;
        let id = BackupId {
            generation: Generation(number64(generation, name)?),
            sequence: number32(sequence, name)?,
            session: session(taker, name)?,
        };
        Ok(ManifestName { id, writer: session(writer, name)?, hash: hash(sum, name)? })
    }
}

impl fmt::Display for ManifestName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{BACKUPS}{}-{}-{}", self.id, self.writer, self.hash)
    }
}

/// `keys/<key>-<recipient>-<sha256>`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct WrapName {
    /// Which root key is inside.
    pub key: KeyId,
    /// First 8 bytes of the SHA-256 of the recipient's text.
    pub recipient: [u8; 8],
    /// Of its stored bytes.
    pub hash: Hash,
}

impl WrapName {
    /// Parses a listed name.
    pub fn parse(name: &str) -> Result<WrapName> {
        let [key, recipient, sum] = fields(name, KEYS)?;
        let key = key.parse().map_err(|_| misnamed(name))?;
        Ok(WrapName { key, recipient: unhex(recipient).map_err(|_| misnamed(name))?, hash: hash(sum, name)? })
    }
}

impl fmt::Display for WrapName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{KEYS}{}-{}-{}", self.key, hex(&self.recipient), self.hash)
    }
}

/// `sessions/…` and `tombstones/…`: `<generation>-<session>-<sha256>` below a folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct NoteName {
    /// `sessions/` or `tombstones/`.
    pub folder: &'static str,
    /// The writer's generation.
    pub generation: Generation,
    /// The writer's session.
    pub session: SessionId,
    /// Of its stored bytes.
    pub hash: Hash,
}

impl NoteName {
    /// Parses a listed name of that folder.
    pub fn parse(folder: &'static str, name: &str) -> Result<NoteName> {
        let [generation, writer, sum] = fields(name, folder)?;
        let generation = Generation(number64(generation, name)?);
        Ok(NoteName { folder, generation, session: session(writer, name)?, hash: hash(sum, name)? })
    }
}

impl fmt::Display for NoteName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}-{}-{}", self.folder, self.generation, self.session, self.hash)
    }
}

/// `fences/<session>-<sha256>`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct FenceName {
    /// The session that may commit nothing any more.
    pub session: SessionId,
    /// Of its stored bytes.
    pub hash: Hash,
}

impl FenceName {
    /// Parses a listed name.
    pub fn parse(name: &str) -> Result<FenceName> {
        let [writer, sum] = fields(name, FENCES)?;
        Ok(FenceName { session: session(writer, name)?, hash: hash(sum, name)? })
    }
}

impl fmt::Display for FenceName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{FENCES}{}-{}", self.session, self.hash)
    }
}

#[cfg(test)]
mod tests {
    use farshore_types::{Position, Timeline, Timestamp};

    use super::*;

    #[test]
    fn every_kind_of_name_reads_back_as_it_was_written() {
        let (generation, session, hash) = (Generation(7), SessionId([3; 16]), Hash::of(b"x"));
        let id = PackId { generation, session, number: 9 };
        let pack = PackName { id, hash };
        assert_eq!(PackName::parse(&pack.to_string()).unwrap(), pack);
        let id = BackupId { generation, sequence: 2, session };
        let manifest = ManifestName { id, writer: SessionId([4; 16]), hash };
        assert_eq!(ManifestName::parse(&manifest.to_string()).unwrap(), manifest);
        let (from, to) = (Position(16), Position(32));
        let moment = Timestamp::from_micros(77);
        let range =
            RangeName { stream: "wal".into(), timeline: Timeline(1), from, to, moment, generation, session, hash };
        assert_eq!(JournalName::parse(&range.to_string()).unwrap(), JournalName::Range(range));
        let history = HistoryName { stream: "wal".into(), timeline: Timeline(2), generation, session, hash };
        assert_eq!(JournalName::parse(&history.to_string()).unwrap(), JournalName::History(history));
        let wrap = WrapName { key: KeyId([1; 8]), recipient: [2; 8], hash };
        assert_eq!(WrapName::parse(&wrap.to_string()).unwrap(), wrap);
        let note = NoteName { folder: SESSIONS, generation, session, hash };
        assert_eq!(NoteName::parse(SESSIONS, &note.to_string()).unwrap(), note);
        let fence = FenceName { session, hash };
        assert_eq!(FenceName::parse(&fence.to_string()).unwrap(), fence);
    }

    #[test]
    fn a_name_that_is_almost_right_is_refused() {
        let hash = Hash::of(b"x");
        let good = PackName { id: PackId { generation: Generation(1), session: SessionId([0; 16]), number: 0 }, hash }
            .to_string();
        for wrong in
            [good.to_uppercase(), format!("{good}0"), good.replace("packs/2d", "packs/2e"), good.replacen('-', "--", 1)]
        {
            assert!(PackName::parse(&wrong).is_err(), "{wrong}");
        }
        let range = |block: u64, from: u64, to: u64| {
            let session = SessionId([0; 16]);
            format!("journal/wal/00000001/{block:010x}/{from:016x}-{to:016x}-{:016x}-{:016x}-{session}-{hash}", 9, 1)
        };
        for (block, from, to, good) in [
            (0, 1, 2, true),
            (0, 2, 1, false),
            (1, 1, 2, false),
            (0, 1, BLOCK_BYTES, true),
            (0, 1, BLOCK_BYTES + 1, false),
        ] {
            assert_eq!(JournalName::parse(&range(block, from, to)).is_ok(), good, "{block} {from} {to}");
        }
    }
}
