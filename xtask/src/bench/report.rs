//! Medians, spread, ratios and goals: what is printed, and `report.json`.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

use farshore_types::Result;
use farshore_types::error::ErrorContext;
use serde_json::{Value, json};

use super::case::Case;
use super::tools::Tool;

/// The goals for memory: a fixed part and a part per worker, in MiB.
const MEMORY_MB: f64 = 64.0 + 24.0 * 2.0;
/// Wall time says something only where the peer is that much slower than the floor: else the disk decides.
const WALL_COUNTS: f64 = 1.3;
/// The goal for the lag of a copy: the interval at which the log is shipped when nothing else is said, and three seconds.
const LAG_S: f64 = 2.0 + 3.0;

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
    /// 10^6 bytes per second: stored bytes that were copied, or log that was written while a copy was followed.
    pub mb_per_s: Option<f64>,
    /// Seconds that half of the looks at a followed copy found it to lie behind, at most.
    pub lag_p50_s: Option<f64>,
    /// The same for 99 of 100 looks.
    pub lag_p99_s: Option<f64>,
    /// The worst look.
    pub lag_max_s: Option<f64>,
}

/// A figure that a column or a goal is about.
type Column = fn(&Figures) -> Option<f64>;
const CPU: Column = |figures| Some(figures.cpu_s);
const WALL: Column = |figures| Some(figures.wall_s);
const STORED: Column = |figures| figures.stored_bytes.map(|bytes| bytes as f64);
const PEAK: Column = |figures| Some(figures.peak_mb);
const RATE: Column = |figures| figures.segments_per_s;
const MB_RATE: Column = |figures| figures.mb_per_s;
const CPU_PER_GB: Column = |figures| Some(figures.cpu_s / figures.gb.max(f64::MIN_POSITIVE));
const LAG_P50: Column = |figures| figures.lag_p50_s;
const LAG_P99: Column = |figures| figures.lag_p99_s;
const LAG_MAX: Column = |figures| figures.lag_max_s;

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

/// A goal: a figure of ours, or its ratio to a peer's, and its bound.
struct Goal {
    case: Case,
    what: &'static str,
    column: Column,
    /// What the figure is in.
    of: Of,
    bound: Bound,
}

#[derive(Clone, Copy)]
enum Of {
    Peer(Tool),
    Unit(&'static str),
}

#[derive(Clone, Copy)]
enum Bound {
    AtMost(f64),
    AtLeast(f64),
}

const PEER: Of = Of::Peer(Tool::Pgbackrest);
const GOALS: [Goal; 12] = [
    Goal { case: Case::Full, what: "cpu", column: CPU, of: PEER, bound: Bound::AtMost(0.7) },
    Goal { case: Case::Full, what: "wall", column: WALL, of: PEER, bound: Bound::AtMost(0.75) },
    Goal { case: Case::Incremental, what: "bytes", column: STORED, of: PEER, bound: Bound::AtMost(0.25) },
    Goal { case: Case::Incremental, what: "cpu", column: CPU, of: PEER, bound: Bound::AtMost(0.3) },
    Goal { case: Case::Restore, what: "cpu", column: CPU, of: PEER, bound: Bound::AtMost(0.75) },
    Goal { case: Case::Restore, what: "wall", column: WALL, of: PEER, bound: Bound::AtMost(0.75) },
    Goal { case: Case::WalPush, what: "segments/s", column: RATE, of: PEER, bound: Bound::AtLeast(1.5) },
    Goal { case: Case::WalPush, what: "cpu", column: CPU, of: PEER, bound: Bound::AtMost(0.6) },
    Goal { case: Case::WalFetch, what: "segments/s", column: RATE, of: PEER, bound: Bound::AtLeast(1.5) },
    Goal { case: Case::Copy, what: "MB/s", column: MB_RATE, of: Of::Peer(Tool::Cp), bound: Bound::AtLeast(0.9) },
    Goal { case: Case::Copy, what: "cpu", column: CPU_PER_GB, of: Of::Unit("s/GB stored"), bound: Bound::AtMost(0.6) },
    Goal { case: Case::CopyLag, what: "lag p99", column: LAG_P99, of: Of::Unit("s"), bound: Bound::AtMost(LAG_S) },
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

    /// The table: a line per case and tool, then what only a followed copy has.
    pub fn table(&self) -> String {
        let mut text = format!(
            "{:<12} {:<11} {:>6} {:>20} {:>20} {:>9} {:>8} {:>20} {:>22}\n",
            "case", "tool", "GB", "cpu s", "wall s", "MB stored", "peak MiB", "segments/s", "MB/s"
        );
        for (case, tool) in self.measured.keys() {
            let cell = |column| self.cell(*case, *tool, column);
            let plain = |value: Option<f64>| value.map_or("-".to_string(), |value| format!("{value:.1}"));
            let _ = writeln!(
                text,
                "{:<12} {:<11} {:>6} {:>20} {:>20} {:>9} {:>8} {:>20} {:>22}",
                case.name(),
                tool.name(),
                plain(self.median(*case, *tool, |figures| Some(figures.gb))),
                cell(CPU),
                cell(WALL),
                plain(self.median(*case, *tool, STORED).map(|bytes| bytes / 1e6)),
                plain(self.median(*case, *tool, PEAK)),
                cell(RATE),
                cell(MB_RATE)
            );
        }
        for (case, tool) in self.measured.keys().filter(|(case, _)| *case == Case::CopyLag) {
            let cell = |column| self.cell(*case, *tool, column);
            let (half, most, worst) = (cell(LAG_P50), cell(LAG_P99), cell(LAG_MAX));
            let name = case.name();
            let _ = writeln!(text, "{name:<12} {:<11} lag s: p50 {half}, p99 {most}, worst {worst}", tool.name());
        }
        text
    }

    fn cell(&self, case: Case, tool: Tool, column: Column) -> String {
        let spread = self.spread(case, tool, column);
        spread.map_or("-".to_string(), |at| format!("{:.2} ({:.2}-{:.2})", at.median, at.least, at.most))
    }

    /// Goal by goal.
    pub fn goals(&self) -> String {
        let mut text = String::new();
        for goal in &GOALS {
            let Some((figure, unit)) = self.figure(goal) else { continue };
            let (sign, bound, met) = match goal.bound {
                Bound::AtMost(bound) => ("<=", bound, figure <= bound),
                Bound::AtLeast(bound) => (">=", bound, figure >= bound),
            };
            let verdict = match (met, goal.what == "wall" && !self.wall_counts(goal.case)) {
                (true, _) => "met",
                (false, true) => "MISSED, but the peer is no slower than 1.3 x the floor: it does not count",
                (false, false) => "MISSED",
            };
            let name = goal.case.name();
            let _ =
                writeln!(text, "{name:<12} {:<11} {figure:>6.2} {unit} (goal {sign} {bound}): {verdict}", goal.what);
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

    /// What a goal is about, if it was measured, and in what.
    fn figure(&self, goal: &Goal) -> Option<(f64, String)> {
        let of = |tool| self.median(goal.case, tool, goal.column);
        let ours = of(Tool::Farshore)?;
        match goal.of {
            Of::Unit(unit) => Some((ours, unit.to_string())),
            Of::Peer(peer) => Some((ours / of(peer)?.max(f64::MIN_POSITIVE), format!("x {}", peer.name()))),
        }
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
                    "peak_mb": of(PEAK), "segments_per_s": of(RATE), "mb_per_s": of(MB_RATE), "lag_p50_s": of(LAG_P50),
                    "lag_p99_s": of(LAG_P99), "lag_max_s": self.spread(*case, *tool, LAG_MAX).map(|at| at.most),
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
    fn a_goal_is_a_ratio_to_a_peer_or_a_figure_of_ours() {
        let mut report = Report::default();
        let copy = |mb_per_s, cpu_s| Figures { gb: 2.0, cpu_s, mb_per_s: Some(mb_per_s), ..Figures::default() };
        report.add(Case::Copy, Tool::Farshore, copy(180.0, 1.3));
        let line = |report: &Report, what: &str| {
            let goals = report.goals();
            goals.lines().find(|line| line.contains(what)).map(str::to_string)
        };
        assert_eq!(line(&report, " MB/s "), None, "without the peer there is no ratio");
        assert!(line(&report, " cpu ").unwrap().ends_with("0.65 s/GB stored (goal <= 0.6): MISSED"));
        report.add(Case::Copy, Tool::Cp, copy(200.0, 0.5));
        assert!(line(&report, " MB/s ").unwrap().ends_with("0.90 x cp (goal >= 0.9): met"));
        report.add(Case::CopyLag, Tool::Farshore, Figures { lag_p99_s: Some(5.01), ..Figures::default() });
        assert!(line(&report, "lag p99").unwrap().ends_with("MISSED"));
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
