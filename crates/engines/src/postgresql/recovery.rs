//! What a restored cluster needs to recover to a moment: settings, signal file, tablespace links (PostgreSQL
//! documentation, "Recovery Target" and "Recovering Using a Continuous Archive Backup"). Pure: nothing is written here.
//!
//! All refusals of a restore that do not depend on stored data live here. The copied `postgresql.auto.conf` is never
//! trusted: it is replaced by [`Plan::files`]. Tablespaces always get new places, otherwise a fork would write through
//! the links of its source.

use std::path::{Path, PathBuf};

use farshore_types::snapshot::ClosingFile;
use farshore_types::{Error, Position, Result, Target, TargetKind, Timeline, Timestamp};

use super::conf;
use super::control::Control;
use super::files::Tablespace;

/// Makes the server recover from the archive. The server removes it, durably, before it accepts the first write.
pub const RECOVERY_SIGNAL: &str = "recovery.signal";
/// Longest name of a restore point.
const NAME_BYTES_MAX: usize = 63;
/// What the server logs, in English, when the log ends before the target.
const NOT_REACHED: &str = "recovery ended before configured recovery target was reached";
/// Permission bits of the files made here.
const FILE_MODE: u32 = 0o600;

/// From where to where one backup with its journal can recover.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reach {
    /// The backup's stop position: consistent from here on.
    pub from: Position,
    /// The server's clock at the stop.
    pub from_time: Timestamp,
    /// End of the contiguous journal.
    pub to: Position,
    /// The server's clock for which the journal is complete (`Watermark`).
    pub to_time: Timestamp,
}

impl Reach {
    /// Refuses a target outside; the error names both ends. Transactions and names have no known position: they pass.
    pub fn check(&self, target: &Target) -> Result<()> {
        let outside = match &target.kind {
            TargetKind::Time(time) => *time < self.from_time || *time > self.to_time,
            TargetKind::Position(position) => *position < self.from || *position > self.to,
            TargetKind::Latest | TargetKind::Immediate | TargetKind::Transaction(_) | TargetKind::Name(_) => false,
        };
        if !outside {
            return Ok(());
        }
        let ends = format!("from {} ({}) to {} ({})", self.from_time, self.from, self.to_time, self.to);
        Err(Error::invalid(format!("{target} cannot be recovered: the window goes {ends}"))
            .hint("choose a moment inside the window"))
    }
}

/// A recovery that is to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// Where to stop.
    pub target: Target,
    /// Along which timeline; must have the backup's start in its past.
    pub timeline: Timeline,
    /// The command that fetches a file of the log, made by [`restore_command`].
    pub restore_command: String,
}

/// The `restore_command` that runs a program with arguments, followed by the wanted name and the path to write to. The
/// program must exit above 125 for every failure other than "no such file exists": the server takes an ordinary failure
/// for the end of the log.
pub fn restore_command(program: &Path, args: &[&str]) -> Result<String> {
    let mut command = conf::shell_word(conf::path(program)?)?;
    for arg in args {
        command.push(' ');
        command.push_str(&conf::shell_word(arg)?);
    }
    command.push_str(" \"%f\" \"%p\"");
    Ok(command)
}

impl Plan {
    /// `postgresql.auto.conf` and `recovery.signal`, to be written over what was restored, before `pg_control`.
    pub fn files(&self, source: &Control) -> Result<Vec<ClosingFile>> {
        let file = |path: &str, content: String| ClosingFile {
            path: path.to_string(),
            mode: FILE_MODE,
            content: content.into_bytes(),
        };
        let settings = format!("{}{}{}", HEAD, source_limits(source)?, self.settings()?);
        Ok(vec![file("postgresql.auto.conf", settings), file(RECOVERY_SIGNAL, String::new())])
    }

    /// The same plan towards the end of the journal: for a target that lies in the window after the last commit, where
    /// the server by itself would fail with "not reached" although everything up to the target is there.
    pub fn to_the_end(&self) -> Plan {
        Plan { target: Target::latest(), ..self.clone() }
    }

    /// The recovery settings as lines of a configuration file.
    pub fn settings(&self) -> Result<String> {
        let mut lines = conf::line("restore_command", &self.restore_command)?;
        lines.push_str(&conf::line("recovery_target_timeline", &self.timeline.0.to_string())?);
        lines.push_str(&conf::line("recovery_target_action", "promote")?);
        let (name, text) = match &self.target.kind {
            TargetKind::Latest => return Ok(lines),
            TargetKind::Immediate => ("recovery_target", "immediate".to_string()),
            TargetKind::Time(time) => ("recovery_target_time", moment(*time)),
            TargetKind::Position(position) => ("recovery_target_lsn", position.to_string()),
            TargetKind::Transaction(number) => ("recovery_target_xid", transaction(*number)?),
            TargetKind::Name(name) => ("recovery_target_name", point_name(name)?),
        };
        lines.push_str(&conf::line(name, &text)?);
        if !matches!(self.target.kind, TargetKind::Immediate | TargetKind::Name(_)) {
            lines.push_str(&conf::line("recovery_target_inclusive", if self.target.inclusive { "on" } else { "off" })?);
        }
        Ok(lines)
    }
}

const HEAD: &str = "# Made anew by Farshore when this cluster was restored.\n";
/// What a log's source has to do with its replay, in the order in which it is written. The last one only where it is on.
const LIMITS: [&str; 6] = [
    "max_connections",
    "max_worker_processes",
    "max_wal_senders",
    "max_prepared_transactions",
    "max_locks_per_transaction",
    "track_commit_timestamp",
];

/// The server refuses to replay a log with smaller limits than those that it was written with, or stops in the middle;
/// without hot standby it asks only for what it needs.
fn source_limits(source: &Control) -> Result<String> {
    let limits = &source.limits;
    let numbers = [
        limits.connections,
        limits.worker_processes,
        limits.wal_senders,
        limits.prepared_transactions,
        limits.locks_per_transaction,
    ];
    let values = numbers.map(|number| number.to_string()).into_iter();
    let values = values.chain(limits.track_commit_timestamp.then(|| "on".to_string()));
    let mut lines = conf::line("hot_standby", "off")?;
    for (name, value) in LIMITS.iter().zip(values) {
        lines.push_str(&conf::line(name, &value)?);
    }
    Ok(lines)
}

/// `postgresql.auto.conf` of a server whose recovery is over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settled {
    /// What others wrote there: it stays, and so does its order.
    pub text: String,
    /// The limits of the source that stood there, by name.
    pub limits: Vec<(String, String)>,
}

/// Takes out what [`Plan::files`] wrote: that file wins over every other one, so what stays there is what the server has for ever. The
/// limits are known by their order, as they were written one after the other: ALTER SYSTEM takes a line away and adds one at the end.
pub fn settled(text: &str) -> Settled {
    let mut settled = Settled { text: String::new(), limits: Vec::new() };
    // Those that may still follow in the row that was written; none before its first line.
    let mut following: &[&str] = &[];
    for line in text.lines() {
        let (name, value) = line.split_once(" = ").unwrap_or((line, ""));
        if line == "hot_standby = 'off'" {
            following = &LIMITS;
        } else if let Some(at) = following.iter().position(|limit| *limit == name) {
            following = following.get(at + 1..).unwrap_or_default();
            settled.limits.push((name.to_string(), value.trim_matches('\'').to_string()));
        } else if !(line == HEAD.trim_end() || name == "restore_command" || name.starts_with("recovery_target")) {
            following = &[];
            settled.text.push_str(line);
            settled.text.push('\n');
        }
    }
    settled
}

/// With a blank and a numeric offset: while the server reads its files it does not know `T` and `Z`.
fn moment(time: Timestamp) -> String {
    time.to_string().replace('T', " ").replace('Z', "+00")
}

fn transaction(number: u64) -> Result<String> {
    // 0 to 2 are no transactions.
    match number {
        0..3 => Err(Error::invalid(format!("{number} is not the number of a transaction"))),
        _ => Ok(number.to_string()),
    }
}

fn point_name(name: &str) -> Result<String> {
    if name.is_empty() || name.len() > NAME_BYTES_MAX {
        return Err(Error::invalid(format!(
            "{name:?} is not the name of a restore point (1 to {NAME_BYTES_MAX} bytes)"
        )));
    }
    Ok(name.to_string())
}

/// Whether the server gave up because the log ended before the target, by what it logged.
pub fn target_not_reached(log: &str) -> bool {
    log.contains(NOT_REACHED)
}

/// Refuses to start a backup of one major version with the binaries of another.
pub fn check_major(backup_version_number: u32, installed_major: u32) -> Result<()> {
    let major = backup_version_number / 10_000;
    if major == installed_major {
        return Ok(());
    }
    let what = format!("the backup is of PostgreSQL {major}, the installed server is {installed_major}");
    Err(Error::invalid(what).hint(format!("install PostgreSQL {major}, restore, then use pg_upgrade")))
}

/// A tablespace's new place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Placement {
    /// Its number; the link `pg_tblspc/<oid>` leads to `target`.
    pub oid: u32,
    /// The new directory.
    pub target: PathBuf,
}

/// New places for all linked tablespaces: `<root>/<oid>`. One that lies in `pg_tblspc` itself stays there.
pub fn place_tablespaces(tablespaces: &[Tablespace], root: &Path) -> Result<Vec<Placement>> {
    conf::path(root)?;
    let linked = tablespaces.iter().filter(|tablespace| tablespace.target.is_some());
    Ok(linked.map(|space| Placement { oid: space.oid, target: root.join(space.oid.to_string()) }).collect())
}

/// The `tablespace_map` for new places; to be restored instead of the backup's, because the server makes the links anew
/// from it. `None` without tablespaces.
pub fn tablespace_map(placements: &[Placement]) -> Result<Option<ClosingFile>> {
    let mut content = String::new();
    for Placement { oid, target } in placements {
        content.push_str(&format!("{oid} {}\n", conf::path(target)?));
    }
    let file = ClosingFile { path: "tablespace_map".to_string(), mode: FILE_MODE, content: content.into_bytes() };
    Ok((!placements.is_empty()).then_some(file))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(kind: TargetKind, inclusive: bool) -> Plan {
        let restore_command =
            restore_command(Path::new("/usr/bin/farshore"), &["fetch", "--socket", "/run/it's"]).unwrap();
        Plan { target: Target { kind, inclusive }, timeline: Timeline(10), restore_command }
    }

    #[test]
    fn each_target_becomes_its_settings() {
        let time = "2026-11-21T08:15:00.123456Z".parse().unwrap();
        let table = [
            (TargetKind::Latest, true, ""),
            (TargetKind::Immediate, true, "recovery_target = 'immediate'\n"),
            (
                TargetKind::Time(time),
                true,
                "recovery_target_time = '2026-11-21 08:15:00.123456+00'\nrecovery_target_inclusive = 'on'\n",
            ),
            (
                TargetKind::Position(Position(0x16_B374_D848)),
                false,
                "recovery_target_lsn = '16/B374D848'\nrecovery_target_inclusive = 'off'\n",
            ),
            (TargetKind::Transaction(742), false, "recovery_target_xid = '742'\nrecovery_target_inclusive = 'off'\n"),
            (TargetKind::Name("it's\nme".to_string()), true, "recovery_target_name = 'it''s\\nme'\n"),
        ];
        let common = "restore_command = '''/usr/bin/farshore'' ''fetch'' ''--socket'' ''/run/it''\\\\''''s'' \"%f\" \"%p\"'\n\
             recovery_target_timeline = '10'\nrecovery_target_action = 'promote'\n";
        for (kind, inclusive, expected) in table {
            assert_eq!(plan(kind, inclusive).settings().unwrap(), format!("{common}{expected}"));
        }
        for kind in [TargetKind::Transaction(2), TargetKind::Name(String::new()), TargetKind::Name("x".repeat(64))] {
            assert!(plan(kind, true).settings().is_err());
        }
    }

    #[test]
    fn what_a_recovery_needed_is_taken_out_and_nothing_that_others_wrote() {
        let recovery = plan(TargetKind::Latest, true).settings().unwrap();
        let ours = "hot_standby = 'off'\nmax_connections = '100'\nmax_worker_processes = '8'\n\
             max_wal_senders = '10'\nmax_prepared_transactions = '0'\nmax_locks_per_transaction = '64'\n";
        let rest = ours.replace("max_connections = '100'\n", "");
        let system = "# Do not edit this file manually!\n";
        // What stands there, what stays, how many limits there were.
        let table = [
            (String::new(), "", 0),
            (format!("{HEAD}{ours}{recovery}"), "", 5),
            (format!("{HEAD}{ours}track_commit_timestamp = 'on'\nwork_mem = '7MB'\n"), "work_mem = '7MB'\n", 6),
            (
                format!("{system}work_mem = '7MB'\n{rest}max_connections = '500'\n"),
                "# Do not edit this file manually!\nwork_mem = '7MB'\nmax_connections = '500'\n",
                4,
            ),
            (
                "max_connections = '500'\nhot_standby = 'on'\n".to_string(),
                "max_connections = '500'\nhot_standby = 'on'\n",
                0,
            ),
        ];
        for (text, stays, limits) in table {
            let found = settled(&text);
            assert_eq!((found.text.as_str(), found.limits.len()), (stays, limits), "{text}");
        }
        let limits = settled(&format!("{HEAD}{ours}")).limits;
        assert_eq!(limits.first(), Some(&("max_connections".to_string(), "100".to_string())));
    }

    #[test]
    fn a_target_outside_the_window_is_refused_with_both_ends() {
        let moment = |micros| Timestamp::from_micros(micros);
        let reach = Reach { from: Position(10), from_time: moment(100), to: Position(20), to_time: moment(200) };
        let table = [
            (TargetKind::Latest, true),
            (TargetKind::Immediate, true),
            (TargetKind::Time(moment(99)), false),
            (TargetKind::Time(moment(100)), true),
            (TargetKind::Time(moment(200)), true),
            (TargetKind::Time(moment(201)), false),
            (TargetKind::Position(Position(9)), false),
            (TargetKind::Position(Position(20)), true),
            (TargetKind::Position(Position(21)), false),
            (TargetKind::Transaction(5), true),
        ];
        for (kind, inside) in table {
            let target = Target { kind, inclusive: true };
            match reach.check(&target) {
                Ok(()) => assert!(inside, "{target}"),
                Err(error) => {
                    let text = error.to_string();
                    assert!(!inside && text.contains("(0/A) to ") && text.contains("(0/14)"), "{text}");
                }
            }
        }
    }

    #[test]
    fn tablespaces_are_placed_under_the_forks_own_root() {
        let spaces = [
            Tablespace { oid: 16400, target: Some(PathBuf::from("/source/space")) },
            Tablespace { oid: 16500, target: None },
        ];
        let placed = place_tablespaces(&spaces, Path::new("/fork/spaces")).unwrap();
        assert_eq!(placed, [Placement { oid: 16400, target: PathBuf::from("/fork/spaces/16400") }]);
        let map = tablespace_map(&placed).unwrap().unwrap();
        assert_eq!(map.content, b"16400 /fork/spaces/16400\n");
        assert_eq!(tablespace_map(&[]).unwrap(), None);
        assert!(place_tablespaces(&spaces, Path::new("/a\nb")).is_err());
    }

    #[test]
    fn another_major_version_is_refused() {
        assert!(check_major(150_018, 15).is_ok());
        let error = check_major(150_018, 17).unwrap_err().to_string();
        assert!(error.contains("PostgreSQL 15") && error.contains("17"), "{error}");
    }

    #[test]
    fn the_servers_own_words_are_recognised() {
        assert!(target_not_reached("FATAL:  recovery ended before configured recovery target was reached\n"));
        assert!(!target_not_reached("LOG:  redo done"));
    }
}
