//! The case of a copy that is followed: how far the second store lies behind the server while that writes log at a steady pace.
//!
//! The lag is looked at from outside: the names of the journal's objects in the second store say up to which moment it holds
//! everything (docs/format.md, section 8); the server runs on this machine, so its clock is ours.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use farshore_engines::postgresql::wire::Connection;
use farshore_types::error::ErrorContext;
use farshore_types::{Clock, Error, Position, Result, Timestamp};

use super::agent::{Running, archived_to};
use super::meter::Meter;
use super::place::bytes_below;
use super::report::Figures;
use super::server::{NOISE_LOG_BYTES, SEGMENT_BYTES};
use super::tools::Tools;

/// Bytes of log that are written per second.
const LOG_BYTES_PER_SECOND: u64 = 20_000_000;
/// How often the client writes.
const TICK: Duration = Duration::from_millis(50);
/// A client that was held up makes at most so much good at once: as much as belongs to half a second.
const ROWS_AT_ONCE: u64 = LOG_BYTES_PER_SECOND / 2 / NOISE_LOG_BYTES;
/// Log is written for so long before the lag counts: an idle server's moments are rare.
const WARM: Duration = Duration::from_secs(3);
/// How often the lag is looked at.
const SAMPLE: Duration = Duration::from_millis(100);
/// How long the copy may take to catch up.
const PATIENCE: Duration = Duration::from_secs(120);
/// How often we look whether it has.
const LOOK: Duration = Duration::from_millis(20);

/// What is needed for it.
pub struct Lag<'a> {
    /// The tools; ours has a backup.
    pub tools: &'a Tools<'a>,
    /// The meter.
    pub meter: &'a Meter,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// How long the lag is looked at.
    pub length: Duration,
}

/// What was seen in one run.
struct Seen {
    log_bytes: u64,
    wall_s: f64,
    lags_s: Vec<f64>,
}

impl Lag<'_> {
    /// Follows the server into one store and that into another while log is written, and looks.
    pub fn measure(&self) -> Result<Figures> {
        let (place, copy) = (self.tools.place, self.tools.place.folder("copy")?);
        place.run(&mut self.tools.farshore_copy(&["--once"]))?;
        self.tools.server.settle()?;
        let before = bytes_below(&copy)?;
        let (cost, mut seen) = self.meter.measure(|| self.follow(&copy))?;
        seen.lags_s.sort_by(f64::total_cmp);
        let gb = seen.log_bytes as f64 / 1e9;
        Ok(Figures {
            gb,
            cpu_s: cost.cpu_s,
            wall_s: seen.wall_s,
            peak_mb: cost.peak_mb,
            stored_bytes: Some(bytes_below(&copy)?.saturating_sub(before)),
            mb_per_s: Some(gb * 1000.0 / seen.wall_s.max(f64::MIN_POSITIVE)),
            lag_p50_s: percentile(&seen.lags_s, 50),
            lag_p99_s: percentile(&seen.lags_s, 99),
            lag_max_s: percentile(&seen.lags_s, 100),
            ..Figures::default()
        })
    }

    fn follow(&self, copy: &Path) -> Result<Seen> {
        let (place, server) = (self.tools.place, self.tools.server);
        let control = place.path("s/control");
        let mut attach = self.tools.farshore_live(&["attach", "pg", "--every-s", "31536000"]);
        let mut attach = Running::new(place.start(attach.arg("--control").arg(&control))?);
        let mut copying = Running::new(place.start_with(&mut self.tools.farshore_copy(&[]), "output-copy.txt")?);
        let mut alive = || -> Result<bool> { Ok(attach.alive()? && copying.alive()?) };
        server.sql("SELECT pg_logical_emit_message(true, 'load', 'begin')")?;
        let from = self.flushed()?;
        self.until(|| Ok(alive()? && archived_to(&control) >= from))?;
        let mut reached = Reached::find(&copy.join("bench/journal/wal"))?;
        self.until(|| Ok(alive()? && reached.look()?.position >= from))?;
        let began = self.clock.monotonic();
        let stop = AtomicBool::new(false);
        let lags_s = std::thread::scope(|scope| {
            let client = scope.spawn(|| self.load(&stop));
            let lags = self.watch(&mut reached, &mut alive);
            stop.store(true, Ordering::Relaxed);
            client.join().map_err(|_| Error::bug("the client panicked"))??;
            lags
        })?;
        let (to, wall) = (self.flushed()?, self.clock.monotonic().saturating_sub(began));
        // Nothing is lost on the way: the end arrives too.
        self.until(|| Ok(alive()? && reached.look()?.position >= to))?;
        copying.stop()?;
        attach.stop()?;
        Ok(Seen { log_bytes: to.0.saturating_sub(from.0), wall_s: wall.as_secs_f64(), lags_s })
    }

    fn flushed(&self) -> Result<Position> {
        self.tools.server.value("SELECT pg_current_wal_flush_lsn()")?.parse()
    }

    /// Writes log at a steady pace, bytes that no tool can compress, each statement a transaction that is durable at its end.
    fn load(&self, stop: &AtomicBool) -> Result<()> {
        let server = self.tools.server;
        let mut connection = server.connect()?;
        connection.query("SET synchronous_commit = on")?;
        let (rows, from, began) = (u64::from(server.noise_rows()), position(&mut connection)?, self.clock.monotonic());
        let mut next = 1;
        while !stop.load(Ordering::Relaxed) {
            let written = position(&mut connection)?.0.saturating_sub(from.0);
            let elapsed_ms = self.clock.monotonic().saturating_sub(began).as_millis();
            let due = u64::try_from(elapsed_ms).unwrap_or(u64::MAX).saturating_mul(LOG_BYTES_PER_SECOND / 1000);
            let count = (due.saturating_sub(written) / NOISE_LOG_BYTES).min(ROWS_AT_ONCE).min(rows);
            next = if next + count > rows { 1 } else { next };
            connection.query(&format!(
                "SELECT count(pg_logical_emit_message(true, 'load', body)) FROM noise WHERE id >= {next} AND id < {}",
                next + count
            ))?;
            next += count;
            self.clock.pause(TICK);
        }
        connection.close();
        Ok(())
    }

    fn watch(&self, reached: &mut Reached, alive: &mut dyn FnMut() -> Result<bool>) -> Result<Vec<f64>> {
        self.clock.pause(WARM);
        let (began, mut lags, mut at) = (self.clock.monotonic(), Vec::new(), Duration::ZERO);
        while at < self.length {
            alive()?;
            let moment = reached.look()?.moment;
            lags.push(self.clock.now().seconds_since(moment));
            at += SAMPLE;
            self.clock.pause((began + at).saturating_sub(self.clock.monotonic()));
        }
        Ok(lags)
    }

    fn until(&self, mut done: impl FnMut() -> Result<bool>) -> Result<()> {
        let began = self.clock.monotonic();
        while !done()? {
            if self.clock.monotonic().saturating_sub(began) > PATIENCE {
                let hint = "read output.txt and output-copy.txt";
                return Err(Error::busy("a copy that is followed does not catch up").hint(hint));
            }
            self.clock.pause(LOOK);
        }
        Ok(())
    }
}

/// Up to where the journal in a folder is without a hole.
struct Reached {
    folder: PathBuf,
    position: Position,
    moment: Timestamp,
}

/// One range of log: from, to, moment.
type Range = (Position, Position, Timestamp);

impl Reached {
    /// The end of the last unbroken stretch on the newest timeline.
    fn find(journal: &Path) -> Result<Reached> {
        let folder = names(journal)?.into_iter().max().map(|timeline| journal.join(timeline));
        let folder = folder.ok_or_else(|| Error::missing(format!("no journal in {}", journal.display())))?;
        let mut ranges = Vec::new();
        for block in names(&folder)?.iter().filter(|name| !name.starts_with("history-")) {
            ranges.extend(names(&folder.join(block))?.iter().filter_map(|name| range(name)));
        }
        ranges.sort_unstable();
        let mut reached = Reached { folder, position: Position(0), moment: Timestamp::default() };
        for (from, to, moment) in ranges {
            if from > reached.position {
                (reached.position, reached.moment) = (from, moment);
            }
            reached.take((from, to, moment));
        }
        Ok(reached)
    }

    /// Goes on where something has come.
    fn look(&mut self) -> Result<&Reached> {
        loop {
            let (before, block) = (self.position, self.position.0 / SEGMENT_BYTES);
            for block in [block.saturating_sub(1), block] {
                let mut ranges: Vec<Range> =
                    names(&self.folder.join(format!("{block:010x}")))?.iter().filter_map(|name| range(name)).collect();
                ranges.sort_unstable();
                ranges.into_iter().for_each(|range| self.take(range));
            }
            if self.position.0 / SEGMENT_BYTES == before.0 / SEGMENT_BYTES {
                return Ok(self);
            }
        }
    }

    fn take(&mut self, (from, to, moment): Range) {
        if from <= self.position && to >= self.position {
            (self.position, self.moment) = (to, self.moment.max(moment));
        }
    }
}

fn position(connection: &mut Connection) -> Result<Position> {
    let value = connection.one_value("SELECT pg_current_wal_insert_lsn()")?;
    value.ok_or_else(|| Error::missing("the server does not say where its log ends"))?.parse()
}

/// Names in a folder; none where it is not there yet.
fn names(folder: &Path) -> Result<Vec<String>> {
    let items = match std::fs::read_dir(folder) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        items => items.doing("list", folder.display())?,
    };
    let name = |item: std::io::Result<std::fs::DirEntry>| Ok(item?.file_name().to_string_lossy().into_owned());
    items.map(name).collect::<std::io::Result<_>>().doing("list", folder.display())
}

/// What the name of a journal object says; nothing for a history.
fn range(name: &str) -> Option<Range> {
    let mut fields = name.split('-').map(|field| u64::from_str_radix(field, 16).ok());
    let (from, to, moment) = (fields.next()??, fields.next()??, fields.next()??);
    Some((Position(from), Position(to), Timestamp::from_micros(i64::try_from(moment).ok()?)))
}

/// The least value that so many in a hundred do not exceed; the values are sorted.
fn percentile(sorted: &[f64], of_hundred: usize) -> Option<f64> {
    let rank = (sorted.len() * of_hundred).div_ceil(100);
    sorted.get(rank.saturating_sub(1)).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_percentile_is_a_value_that_was_seen() {
        let hundred: Vec<f64> = (1..=100).map(f64::from).collect();
        assert_eq!([50, 99, 100].map(|part| percentile(&hundred, part)), [Some(50.0), Some(99.0), Some(100.0)]);
        assert_eq!(percentile(&[7.0], 50), Some(7.0));
        assert_eq!(percentile(&[], 99), None);
    }

    #[test]
    fn what_lies_behind_a_hole_is_not_reached() {
        let dir = std::env::temp_dir().join(format!("farshore-lag-{}", std::process::id()));
        let put = |from: u64, to: u64, moment: u64| {
            let folder = dir.join(format!("00000001/{:010x}", from / SEGMENT_BYTES));
            std::fs::create_dir_all(&folder).unwrap();
            std::fs::write(folder.join(format!("{from:016x}-{to:016x}-{moment:016x}-1-2-3")), "").unwrap();
        };
        let at = |reached: &Reached| (reached.position.0, reached.moment.micros());
        put(0, 10, 1);
        put(100, 200, 2);
        std::fs::write(dir.join("00000001/history-1-2-3"), "").unwrap();
        let mut reached = Reached::find(&dir).unwrap();
        assert_eq!(at(&reached), (200, 2));
        put(SEGMENT_BYTES, SEGMENT_BYTES + 5, 4);
        assert_eq!(at(reached.look().unwrap()), (200, 2));
        put(200, SEGMENT_BYTES, 3);
        assert_eq!(at(reached.look().unwrap()), (SEGMENT_BYTES + 5, 4));
        put(SEGMENT_BYTES + 5, SEGMENT_BYTES + 5, 6);
        assert_eq!(at(reached.look().unwrap()), (SEGMENT_BYTES + 5, 6));
        std::fs::remove_dir_all(&dir).unwrap();
    }
}
