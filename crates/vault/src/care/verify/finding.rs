//! What is asked of a verification and what it answers.

use std::collections::BTreeSet;

use farshore_types::{PageKind, Progress};

use crate::names::{BackupId, ManifestName};

/// How deep to look; each level includes the ones before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// L0: names and sizes.
    Listing,
    /// L1: stored bytes against names, without keys.
    Scrub,
    /// L2: frames, digests, page checksums.
    Content,
}

/// Which backups to look at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Which {
    /// All of them, and every other object of the repository.
    All,
    /// These, what they need, `format` and the wraps.
    Only(Vec<ManifestName>),
}

/// What to verify.
#[derive(Debug, Clone)]
pub struct Request<'a> {
    /// How deep.
    pub level: Level,
    /// What.
    pub which: Which,
    /// Page kinds whose checksums can be checked; pages of others are reported as not checked.
    pub kinds: &'a [PageKind],
    /// Threads that read and check.
    pub workers: usize,
    /// Counts the bytes that are read; may ask to stop.
    pub progress: &'a Progress,
}

/// Whether something must be done about a finding.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Gravity {
    /// Stored bytes are missing, changed or unreadable.
    Damage,
    /// Worth knowing.
    Note,
}

/// One thing that was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// The level that found it.
    pub level: Level,
    /// Whether it is damage.
    pub gravity: Gravity,
    /// The object; for a file of a backup, the backup's manifest.
    pub object: String,
    /// What is wrong with it.
    pub what: String,
    /// The backups that cannot be restored because of it, as far as is known.
    pub breaks: Vec<BackupId>,
}

impl Finding {
    /// Damage of an object.
    pub fn damage(level: Level, object: &str, what: impl Into<String>, breaks: &[BackupId]) -> Finding {
        let (object, what, breaks) = (object.to_string(), what.into(), breaks.to_vec());
        Finding { level, gravity: Gravity::Damage, object, what, breaks }
    }

    /// Something worth knowing about an object.
    pub fn note(level: Level, object: &str, what: impl Into<String>) -> Finding {
        let (object, what) = (object.to_string(), what.into());
        Finding { level, gravity: Gravity::Note, object, what, breaks: Vec::new() }
    }
}

/// A number of things and their bytes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Count {
    /// How many.
    pub objects: u64,
    /// Their bytes.
    pub bytes: u64,
}

impl Count {
    /// Counts one more.
    pub fn add(&mut self, bytes: u64) {
        self.objects += 1;
        self.bytes += bytes;
    }
}

/// What was verified.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Verified {
    /// Objects listed.
    pub listed: Count,
    /// Packs that no backup needs: what a dead writer left, or a running one is putting.
    pub orphans: Count,
    /// Objects whose stored bytes were checked.
    pub scrubbed: Count,
    /// Segments of files that were read and have their digests, each counted once however many backups share it.
    pub segments: Count,
    /// Pages whose checksums were checked.
    pub pages: u64,
    /// Pages of kinds that were not given, or that carry no checksums.
    pub pages_unchecked: u64,
    /// Number of findings that are damage.
    pub damages: u64,
    /// The backups that were looked at, oldest first.
    pub backups: Vec<ManifestName>,
    /// Those of them that cannot be restored.
    pub broken: BTreeSet<BackupId>,
}
