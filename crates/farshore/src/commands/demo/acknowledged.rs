//! The log of acknowledged commits, kept outside both regions, and what it says about a fork: which commits are there, which are not.
//!
//! One line per commit that the server has acknowledged, written right after the answer came: writer, number, SHA-256 of the row,
//! when it was sent, when it was acknowledged (microseconds since 1970, the clock that the server reads too). A line may be missing for
//! the one commit of each writer whose answer never came; nothing else can be missing, because writers send one at a time.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;

use farshore_types::error::ErrorContext;
use farshore_types::{Error, Result, Timestamp};

/// One acknowledged commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Commit {
    /// Which writer.
    pub writer: u32,
    /// Its how-many-eth commit, from 1 on.
    pub number: u64,
    /// SHA-256 of the row.
    pub checksum: String,
    /// When it was sent.
    pub sent: Timestamp,
    /// When the answer came.
    pub acknowledged: Timestamp,
}

impl Commit {
    /// Its line in the log.
    pub fn line(&self) -> String {
        let Commit { writer, number, checksum, sent, acknowledged } = self;
        format!("{writer} {number} {checksum} {} {}\n", sent.micros(), acknowledged.micros())
    }

    fn parse(line: &str) -> Option<Commit> {
        let mut fields = line.split(' ');
        let (writer, number) = (fields.next()?.parse().ok()?, fields.next()?.parse().ok()?);
        let checksum = fields.next()?.to_string();
        let mut moment = || Some(Timestamp::from_micros(fields.next()?.parse().ok()?));
        Some(Commit { writer, number, checksum, sent: moment()?, acknowledged: moment()? })
    }

    /// As people read it.
    pub fn describe(&self) -> String {
        format!("writer {} number {}, acknowledged {}", self.writer, self.number, self.acknowledged)
    }
}

/// Reads the log.
pub fn read(path: &Path) -> Result<Vec<Commit>> {
    let text = std::fs::read_to_string(path).doing("read", path.display())?;
    let wrong = |line: &str| Error::corrupt(format!("{}: {line:?} is not a commit", path.display()));
    text.lines().map(|line| Commit::parse(line).ok_or_else(|| wrong(line))).collect()
}

/// How fast commits were acknowledged in a stretch of time.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Pace {
    /// Commits per second.
    pub per_second: f64,
    /// Half of them took at most this long, in milliseconds.
    pub p50_ms: f64,
    /// All but one in a hundred took at most this long, in milliseconds.
    pub p99_ms: f64,
}

/// The pace from one moment to another; `None` when nothing was acknowledged.
pub fn pace(commits: &[Commit], from: Timestamp, to: Timestamp) -> Option<Pace> {
    let within = commits.iter().filter(|commit| commit.acknowledged >= from && commit.acknowledged < to);
    let mut took: Vec<f64> = within.map(|commit| commit.acknowledged.seconds_since(commit.sent) * 1e3).collect();
    took.sort_by(f64::total_cmp);
    let share = |percent: usize| took.get((took.len() * percent / 100).min(took.len().saturating_sub(1))).copied();
    let per_second = took.len() as f64 / to.seconds_since(from).max(1e-6);
    Some(Pace { per_second, p50_ms: share(50)?, p99_ms: share(99)? })
}

/// Up to where a fork was made.
#[derive(Debug, Clone, Copy)]
pub enum Until {
    /// A moment: acknowledged before `from` must be there, sent after `to` must not.
    Moment {
        /// Right before it.
        from: Timestamp,
        /// Right after it.
        to: Timestamp,
    },
    /// As much as reached the second region.
    Newest,
}

/// What a fork holds, against the log.
#[derive(Debug, Clone, Default)]
pub struct Comparison {
    /// Rows in the fork.
    pub rows: u64,
    /// Commits that must be there and are not.
    pub missing: u64,
    /// Rows that must not be there, or that nobody wrote.
    pub unexpected: u64,
    /// Rows whose bytes differ from what was written.
    pub different: u64,
    /// Commits under way at the moment: either is right.
    pub open: u64,
    /// The last acknowledged commit that is there.
    pub last: Option<Commit>,
    /// The first acknowledged commit that is not there.
    pub first_not: Option<Commit>,
    /// Acknowledged commits that are not there.
    pub absent: u64,
}

impl Comparison {
    /// Whether the row set is exactly right.
    pub fn matched(&self) -> bool {
        self.rows > 0 && (self.missing, self.unexpected, self.different) == (0, 0, 0)
    }

    /// The two ends, in a sentence.
    pub fn ends(&self) -> String {
        let text = |commit: &Option<Commit>| commit.as_ref().map_or_else(|| "none".to_string(), Commit::describe);
        format!("last commit recovered: {}; first not recovered: {}", text(&self.last), text(&self.first_not))
    }
}

/// Rows of a fork: checksum by writer and number.
pub type Rows = BTreeMap<(u32, u64), String>;

/// Compares a fork's rows with the log. `unanswered` gives the checksum of the commit that a writer sent last without an answer.
pub fn compare(commits: &[Commit], rows: &Rows, until: Until, unanswered: &HashMap<(u32, u64), String>) -> Comparison {
    let mut found = Comparison { rows: rows.len() as u64, ..Comparison::default() };
    // A commit that was acknowledged before a recovered one was sent comes before it in the log of the server.
    let reached = commits.iter().filter(|commit| rows.contains_key(&(commit.writer, commit.number)));
    let reached = reached.map(|commit| commit.sent).max().unwrap_or_default();
    let (must, must_not) = match until {
        Until::Moment { from, to } => (from, Some(to)),
        Until::Newest => (reached, None),
    };
    let mut logged: HashMap<(u32, u64), ()> = HashMap::with_capacity(commits.len());
    for commit in commits {
        let key = (commit.writer, commit.number);
        logged.insert(key, ());
        let row = rows.get(&key);
        match row {
            Some(checksum) => {
                found.different += u64::from(*checksum != commit.checksum);
                found.unexpected += u64::from(must_not.is_some_and(|to| commit.sent > to));
            }
            None => {
                found.absent += 1;
                found.missing += u64::from(commit.acknowledged < must);
            }
        }
        let is_open = commit.acknowledged >= must && must_not.is_none_or(|to| commit.sent <= to);
        found.open += u64::from(is_open && must_not.is_some());
        let (end, better) = match row {
            Some(_) => (&mut found.last, std::cmp::Ordering::Greater),
            None => (&mut found.first_not, std::cmp::Ordering::Less),
        };
        if end.as_ref().is_none_or(|known| commit.acknowledged.cmp(&known.acknowledged) == better) {
            *end = Some(commit.clone());
        }
    }
    for (key, checksum) in rows.iter().filter(|(key, _)| !logged.contains_key(key)) {
        match unanswered.get(key) {
            Some(written) if must_not.is_none() => found.different += u64::from(written != checksum),
            _ => found.unexpected += 1,
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn commit(writer: u32, number: u64, sent: i64, acknowledged: i64) -> Commit {
        let at = Timestamp::from_micros;
        Commit {
            writer,
            number,
            checksum: format!("{writer}/{number}"),
            sent: at(sent),
            acknowledged: at(acknowledged),
        }
    }

    fn log() -> Vec<Commit> {
        vec![commit(1, 1, 0, 10), commit(2, 1, 5, 20), commit(1, 2, 15, 30), commit(2, 2, 25, 40), commit(1, 3, 45, 50)]
    }

    fn rows(keys: &[(u32, u64)]) -> Rows {
        keys.iter().map(|(writer, number)| ((*writer, *number), format!("{writer}/{number}"))).collect()
    }

    fn check(keys: &[(u32, u64)], until: Until, wrong: (u64, u64, u64), absent: u64) {
        let found = compare(&log(), &rows(keys), until, &HashMap::new());
        assert_eq!(
            (found.missing, found.unexpected, found.different, found.absent),
            (wrong.0, wrong.1, wrong.2, absent)
        );
        assert_eq!(found.matched(), wrong == (0, 0, 0), "{keys:?}");
    }

    #[test]
    fn what_was_acknowledged_before_the_moment_must_be_there_and_nothing_sent_after_it() {
        let at = Timestamp::from_micros(27);
        let moment = Until::Moment { from: at, to: at };
        check(&[(1, 1), (2, 1)], moment, (0, 0, 0), 3);
        check(&[(1, 1), (2, 1), (1, 2)], moment, (0, 0, 0), 2);
        check(&[(1, 1), (2, 1), (1, 2), (2, 2)], moment, (0, 0, 0), 1);
        check(&[(1, 1)], moment, (1, 0, 0), 4);
        check(&[(1, 1), (2, 1), (1, 3)], moment, (0, 1, 0), 2);
        check(&[(1, 1), (2, 1), (9, 9)], moment, (0, 1, 0), 3);
    }

    #[test]
    fn the_newest_fork_may_lack_the_end_but_holds_no_hole() {
        check(&[(1, 1), (2, 1), (1, 2)], Until::Newest, (0, 0, 0), 2);
        check(&[(1, 1), (2, 1), (2, 2)], Until::Newest, (0, 0, 0), 2);
        check(&[(1, 1), (2, 1), (1, 3)], Until::Newest, (2, 0, 0), 2);
        assert!(!compare(&log(), &Rows::new(), Until::Newest, &HashMap::new()).matched());
    }

    #[test]
    fn a_changed_row_is_different_and_the_unanswered_commit_may_be_there() {
        let mut rows = rows(&[(1, 1), (2, 1), (1, 2), (2, 2), (1, 3), (1, 4)]);
        let unanswered = HashMap::from([((1, 4), "1/4".to_string())]);
        assert!(compare(&log(), &rows, Until::Newest, &unanswered).matched());
        assert_eq!(compare(&log(), &rows, Until::Newest, &HashMap::new()).unexpected, 1);
        rows.insert((2, 1), "changed".to_string());
        assert_eq!(compare(&log(), &rows, Until::Newest, &unanswered).different, 1);
    }

    #[test]
    fn a_line_is_read_back_and_the_ends_are_named() {
        let commit = commit(3, 7, 1, 2);
        assert_eq!(Commit::parse(commit.line().trim_end()), Some(commit));
        assert_eq!(Commit::parse("1 2 x"), None);
        let found = compare(&log(), &rows(&[(1, 1), (2, 1), (1, 2)]), Until::Newest, &HashMap::new());
        let number = |commit: &Option<Commit>| commit.as_ref().map(|commit| (commit.writer, commit.number));
        assert_eq!((number(&found.last), number(&found.first_not)), (Some((1, 2)), Some((2, 2))));
    }

    #[test]
    fn the_pace_is_of_what_was_acknowledged_in_between() {
        let at = Timestamp::from_micros;
        let pace = pace(&log(), at(10), at(40)).unwrap();
        assert_eq!((pace.per_second.round(), (pace.p99_ms * 1e3).round()), (100_000.0, 15.0));
        assert!(super::pace(&log(), at(100), at(200)).is_none());
    }
}
