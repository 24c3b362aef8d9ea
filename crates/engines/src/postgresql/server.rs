//! What a running server says about itself and its data directory: the facts that a backup is stored with, and by which
//! a later backup decides whether it may build on this one.

use std::path::PathBuf;

use farshore_types::{Error, Position, Result, Timeline, Timestamp};

use super::files::Layout;
use super::history::History;
use super::page;
use super::wire::{Answer, Connection};

/// Oldest and newest major version that the SQL and the file layouts here are written for.
pub const MAJOR_VERSIONS: std::ops::RangeInclusive<u32> = 13..=18;

/// Fixed properties and settings of a cluster.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Server {
    /// `server_version_num`, for example 150018.
    pub version_number: u32,
    /// Drawn by initdb; shared by all copies of the cluster, forks included.
    pub system_identifier: u64,
    /// Catalog version; part of the names of tablespace directories.
    pub catalog_version: u32,
    /// The data directory as the server names it.
    pub data_directory: PathBuf,
    /// Bytes per page.
    pub block_size: u32,
    /// Pages per file of a relation.
    pub relation_segment_blocks: u32,
    /// Bytes per file of the log.
    pub wal_segment_size: u32,
    /// 0: pages carry no checksums.
    pub data_checksum_version: u32,
    /// Whether hint bits are logged even without checksums.
    pub wal_log_hints: bool,
    /// `minimal`, `replica` or `logical`.
    pub wal_level: String,
    /// Whether whole pages are logged after a checkpoint (forced while a backup runs).
    pub full_page_writes: bool,
    /// Whether it is a standby or still recovering.
    pub in_recovery: bool,
}

/// The timeline and checkpoint that the server is at, and its clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Moment {
    /// The timeline of the last checkpoint.
    pub timeline: Timeline,
    /// The record of the last checkpoint.
    pub checkpoint: Position,
    /// End of the log: written, or replayed on a standby.
    pub position: Position,
    /// The server's clock.
    pub time: Timestamp,
}

const PROPERTIES: &str = "SELECT current_setting('server_version_num') AS version_number, \
     s.system_identifier::text, s.catalog_version_no::text AS catalog_version, \
     current_setting('data_directory') AS data_directory, i.database_block_size::text AS block_size, \
     i.blocks_per_segment::text AS relation_segment_blocks, i.bytes_per_wal_segment::text AS wal_segment_size, \
     i.data_page_checksum_version::text AS data_checksum_version, current_setting('wal_log_hints') AS wal_log_hints, \
     current_setting('wal_level') AS wal_level, current_setting('full_page_writes') AS full_page_writes, \
     pg_is_in_recovery()::text AS in_recovery FROM pg_control_system() AS s, pg_control_init() AS i";

const MOMENT: &str = "SELECT c.timeline_id::text AS timeline, c.checkpoint_lsn::text AS checkpoint, \
     (CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn() ELSE pg_current_wal_lsn() END)::text AS position, \
     (extract(epoch FROM clock_timestamp()) * 1000000)::bigint::text AS time FROM pg_control_checkpoint() AS c";

impl Server {
    /// Asks a server. `Denied` when the role may not see the data directory's path; `Invalid` for a version that is not
    /// known here.
    pub fn read(connection: &mut Connection) -> Result<Server> {
        let version = connection.one_value("SHOW server_version_num")?.unwrap_or_default();
        check_version(version.parse().unwrap_or(0))?;
        let answer = connection.query(PROPERTIES)?;
        Ok(Server {
            version_number: parsed(&answer, "version_number")?,
            // The server shows the number as signed.
            system_identifier: parsed::<i64>(&answer, "system_identifier")?.cast_unsigned(),
            catalog_version: parsed(&answer, "catalog_version")?,
            data_directory: PathBuf::from(column(&answer, "data_directory")?),
            block_size: parsed(&answer, "block_size")?,
            relation_segment_blocks: parsed(&answer, "relation_segment_blocks")?,
            wal_segment_size: parsed(&answer, "wal_segment_size")?,
            data_checksum_version: parsed(&answer, "data_checksum_version")?,
            wal_log_hints: column(&answer, "wal_log_hints")? == "on",
            wal_level: column(&answer, "wal_level")?.to_string(),
            full_page_writes: column(&answer, "full_page_writes")? == "on",
            in_recovery: column(&answer, "in_recovery")? == "true",
        })
    }

    /// The major version: 13 to 18.
    pub fn major(&self) -> u32 {
        self.version_number / 10_000
    }

    /// Whether a page's log position tells of every change to it: only when hint bits are logged too.
    pub fn positions_believable(&self) -> bool {
        self.data_checksum_version != 0 || self.wal_log_hints
    }

    /// Page positions below this one are made up (index builds write such) and never believed: the log begins with its
    /// second segment.
    pub fn first_believable(&self) -> Position {
        Position(u64::from(self.wal_segment_size))
    }

    /// The directory that this server makes in each tablespace.
    pub fn tablespace_version(&self) -> String {
        format!("PG_{}_{}", self.major(), self.catalog_version)
    }

    /// How to list the cluster's files.
    pub fn layout(&self) -> Result<Layout> {
        Ok(Layout {
            data_directory: self.data_directory.clone(),
            pages: page::kind_of(self.block_size)?,
            relation_segment_blocks: self.relation_segment_blocks,
            tablespace_version: self.tablespace_version(),
            checksums: self.data_checksum_version != 0,
            believe_positions: self.positions_believable(),
        })
    }
}

impl Moment {
    /// Asks a server.
    pub fn read(connection: &mut Connection) -> Result<Moment> {
        let answer = connection.query(MOMENT)?;
        Ok(Moment {
            timeline: Timeline(parsed(&answer, "timeline")?),
            checkpoint: parsed(&answer, "checkpoint")?,
            position: parsed(&answer, "position")?,
            time: Timestamp::from_micros(parsed(&answer, "time")?),
        })
    }
}

/// A moment that the log proves: every commit that the server acknowledged before `time` lies before `position`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Watermark {
    /// The server's clock, read first.
    pub time: Timestamp,
    /// End of the log that was on the server's disk (replayed, on a standby) right after that.
    pub position: Position,
}

const CLOCK: &str = "SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint::text AS time";
const FLUSHED: &str = "SELECT (CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn() \
     ELSE pg_current_wal_flush_lsn() END)::text AS position";

impl Watermark {
    /// Asks a server: two queries, because their order is what makes it true.
    pub fn read(connection: &mut Connection) -> Result<Watermark> {
        let time = Timestamp::from_micros(parsed(&connection.query(CLOCK)?, "time")?);
        Ok(Watermark { time, position: parsed(&connection.query(FLUSHED)?, "position")? })
    }
}

/// What is stored with a backup, and what a later one compares itself with.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Facts {
    /// The server at the backup's start.
    pub server: Server,
    /// The timeline at the backup's start.
    pub timeline: Timeline,
    /// Where the backup started: pages with this position or a later one may be newer than their copy in the backup.
    pub start: Position,
}

/// Why a backup cannot be the parent of the next one; `None` when it can. `now` and `history` are of the server as it is.
pub fn parent_refused(parent: &Facts, now: &Server, history: &History, position: Position) -> Option<String> {
    let (then, timeline, start) = (&parent.server, parent.timeline, parent.start);
    let reason = if then.system_identifier != now.system_identifier {
        format!(
            "it is of another cluster (system identifier {}, now {})",
            then.system_identifier, now.system_identifier
        )
    } else if then.catalog_version != now.catalog_version || then.major() != now.major() {
        format!(
            "it is of PostgreSQL {} (catalog {}), now {} ({})",
            then.major(),
            then.catalog_version,
            now.major(),
            now.catalog_version
        )
    } else if then.block_size != now.block_size || then.relation_segment_blocks != now.relation_segment_blocks {
        format!("its pages have {} bytes, now {}", then.block_size, now.block_size)
    } else if then.data_checksum_version != now.data_checksum_version {
        "page checksums were switched on or off since".to_string()
    } else if then.wal_log_hints != now.wal_log_hints {
        "wal_log_hints was changed since".to_string()
    } else if !now.positions_believable() {
        "neither page checksums nor wal_log_hints are on".to_string()
    } else if !history.contains(timeline, start) {
        format!("its start {start} on timeline {timeline} is not in the past of timeline {}", history.timeline())
    } else if start >= position {
        format!("its start {start} is not before the server's position {position}")
    } else {
        return None;
    };
    Some(reason)
}

/// Refuses versions that this engine was not written for.
pub fn check_version(version_number: u32) -> Result<()> {
    let major = version_number / 10_000;
    if MAJOR_VERSIONS.contains(&major) {
        return Ok(());
    }
    let (oldest, newest) = (MAJOR_VERSIONS.start(), MAJOR_VERSIONS.end());
    Err(Error::invalid(format!("PostgreSQL {major} is not known here")).hint(format!("use {oldest} to {newest}")))
}

fn column<'a>(answer: &'a Answer, name: &str) -> Result<&'a str> {
    answer.value(0, name).ok_or_else(|| Error::invalid(format!("the server does not say its {name}")))
}

fn parsed<T: std::str::FromStr>(answer: &Answer, name: &str) -> Result<T> {
    let text = column(answer, name)?;
    text.parse().map_err(|_| Error::invalid(format!("the server says {text:?} for its {name}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn server() -> Server {
        Server {
            version_number: 150_018,
            system_identifier: 7,
            catalog_version: 202_209_061,
            data_directory: PathBuf::from("/d"),
            block_size: 8192,
            relation_segment_blocks: 131_072,
            wal_segment_size: 16 << 20,
            data_checksum_version: 1,
            wal_log_hints: false,
            wal_level: "replica".to_string(),
            full_page_writes: true,
            in_recovery: false,
        }
    }

    #[test]
    fn a_parent_counts_only_when_its_pages_can_be_compared() {
        type Change = fn(&mut Facts, &mut Server);
        let table: [(&str, Change); 10] = [
            ("another cluster", |_, now| now.system_identifier = 8),
            ("PostgreSQL 15", |_, now| now.version_number = 160_001),
            ("catalog", |_, now| now.catalog_version = 1),
            ("pages have", |_, now| now.block_size = 4096),
            ("checksums were switched", |parent, _| parent.server.data_checksum_version = 0),
            ("wal_log_hints was changed", |_, now| now.wal_log_hints = true),
            ("neither", |parent, now| {
                now.data_checksum_version = 0;
                parent.server.data_checksum_version = 0;
            }),
            ("not in the past", |parent, _| parent.timeline = Timeline(3)),
            ("not in the past", |parent, _| parent.start = Position(0x500_0000)),
            ("not before", |parent, _| (parent.timeline, parent.start) = (Timeline(2), Position(0x600_0000))),
        ];
        let history = History::parse(Timeline(2), b"1\t0/5000000\tx\n").unwrap();
        let parent = Facts { server: server(), timeline: Timeline(1), start: Position(0x200_0028) };
        let position = Position(0x600_0000);
        assert_eq!(parent_refused(&parent, &server(), &history, position), None);
        for (reason, change) in table {
            let (mut parent, mut now) = (parent.clone(), server());
            change(&mut parent, &mut now);
            let refused = parent_refused(&parent, &now, &history, position).unwrap_or_default();
            assert!(refused.contains(reason), "{reason}: {refused}");
        }
    }

    #[test]
    fn settings_that_do_not_touch_pages_do_not_cost_a_full_backup() {
        let parent = Facts { server: server(), timeline: Timeline(1), start: Position(0x200_0028) };
        let mut now = server();
        (now.version_number, now.full_page_writes, now.data_directory) = (150_020, false, PathBuf::from("/elsewhere"));
        assert_eq!(parent_refused(&parent, &now, &History::first(), Position(0x600_0000)), None);
    }

    #[test]
    fn unknown_major_versions_are_refused() {
        for (number, known) in [(120_015, false), (130_000, true), (180_004, true), (190_000, false), (0, false)] {
            assert_eq!(check_version(number).is_ok(), known, "{number}");
        }
    }

    #[test]
    fn facts_survive_being_stored() {
        let facts = Facts { server: server(), timeline: Timeline(1), start: Position(0x200_0028) };
        let stored = serde_json::to_string(&facts).unwrap();
        assert_eq!(serde_json::from_str::<Facts>(&stored).unwrap(), facts);
    }
}
