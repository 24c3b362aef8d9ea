//! Which moments can be restored: every backup with the unbroken journal that follows it, across timelines.
//!
//! A history that was given up (a server that was put back to an earlier moment) is still there: a time belongs to the timeline that was
//! live then. Log that lies behind a hole is never counted, and never kept quiet about: see [`Break`]. Nothing is written here.

use std::collections::BTreeMap;
use std::fmt;

use farshore_engines::postgresql::history::History;
use farshore_engines::postgresql::recovery::Reach;
use farshore_types::{Error, ErrorKind, Generation, Position, Result, Target, TargetKind, Timeline, Timestamp};
use farshore_vault::Vault;
use farshore_vault::journal::chains::{self, Chain, Chains};
use farshore_vault::names::ManifestName;

use super::stored::Stored;

/// Most backups whose bodies are opened to find a window.
const BACKUPS_MAX: usize = 4096;

/// A transaction takes its commit time before it writes its commit record: on a busy host it may be held up in between, and others
/// that commit later by the clock come before it in the log. So long is allowed for.
const COMMIT_DELAY_US: i64 = 5_000_000;

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
    /// Every timeline that can be reached, oldest first: those that were given up later too.
    pub branches: Vec<Branch>,
    /// Set if later log existed that this window cannot reach.
    pub broken: Option<Break>,
    /// Of the newest log that it reaches: its order says which of two histories goes on.
    pub generation: Generation,
}

/// The end of the journal on one timeline.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Branch {
    /// Which history.
    pub timeline: Timeline,
    /// End of its contiguous journal.
    pub to: Position,
    /// The server's clock for which that is complete.
    pub to_time: Timestamp,
}

/// A hole after a window: log is missing, although later log or a later backup proves that it existed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Break {
    /// First position that is missing.
    pub at: Position,
    /// Everything that was acknowledged before this moment lies before the hole.
    pub at_time: Timestamp,
    /// Where there is log again; `None` if only a backup tells that there was more.
    pub resumes: Option<Position>,
    /// End of the newest log that is known of.
    pub known_to: Position,
    /// The server's clock there.
    pub known_to_time: Timestamp,
}

impl fmt::Display for Break {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Break { at, at_time, resumes, known_to, known_to_time } = self;
        write!(
            f,
            "the log breaks at {at} ({at_time}): everything after it, up to {known_to} ({known_to_time}) at least, "
        )?;
        match resumes {
            Some(resumes) => {
                write!(f, "cannot be restored, because the log before {resumes} is not in this region's store")
            }
            None => write!(f, "is not in this region's store"),
        }
    }
}

/// All windows of a repository, oldest backup first.
#[derive(Debug, Clone, Default)]
pub struct Windows {
    /// One for each restorable backup.
    pub windows: Vec<Window>,
    /// Why backups were left out that are damaged; each names its object.
    pub damaged: Vec<String>,
    /// Backups that cannot be restored because log that they need is not here, oldest first.
    pub logless: Vec<Logless>,
}

/// A backup without its log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Logless {
    /// The backup.
    pub name: ManifestName,
    /// The stream of its journal.
    pub stream: String,
    /// Where it would be consistent, and when that was.
    pub stop: (Position, Timestamp),
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

    /// Follows the journal from a backup on: to the end of its stretch, and over every switch of timeline that a stretch includes.
    fn follow(&self, stored: &Stored) -> Option<Found> {
        let (timeline, stop) = (stored.facts.timeline, stored.stop);
        let size = u64::from(stored.facts.server.wal_segment_size);
        let from = stored.facts.start.aligned_down(size);
        let first = self.chains.covering(timeline, from).filter(|chain| chain.to >= stop)?;
        let (mut stretches, mut newest, mut next) = (vec![first], first, 0);
        // Each step goes to a higher timeline, and a timeline has one parent, so this ends.
        while let Some(chain) = stretches.get(next).copied() {
            stretches.extend(self.steps((stop, size), chain));
            next += 1;
        }
        while let Some(further) = self.steps((stop, size), newest).max_by_key(|chain| chain.timeline) {
            newest = further;
        }
        stretches.sort_by_key(|chain| chain.timeline);
        // Not the clock after the stop: what was acknowledged between the two may lie behind the stop, in log that is not here.
        let to_time = |chain: &Chain| chain.moment.max(stored.safe_time.unwrap_or(stored.stop_time));
        let branch = |chain: &&Chain| Branch { timeline: chain.timeline, to: chain.to, to_time: to_time(chain) };
        let reach = Reach { from: stop, from_time: stored.stop_time, to: newest.to, to_time: to_time(newest) };
        let (branches, broken) = (stretches.iter().map(branch).collect(), self.broken(stop, newest, reach.to_time));
        Some(Found { reach, timeline: newest.timeline, branches, broken, generation: newest.generation })
    }

    /// The stretches that go on from one, on timelines that left it: recovery reads the segment of the switch from its beginning.
    fn steps<'a>(&'a self, (stop, size): (Position, u64), chain: &'a Chain) -> impl Iterator<Item = &'a Chain> {
        self.histories.iter().filter(|(next, _)| **next > chain.timeline).filter_map(move |(next, history)| {
            let parent = history.parent().filter(|parent| parent.timeline == chain.timeline)?;
            let switch = parent.at;
            let further = self.chains.covering(*next, switch.aligned_down(size))?;
            (switch >= stop && switch <= chain.to && further.to >= switch).then_some(further)
        })
    }

    /// Later log of the same history that does not follow on `end`. A timeline whose own history is missing counts: it is newer.
    fn broken(&self, stop: Position, end: &Chain, at_time: Timestamp) -> Option<Break> {
        let descends = |timeline: Timeline| match self.histories.get(&timeline) {
            Some(history) => history.end_of(end.timeline).is_some_and(|left| left >= stop),
            None => true,
        };
        let behind = |chain: &&Chain| match chain.timeline.cmp(&end.timeline) {
            std::cmp::Ordering::Less => false,
            std::cmp::Ordering::Equal => chain.from > end.to,
            std::cmp::Ordering::Greater => descends(chain.timeline),
        };
        let behind: Vec<&Chain> = self.chains.chains.iter().filter(behind).collect();
        let (first, last) = (behind.first()?, behind.last()?);
        let known_to_time = behind.iter().map(|chain| chain.moment).max()?;
        Some(Break { at: end.to, at_time, resumes: Some(first.from), known_to: last.to, known_to_time })
    }
}

/// What a backup's journal reaches.
struct Found {
    reach: Reach,
    timeline: Timeline,
    branches: Vec<Branch>,
    broken: Option<Break>,
    generation: Generation,
}

impl Window {
    /// This window as it is used for a target; `None` if that lies outside. For a time it ends on the timeline that was live then: numbers
    /// of timelines grow with time, so it is the lowest whose log goes so far. Everything else is looked for in the newest history.
    fn towards(&self, target: &Target) -> Option<Window> {
        let TargetKind::Time(time) = target.kind else {
            return self.reach.check(target).is_ok().then(|| self.clone());
        };
        let live =
            self.branches.iter().find(|branch| time <= branch.to_time).filter(|_| time >= self.reach.from_time)?;
        let reach = Reach { to: live.to, to_time: live.to_time, ..self.reach };
        let broken = self.broken.filter(|_| live.timeline == self.timeline);
        Some(Window { reach, timeline: live.timeline, broken, ..self.clone() })
    }
}

impl Windows {
    /// Reads all manifests and the journal's listing. A damaged manifest takes none of the other backups with it.
    pub fn read(vault: &Vault) -> Result<Windows> {
        let mut journals: BTreeMap<String, Journal> = BTreeMap::new();
        let mut found = Windows::default();
        for name in vault.repository.backups()?.into_iter().rev().take(BACKUPS_MAX) {
            match look(vault, name, &mut journals) {
                Ok(Looked::Window(window)) => found.windows.push(*window),
                Ok(Looked::Logless(logless)) => found.logless.push(logless),
                Ok(Looked::Foreign) => {}
                Err(error) if error.kind() == ErrorKind::Corrupt => {
                    tracing::error!(%error, "a backup cannot be used");
                    found.damaged.push(error.to_string());
                }
                Err(error) => return Err(error),
            }
        }
        found.windows.reverse();
        found.logless.reverse();
        found.tell_of_logless();
        Ok(found)
    }

    /// A later backup whose log is gone proves that a window's journal once went on.
    fn tell_of_logless(&mut self) {
        for window in self.windows.iter_mut().filter(|window| window.broken.is_none()) {
            let (at, at_time) = (window.reach.to, window.reach.to_time);
            let later = |lost: &&Logless| lost.stream == window.stream && lost.stop.0 > at && lost.stop.1 > at_time;
            window.broken = self.logless.iter().rev().find(later).map(|lost| {
                let (known_to, known_to_time) = lost.stop;
                Break { at, at_time, resumes: None, known_to, known_to_time }
            });
        }
    }

    /// The backup from which to restore to `target`: the newest one that reaches it with the least log to replay. For a named point or a
    /// transaction the position is not known: the oldest backup of the newest unbroken journal is taken.
    pub fn choose(&self, target: &Target) -> Result<Window> {
        let newest_first = self.newest_first();
        let newest = *newest_first.first().ok_or_else(|| self.none())?;
        let towards = |window: &&Window| window.towards(target);
        match &target.kind {
            TargetKind::Latest | TargetKind::Immediate => Ok(newest.clone()),
            TargetKind::Time(time) => {
                // A backup that ended just before the moment may hold commits from after it.
                let sure = |window: &&&Window| window.reach.from_time.plus_micros(COMMIT_DELAY_US) <= *time;
                let chosen = newest_first.iter().filter(sure).find_map(towards);
                chosen.or_else(|| newest_first.iter().find_map(towards)).ok_or_else(|| self.outside(target))
            }
            TargetKind::Position(_) => newest_first.iter().find_map(towards).ok_or_else(|| self.outside(target)),
            TargetKind::Transaction(_) | TargetKind::Name(_) => {
                let same = |window: &&Window| window.reach.to == newest.reach.to && window.timeline == newest.timeline;
                Ok(self.windows.iter().find(same).unwrap_or(newest).clone())
            }
        }
    }

    /// Those of the history that goes on come first, even if one that was given up has a newer backup: a region that was lost may
    /// have taken it before, and its log ends there.
    fn newest_first(&self) -> Vec<&Window> {
        let mut newest_first: Vec<&Window> = self.windows.iter().rev().collect();
        newest_first.sort_by_key(|window| std::cmp::Reverse(window.generation.order()));
        newest_first
    }

    /// Like [`Windows::choose`], from a backup of this name if one is given.
    pub fn choose_from(&self, backup: Option<&str>, target: &Target) -> Result<Window> {
        let Some(backup) = backup else { return self.choose(target) };
        let found = self.windows.iter().find(|window| window.name.id.to_string() == backup);
        let window = found.ok_or_else(|| {
            let what = format!("backup {backup} does not exist, or cannot be restored{}", self.left_out());
            Error::missing(what).hint("name one of the service's backups")
        })?;
        match &target.kind {
            TargetKind::Time(moment) if *moment < window.reach.from_time => {
                let what = format!("backup {backup} is of {}, and {target} lies before it", window.reach.from_time);
                Err(Error::invalid(what).hint("name an older backup, or none"))
            }
            TargetKind::Time(_) | TargetKind::Position(_) => window.towards(target).ok_or_else(|| self.outside(target)),
            _ => Ok(window.clone()),
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
        let text = |reach: &Reach| match reach.to_time < reach.from_time {
            true => format!("to the end of a backup, {} ({}), and no further", reach.from_time, reach.from),
            false => format!("from {} ({}) to {} ({})", reach.from_time, reach.from, reach.to_time, reach.to),
        };
        let spans: Vec<String> = spans.iter().map(text).collect();
        let what = format!("{target} cannot be restored: what can be goes {}{}", spans.join(", and "), self.left_out());
        Error::invalid(what).hint("choose a moment inside")
    }

    fn none(&self) -> Error {
        let error = match self.damaged.is_empty() {
            true => Error::missing(format!("no complete backup is here{}", self.left_out())),
            false => Error::corrupt(format!("no usable backup is here{}", self.left_out())),
        };
        error.hint("name a region that holds one: `farshore vault list`")
    }

    fn left_out(&self) -> String {
        let damaged = self.damaged.first().map(|first| format!("; {} damaged, first: {first}", self.damaged.len()));
        let broken = self.windows.last().and_then(|window| window.broken).map(|broken| format!("; {broken}"));
        let logless = self.logless.last().filter(|_| self.windows.is_empty());
        let logless = logless.map(|lost| format!("; the log that backup {} needs is not here", lost.name.id));
        [damaged, broken, logless].into_iter().flatten().collect()
    }
}

/// What a backup turned out to be.
enum Looked {
    Window(Box<Window>),
    Logless(Logless),
    /// It needs no log.
    Foreign,
}

fn look(vault: &Vault, name: ManifestName, journals: &mut BTreeMap<String, Journal>) -> Result<Looked> {
    let backup = vault.open_backup(&name)?;
    let stored = Stored::of(&backup)?;
    let Some(needs) = &backup.custody.needs else { return Ok(Looked::Foreign) };
    if !journals.contains_key(&needs.stream) {
        journals.insert(needs.stream.clone(), Journal::read(vault, &needs.stream)?);
    }
    let stream = needs.stream.clone();
    let Some(found) = journals.get(&stream).and_then(|journal| journal.follow(&stored)) else {
        let stop = (stored.stop, stored.stop_time);
        return Ok(Looked::Logless(Logless { name, stream, stop }));
    };
    let Found { reach, timeline, branches, broken, generation } = found;
    Ok(Looked::Window(Box::new(Window { name, reach, timeline, stream, stored, branches, broken, generation })))
}
