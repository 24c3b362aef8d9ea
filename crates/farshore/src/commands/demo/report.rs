//! What the demo found: a short table for people, one JSON object for programs.

use serde_json::{Value, json};

use farshore_types::units;

use super::acknowledged::{Comparison, Pace};
use super::checks::Check;
use super::north::Taken;
use crate::output;

/// One fork with all that was checked on it.
pub struct ForkReport {
    /// What it is.
    pub title: &'static str,
    /// From the start of its process until it could be used.
    pub open_seconds: f64,
    /// Against the log of acknowledged commits.
    pub compared: Comparison,
    /// Everything else.
    pub checks: Vec<Check>,
    /// The command that made it.
    pub command: String,
}

/// Everything.
#[derive(Default)]
pub struct Report {
    /// The server's version.
    pub version: String,
    /// Bytes of all databases of the source.
    pub database_bytes: u64,
    /// Before the full backup.
    pub before: Option<Pace>,
    /// During it.
    pub during: Option<Pace>,
    /// Full and incremental.
    pub full: Option<Taken>,
    /// On top of it.
    pub incremental: Option<Taken>,
    /// Of the target outside the window.
    pub refusal: String,
    /// Checks of no fork in particular.
    pub checks: Vec<Check>,
    /// All forks.
    pub forks: Vec<ForkReport>,
    /// Acknowledged commits that the newest fork lacks.
    pub lost_commits: u64,
    /// Seconds from its last commit to the loss of the region.
    pub lost_seconds: f64,
    /// Of the whole demo.
    pub seconds: f64,
}

impl Report {
    /// Whether everything is as it must be.
    pub fn matched(&self) -> bool {
        let forks = self.forks.len() == 3 && self.forks.iter().all(|fork| fork.checks.iter().all(|check| check.passed));
        forks && !self.checks.is_empty() && self.checks.iter().all(|check| check.passed)
    }

    /// Bytes of the incremental as a share of the full.
    fn share(&self) -> Option<f64> {
        let (full, incremental) = (self.full.as_ref()?, self.incremental.as_ref()?);
        Some(incremental.new as f64 / full.new.max(1) as f64)
    }

    /// One object.
    pub fn json(&self) -> Value {
        let check = |check: &Check| json!({"check": check.name, "passed": check.passed, "found": check.found});
        let checks = |checks: &[Check]| checks.iter().map(check).collect::<Vec<_>>();
        let pace = |pace: &Option<Pace>| {
            pace.map(|pace| json!({"tps": pace.per_second, "p50_ms": pace.p50_ms, "p99_ms": pace.p99_ms}))
        };
        let fork = |fork: &ForkReport| {
            let compared = &fork.compared;
            json!({
                "fork": fork.title, "open_seconds": fork.open_seconds, "command": fork.command,
                "rows": compared.rows, "missing": compared.missing, "unexpected": compared.unexpected,
                "different": compared.different, "under_way": compared.open,
                "last_recovered": compared.last.as_ref().map(|commit| commit.describe()),
                "first_not_recovered": compared.first_not.as_ref().map(|commit| commit.describe()),
                "checks": checks(&fork.checks),
            })
        };
        json!({
            "matched": self.matched(), "postgresql": self.version, "database_bytes": self.database_bytes,
            "source": {"before_backup": pace(&self.before), "during_backup": pace(&self.during)},
            "full": self.full, "incremental": self.incremental, "incremental_share": self.share(),
            "refused": self.refusal,
            "rpo": {"commits": self.lost_commits, "seconds": self.lost_seconds},
            "rto": self.forks.iter().map(|fork| json!({"fork": fork.title, "seconds": fork.open_seconds})).collect::<Vec<_>>(),
            "forks": self.forks.iter().map(fork).collect::<Vec<_>>(),
            "checks": checks(&self.checks), "seconds": self.seconds,
        })
    }

    /// A short table.
    pub fn table(&self) -> String {
        let mut rows: Vec<Vec<String>> = Vec::new();
        let mut row = |what: &str, found: String| rows.push(vec![what.to_string(), found]);
        let pace = |pace: &Option<Pace>| match pace {
            Some(pace) => format!("{:.0} commits/s, p99 {:.1} ms", pace.per_second, pace.p99_ms),
            None => "no commit".to_string(),
        };
        row("database", format!("{} in PostgreSQL {}", units::bytes(self.database_bytes), self.version));
        row("load before the backup", pace(&self.before));
        row("load during the backup", pace(&self.during));
        for (what, backup) in [("full backup", &self.full), ("incremental backup", &self.incremental)] {
            if let Some(backup) = backup {
                let share = if backup.full { String::new() } else { self.share_text() };
                row(what, format!("{} stored in {:.1} s{share}", units::bytes(backup.new), backup.seconds));
            }
        }
        row("lost with the region (RPO)", format!("{} commits, {:.1} s", self.lost_commits, self.lost_seconds));
        for fork in &self.forks {
            let passed = fork.checks.iter().filter(|check| check.passed).count();
            let (rows, all) = (fork.compared.rows, fork.checks.len());
            let found = format!("open after {:.1} s (RTO), {rows} rows, {passed} of {all} checks", fork.open_seconds);
            row(fork.title, found);
        }
        let passed = self.checks.iter().filter(|check| check.passed).count();
        row("other checks", format!("{passed} of {}", self.checks.len()));
        row("everything matched", if self.matched() { "yes" } else { "NO" }.to_string());
        output::table(&["what", "measured"], &rows)
    }

    fn share_text(&self) -> String {
        self.share().map_or_else(String::new, |share| format!(", {:.1} % of the full one", share * 100.0))
    }
}
