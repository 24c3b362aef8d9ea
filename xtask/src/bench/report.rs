//! Medians, spread, ratios and goals: what is printed, and `report.json`.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

use farshore_types::Result;
use farshore_types::error::ErrorContext;
use serde_json::{Value, json};

use super::tools::Tool;

/// The goals for memory: a fixed part and a part per worker, in MiB.
const MEMORY_MB: f64 = 64.0 + 24.0 * 2.0;
/// Wall time says something only where the peer is that much slower than the floor: else the disk decides.
const WALL_COUNTS: f64 = 1.3;

/// What is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Case {
    /// Everything is read and stored.
    Full,
    /// What has changed since.
    Incremental,
    /// The newest backup into an empty folder.
    Restore,
    /// Waiting segments, until the last is durable.
    WalPush,
    /// Segment by segment, by the line of `restore_command`.
    WalFetch,
}

impl Case {
    /// In the order in which they run.
    pub const ALL: [Case; 5] = [Case::Full, Case::Incremental, Case::Restore, Case::WalPush, Case::WalFetch];

    /// As it stands in the report.
    pub fn name(self) -> &'static str {
        match self {
            Case::Full => "full",
            Case::Incremental => "incremental",
            Case::Restore => "restore",
            Case::WalPush => "wal_push",
            Case::WalFetch => "wal_fetch",
        }
    }
}

/// One measurement.
#[derive(Debug, Clone, Copy, Default)]
pub struct Figures {
    /// 10^9 bytes that were worked on.
    pub gb: f64,
    /// Processor seconds, the server's included.
    pub cpu_s: f64,
    /// Seconds.
    pub wall_s: f64,
    /// Bytes added to the store.
    pub stored_bytes: Option<u64>,
    /// Anonymous memory, MiB.
    pub peak_mb: f64,
    /// Segments of log per second.
    pub segments_per_s: Option<f64>,
}

/// A figure that a column or a goal is about.
type Column = fn(&Figures) -> Option<f64>;
const CPU: Column = |figures| Some(figures.cpu_s);
const WALL: Column = |figures| Some(figures.wall_s);
const STORED: Column = |figures| figures.stored_bytes.map(|bytes| bytes as f64);
const PEAK: Column = |figures| Some(figures.peak_mb);
const RATE: Column = |figures| figures.segments_per_s;

/// Every measurement of a run.
#[derive(Default)]
pub struct Report {
    measured: BTreeMap<(Case, Tool), Vec<Figures>>,
}

/// Median, least and most.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Spread {
    median: f64,
    least: f64,
    most: f64,
}

/// A goal against pgBackRest: the ratio ours to theirs, and its bound.
struct Goal {
    case: Case,
    what: &'static str,
    column: Column,
    bound: Bound,
}

#[derive(Clone, Copy)]
enum Bound {
    AtMost(f64),
    AtLeast(f64),
}

const GOALS: [Goal; 9] = [
    Goal { case: Case::Full, what: "cpu", column: CPU, bound: Bound::AtMost(0.7) },
    Goal { case: Case::Full, what: "wall", column: WALL, bound: Bound::AtMost(0.75) },
    Goal { case: Case::Incremental, what: "bytes", column: STORED, bound: Bound::AtMost(0.25) },
    Goal { case: Case::Incremental, what: "cpu", column: CPU, bound: Bound::AtMost(0.3) },
    Goal { case: Case::Restore, what: "cpu", column: CPU, bound: Bound::AtMost(0.75) },
    Goal { case: Case::Restore, what: "wall", column: WALL, bound: Bound::AtMost(0.75) },
    Goal { case: Case::WalPush, what: "segments/s", column: RATE, bound: Bound::AtLeast(1.5) },
    Goal { case: Case::WalPush, what: "cpu", column: CPU, bound: Bound::AtMost(0.6) },
    Goal { case: Case::WalFetch, what: "segments/s", column: RATE, bound: Bound::AtLeast(1.5) },
];

impl Report {
    /// Adds one measurement.
    pub fn add(&mut self, case: Case, tool: Tool, figures: Figures) {
        self.measured.entry((case, tool)).or_default().push(figures);
    }

    fn spread(&self, case: Case, tool: Tool, column: Column) -> Option<Spread> {
        spread(self.measured.get(&(case, tool))?.iter().filter_map(column).collect())
    }

    fn median(&self, case: Case, tool: Tool, column: Column) -> Option<f64> {
        self.spread(case, tool, column).map(|spread| spread.median)
    }

    /// The table: a line per case and tool.
    pub fn table(&self) -> String {
        let mut text = format!(
            "{:<12} {:<11} {:>6} {:>20} {:>20} {:>9} {:>8} {:>20}\n",
            "case", "tool", "GB", "cpu s", "wall s", "MB stored", "peak MiB", "segments/s"
        );
        for (case, tool) in self.measured.keys() {
            let cell = |column: Column| {
                let spread = self.spread(*case, *tool, column);
                spread.map_or("-".to_string(), |at| format!("{:.2} ({:.2}-{:.2})", at.median, at.least, at.most))
            };
            let plain = |value: Option<f64>| value.map_or("-".to_string(), |value| format!("{value:.1}"));
            let _ = writeln!(
                text,
                "{:<12} {:<11} {:>6} {:>20} {:>20} {:>9} {:>8} {:>20}",
                case.name(),
                tool.name(),
                plain(self.median(*case, *tool, |figures| Some(figures.gb))),
                cell(CPU),
                cell(WALL),
                plain(self.median(*case, *tool, STORED).map(|bytes| bytes / 1e6)),
                plain(self.median(*case, *tool, PEAK)),
                cell(RATE)
            );
        }
        text
    }

    /// Ours against pgBackRest, goal by goal.
    pub fn goals(&self) -> String {
        let mut text = String::new();
        for goal in &GOALS {
            let of = |tool| self.median(goal.case, tool, goal.column);
            let (Some(ours), Some(theirs)) = (of(Tool::Farshore), of(Tool::Pgbackrest)) else { continue };
            let ratio = ours / theirs.max(f64::MIN_POSITIVE);
            let (sign, bound, met) = match goal.bound {
                Bound::AtMost(bound) => ("<=", bound, ratio <= bound),
                Bound::AtLeast(bound) => (">=", bound, ratio >= bound),
            };
            let verdict = match (met, goal.what == "wall" && !self.wall_counts(goal.case)) {
                (true, _) => "met",
                (false, true) => "MISSED, but the peer is no slower than 1.3 x the floor: it does not count",
                (false, false) => "MISSED",
            };
            let name = goal.case.name();
            let _ = writeln!(
                text,
                "{name:<12} {:<11} {ratio:>6.2} x pgBackRest (goal {sign} {bound}): {verdict}",
                goal.what
            );
        }
        for case in Case::ALL {
            let Some(peak) = self.median(case, Tool::Farshore, PEAK) else { continue };
            let verdict = if peak <= MEMORY_MB { "met" } else { "MISSED" };
            let _ = writeln!(
                text,
                "{:<12} {:<11} {peak:>6.0} MiB (goal <= {MEMORY_MB:.0}): {verdict}",
                case.name(),
                "memory"
            );
        }
        text
    }

    fn wall_counts(&self, case: Case) -> bool {
        match (self.median(case, Tool::Pgbackrest, WALL), self.median(case, Tool::Floor, WALL)) {
            (Some(peer), Some(floor)) => peer > floor * WALL_COUNTS,
            _ => true,
        }
    }

    /// Writes the medians.
    pub fn write(&self, path: &Path) -> Result<()> {
        let rows: Vec<Value> = self
            .measured
            .keys()
            .map(|(case, tool)| {
                let of = |column: Column| self.median(*case, *tool, column);
                json!({
                    "case": case.name(), "tool": tool.name(), "gb": of(|figures| Some(figures.gb)), "cpu_s": of(CPU),
                    "wall_s": of(WALL), "stored_bytes": of(STORED).map(|bytes| bytes.round() as u64),
                    "peak_mb": of(PEAK), "segments_per_s": of(RATE),
                })
            })
            .collect();
        let text = format!("{:#}\n", json!({"rows": rows}));
        std::fs::write(path, text).doing("write", path.display())
    }
}

fn spread(mut values: Vec<f64>) -> Option<Spread> {
    values.sort_by(f64::total_cmp);
    let (least, most) = (*values.first()?, *values.last()?);
    let (low, high) = (values.get((values.len() - 1) / 2)?, values.get(values.len() / 2)?);
    Some(Spread { median: (low + high) / 2.0, least, most })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_of_an_even_number_lies_between_the_two_in_the_middle() {
        let check = |values: &[f64], median| assert_eq!(spread(values.to_vec()).map(|at| at.median), median);
        check(&[], None);
        check(&[3.0], Some(3.0));
        check(&[9.0, 1.0, 2.0], Some(2.0));
        check(&[4.0, 1.0, 2.0, 9.0], Some(3.0));
    }

    #[test]
    fn a_missed_wall_goal_counts_only_where_the_peer_is_slower_than_the_floor() {
        let mut report = Report::default();
        let figures = |wall_s| Figures { wall_s, cpu_s: wall_s, ..Figures::default() };
        for (tool, wall_s) in [(Tool::Farshore, 9.0), (Tool::Pgbackrest, 10.0), (Tool::Floor, 9.0)] {
            report.add(Case::Full, tool, figures(wall_s));
        }
        let goals = report.goals();
        let line = |what: &str| goals.lines().find(|line| line.contains(what)).unwrap_or_default().to_string();
        assert!(line(" cpu ").ends_with("MISSED"), "{goals}");
        assert!(line(" wall ").contains("does not count"), "{goals}");
        report.add(Case::Full, Tool::Floor, figures(0.1));
        report.add(Case::Full, Tool::Floor, figures(0.1));
        assert!(report.goals().lines().any(|line| line.contains(" wall ") && line.ends_with("MISSED")));
    }
}
