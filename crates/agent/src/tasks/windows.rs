//! Which moments can be restored: every backup with the unbroken journal that follows it, across timelines.

use std::collections::BTreeMap;

use farshore_engines::postgresql::history::History;
use farshore_engines::postgresql::recovery::Reach;
use farshore_types::{Error, ErrorKind, Result, Target, TargetKind, Timeline};
use farshore_vault::Vault;
use farshore_vault::journal::chains::{self, Chains};
use farshore_vault::names::{BLOCK_BYTES, ManifestName};

use super::stored::Stored;

/// Most backups whose bodies are opened to find a window.
const BACKUPS_MAX: usize = 4096;

/// What one backup and its journal reach.
#[derive(Debug, Clone)]
pub struct Window {
    /// The backup.
    pub name: ManifestName,
    /// From where to where.
    pub reach: Reach,
    /// The timeline on which the end lies.
    pub timeline: Timeline,
    /// The stream of the journal.
    pub stream: String,
    /// What the backup says of its source.
    pub stored: Stored,
}

/// All windows of a repository, oldest backup first.
#[derive(Debug, Clone, Default)]
pub struct Windows {
    /// One for each restorable backup.
    pub windows: Vec<Window>,
    /// Why backups were left out that are damaged; each names its object.
    pub damaged: Vec<String>,
}

struct Journal {
    chains: Chains,
    histories: BTreeMap<Timeline, History>,
}

impl Journal {
    fn read(vault: &Vault, stream: &str) -> Result<Journal> {
        let chains = chains::list(&vault.repository, stream)?;
        let mut histories = BTreeMap::new();
        for name in &chains.histories {
            if let Some(content) = vault.history(stream, name.timeline)? {
                histories.insert(name.timeline, History::parse(name.timeline, &content)?);
            }
        }
        Ok(Journal { chains, histories })
    }

    /// Follows the journal from a backup on: to the end of its stretch, and over each switch of timeline that the stretch includes.
    fn follow(&self, stored: &Stored) -> Option<(Reach, Timeline)> {
        let (mut timeline, stop) = (stored.facts.timeline, stored.stop);
        let from = stored.facts.start.aligned_down(u64::from(stored.facts.server.wal_segment_size));
        let mut chain = self.chains.covering(timeline, from).filter(|chain| chain.to >= stop)?;
        // Each step goes to a higher timeline, so this ends.
        while let Some((next, further)) = self.step(timeline, stop, chain) {
            (timeline, chain) = (next, further);
        }
        let to_time = chain.moment.max(stored.stop_time);
        Some((Reach { from: stop, from_time: stored.stop_time, to: chain.to, to_time }, timeline))
    }

    fn step(
        &self,
        timeline: Timeline,
        stop: farshore_types::Position,
        chain: &chains::Chain,
    ) -> Option<(Timeline, &chains::Chain)> {
        self.histories.iter().rev().filter(|(next, _)| **next > timeline).find_map(|(next, history)| {
            let parent = history.parent().filter(|parent| parent.timeline == timeline)?;
            let switch = parent.at;
            let further =
                self.chains.covering(*next, switch.aligned_down(BLOCK_BYTES)).filter(|further| further.to >= switch)?;
            (switch >= stop && switch <= chain.to).then_some((*next, further))
        })
    }
}

impl Windows {
    /// Reads all manifests and the journal's listing. A damaged manifest takes none of the other backups with it.
    pub fn read(vault: &Vault) -> Result<Windows> {
        let mut journals: BTreeMap<String, Journal> = BTreeMap::new();
        let mut found = Windows::default();
        for name in vault.repository.backups()?.into_iter().rev().take(BACKUPS_MAX) {
            match look(vault, name, &mut journals) {
                Ok(window) => found.windows.extend(window),
                Err(error) if error.kind() == ErrorKind::Corrupt => {
                    tracing::error!(%error, "a backup cannot be used");
                    found.damaged.push(error.to_string());
                }
                Err(error) => return Err(error),
            }
        }
        found.windows.reverse();
        Ok(found)
    }

    /// The backup from which to restore to `target`: the newest one that reaches it with the least log to replay. For a named point or a
    /// transaction the position is not known: the oldest backup of the newest unbroken journal is taken.
    pub fn choose(&self, target: &Target) -> Result<&Window> {
        let newest = self.windows.last().ok_or_else(|| self.none())?;
        let fitting = |window: &&Window| window.reach.check(target).is_ok();
        match &target.kind {
            TargetKind::Latest | TargetKind::Immediate => Ok(newest),
            TargetKind::Time(_) | TargetKind::Position(_) => {
                self.windows.iter().rev().find(fitting).ok_or_else(|| self.outside(target))
            }
            TargetKind::Transaction(_) | TargetKind::Name(_) => {
                let same = |window: &&Window| window.reach.to == newest.reach.to && window.timeline == newest.timeline;
                Ok(self.windows.iter().find(same).unwrap_or(newest))
            }
        }
    }

    /// The error that names both ends of every window.
    fn outside(&self, target: &Target) -> Error {
        let mut spans: Vec<Reach> = Vec::new();
        for window in &self.windows {
            match spans.last() {
                Some(last) if last.to == window.reach.to => {}
                _ => spans.push(window.reach),
            }
        }
        let text =
            |reach: &Reach| format!("from {} ({}) to {} ({})", reach.from_time, reach.from, reach.to_time, reach.to);
        let spans: Vec<String> = spans.iter().map(text).collect();
        let what = format!("{target} cannot be restored: what can be goes {}{}", spans.join(", and "), self.left_out());
        Error::invalid(what).hint("choose a moment inside")
    }

    fn none(&self) -> Error {
        let error = match self.damaged.is_empty() {
            true => Error::missing("no complete backup is here"),
            false => Error::corrupt(format!("no usable backup is here{}", self.left_out())),
        };
        error.hint("name a region that holds one: `farshore vault list`")
    }

    fn left_out(&self) -> String {
        let first = self.damaged.first().map(|first| format!("; {} damaged, first: {first}", self.damaged.len()));
        first.unwrap_or_default()
    }
}

fn look(vault: &Vault, name: ManifestName, journals: &mut BTreeMap<String, Journal>) -> Result<Option<Window>> {
    let backup = vault.open_backup(&name)?;
    let stored = Stored::of(&backup)?;
    let Some(needs) = &backup.custody.needs else { return Ok(None) };
    if !journals.contains_key(&needs.stream) {
        journals.insert(needs.stream.clone(), Journal::read(vault, &needs.stream)?);
    }
    let found = journals.get(&needs.stream).and_then(|journal| journal.follow(&stored));
    let stream = needs.stream.clone();
    Ok(found.map(|(reach, timeline)| Window { name, reach, timeline, stream, stored }))
}
