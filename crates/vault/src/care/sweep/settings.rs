//! What a sweep is told and what it tells.

use std::time::Duration;

/// How patient a sweep is. All lengths are measured between two times of the store's own clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Settings {
    /// Objects younger than this are never condemned.
    pub grace: Duration,
    /// A tombstone must be this old before it is buried.
    pub cycle: Duration,
    /// A session has expired when it is older than twice its deadline and this.
    pub session_margin: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        let hours = |count: u64| Duration::from_secs(count * 3600);
        Settings { grace: hours(48), cycle: hours(6), session_margin: hours(1) }
    }
}

/// What a sweep did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Swept {
    /// Sessions fenced.
    pub fenced: u64,
    /// Manifests deleted, expired and fenced ones.
    pub manifests: u64,
    /// Packs and journal objects named in a new tombstone.
    pub condemned: u64,
    /// Packs deleted.
    pub packs: u64,
    /// Journal objects deleted.
    pub journal: u64,
    /// Objects of tombstones that are needed again and stay.
    pub spared: u64,
    /// Tombstones that wait for a session that relies on what they name.
    pub postponed: u64,
    /// Backups that were to expire and stay: the last good one, and pinned ones.
    pub kept: u64,
}
