//! What is checked on a fork that is open, and then on its files at rest.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use farshore_agent::postgres::adopt;
use farshore_agent::tasks::fork;
use farshore_engines::postgresql::wire::{Connection, Settings};
use farshore_types::{Error, Program, Progress, Result, units};

use super::acknowledged::{Commit, Comparison, Rows, Until, compare};
use super::scene::Scene;
use super::source::{DATABASE, INVOICES, Known, PROBES, SESSIONS, settings};
use super::workload::{Row, WRITERS};
use crate::progress;

/// Reading whole tables and indexes.
const CHECK_DEADLINE: Duration = Duration::from_secs(900);
/// For a start of a server that was stopped cleanly.
const START_DEADLINE: Duration = Duration::from_secs(60);
/// Rows of the ledger in one answer.
const ROWS_PER_QUERY: u64 = 10_000;

/// One thing that was checked.
#[derive(Debug, Clone)]
pub struct Check {
    /// What.
    pub name: String,
    /// Whether it is as it must be.
    pub passed: bool,
    /// What was found.
    pub found: String,
}

impl Check {
    /// A check with its outcome.
    pub fn new(name: &str, passed: bool, found: impl Into<String>) -> Check {
        Check { name: name.to_string(), passed, found: found.into() }
    }

    fn equal(name: &str, found: &str, expected: &str) -> Check {
        let passed = found == expected;
        let text = if passed { "as on the source".to_string() } else { format!("{found:?} instead of {expected:?}") };
        Check::new(name, passed, text)
    }
}

/// A fork to be checked.
pub struct Subject<'a> {
    /// Where and how to reach it.
    pub scene: &'a Scene,
    /// Its folder.
    pub volume: PathBuf,
    /// Its port.
    pub port: u16,
    /// Up to where it was made.
    pub until: Until,
    /// Whether the table that was dropped must be there.
    pub before_mistake: bool,
}

/// What the source was before it was lost.
pub struct Truth {
    /// All acknowledged commits.
    pub commits: Vec<Commit>,
    /// Checksums of what was sent and never answered.
    pub unanswered: HashMap<(u32, u64), String>,
    /// What was asked of it.
    pub known: Known,
}

impl Subject<'_> {
    /// Everything that SQL can tell, and the programs that read all pages of a running server.
    pub fn check(&self, truth: &Truth) -> Result<(Comparison, Vec<Check>)> {
        let server = settings(&self.volume, self.port, DATABASE)?;
        let mut connection = Connection::connect(&server, self.scene.clock().clone())?;
        let compared = compare(&truth.commits, &rows(&mut connection)?, self.until, &truth.unanswered);
        let mut checks = vec![row_sets(&compared)];
        checks.extend(self.probes(&mut connection, &truth.known)?);
        checks.push(balances(&mut connection)?);
        for table in ["pgbench_accounts", "ledger"] {
            checks.push(counts(&server, self.scene, table)?);
        }
        checks.push(identity_goes_on(&mut connection)?);
        connection.close();
        checks.push(self.amcheck()?);
        checks.push(self.dump()?);
        Ok((compared, checks))
    }

    fn probes(&self, connection: &mut Connection, known: &Known) -> Result<Vec<Check>> {
        let mut checks = Vec::new();
        for ((name, sql), expected) in PROBES.iter().zip(&known.answers) {
            checks.push(Check::equal(name, &value(connection, sql)?, expected));
        }
        let sessions = value(connection, SESSIONS)?;
        let found = if sessions == "u 0" { "there, and empty".to_string() } else { sessions.clone() };
        checks.push(Check::new("unlogged table", sessions == "u 0", found));
        let there = value(connection, "SELECT to_regclass('invoices') IS NOT NULL")? == "t";
        checks.push(match (self.before_mistake, there) {
            (true, true) => Check::equal("table before its loss", &value(connection, INVOICES)?, &known.invoices),
            (false, false) => Check::new("dropped table", true, "not there, as at the end of the source"),
            _ => Check::new("dropped table", false, format!("there: {there}, expected: {}", self.before_mistake)),
        });
        Ok(checks)
    }

    /// Every table and index of every database; each row of a table must stand in its indexes.
    fn amcheck(&self) -> Result<Check> {
        let args = ["--all", "--install-missing", "--heapallindexed", "--jobs=2"];
        let printed = self.run("pg_amcheck", &args)?;
        Ok(silent("pg_amcheck", &printed, "no finding in any database"))
    }

    fn dump(&self) -> Result<Check> {
        let printed = self.run("pg_dumpall", &["--file=/dev/null", "--no-sync"])?;
        Ok(silent("pg_dumpall", &printed, "every row of every database was read"))
    }

    /// Runs one of PostgreSQL's programs on the open fork; gives what it printed, a failure included.
    fn run(&self, name: &str, args: &[&str]) -> Result<String> {
        let run = self.volume.join("run");
        let run = run.to_str().ok_or_else(|| Error::invalid("the demo's folder is not UTF-8"))?;
        let port = self.port.to_string();
        let mut all = vec!["-h", run, "-p", &port, "-U", "postgres"];
        all.extend(args);
        let program = Program::new(self.scene.installation.program(name)?, &all).within(CHECK_DEADLINE);
        let _shown = progress::show(name, Arc::new(Progress::default()), self.scene.clock().clone());
        let outcome = farshore_agent::process::run(&program, &self.scene.host.engines, &**self.scene.clock())?;
        let mut printed = outcome.text();
        printed.push_str(&String::from_utf8_lossy(&outcome.stderr));
        if outcome.code != 0 {
            printed.push_str(&format!("exit status {}", outcome.code));
        }
        Ok(printed.trim().to_string())
    }

    /// Stops the fork, and has every page's checksum computed.
    pub fn check_at_rest(&self) -> Result<Check> {
        fork::stop(&self.scene.host, &self.volume)?;
        let data = self.volume.join("data");
        let text = data.to_str().ok_or_else(|| Error::invalid("the demo's folder is not UTF-8"))?;
        let program = Program::new(self.scene.installation.program("pg_checksums")?, &["--check", "-D", text]);
        let program = program.within(CHECK_DEADLINE);
        let _shown = progress::show("pg_checksums", Arc::new(Progress::default()), self.scene.clock().clone());
        let outcome = farshore_agent::process::run(&program, &self.scene.host.engines, &**self.scene.clock())?;
        let printed = outcome.text();
        let number = |name: &str| {
            let line = printed.lines().find_map(|line| line.strip_prefix(name))?;
            line.trim().parse::<u64>().ok()
        };
        let (blocks, bad) = (number("Blocks scanned:"), number("Bad checksums:"));
        let passed = outcome.code == 0 && bad == Some(0) && blocks.is_some_and(|blocks| blocks > 0);
        let found = match (blocks, bad) {
            (Some(blocks), Some(bad)) => format!("{bad} bad among {blocks} pages"),
            _ => String::from_utf8_lossy(&outcome.stderr).trim().to_string(),
        };
        Ok(Check::new("page checksums", passed, found))
    }

    /// Starts the fork again.
    pub fn start(&self) -> Result<()> {
        adopt(&self.volume, &self.scene.host)?.start(START_DEADLINE)?;
        value(&mut self.connect()?, "SELECT 1").map(drop)
    }

    fn connect(&self) -> Result<Connection> {
        Connection::connect(&settings(&self.volume, self.port, DATABASE)?, self.scene.clock().clone())
    }
}

/// A program that prints nothing when all is well.
fn silent(name: &str, printed: &str, good: &str) -> Check {
    match printed.is_empty() {
        true => Check::new(name, true, good),
        false => Check::new(name, false, printed.replace('\n', "; ")),
    }
}

fn value(connection: &mut Connection, sql: &str) -> Result<String> {
    let answer = connection.query_within(sql, CHECK_DEADLINE)?;
    Ok(answer.rows.into_iter().next().and_then(|row| row.into_iter().next()).flatten().unwrap_or_default())
}

/// The ledger, with a checksum of each row as it stands in the fork.
fn rows(connection: &mut Connection) -> Result<Rows> {
    let mut rows = Rows::new();
    for writer in 1..=WRITERS {
        let mut after = 0;
        loop {
            let sql = format!(
                "SELECT number, account, delta, sent, payload FROM ledger WHERE writer = {writer} AND number > {after} \
                 ORDER BY number LIMIT {ROWS_PER_QUERY}"
            );
            let answer = connection.query_within(&sql, CHECK_DEADLINE)?;
            for values in &answer.rows {
                let row = row(writer, values).ok_or_else(|| Error::corrupt("a row of the ledger cannot be read"))?;
                after = row.number;
                rows.insert((writer, row.number), row.checksum());
            }
            if (answer.rows.len() as u64) < ROWS_PER_QUERY {
                break;
            }
        }
    }
    let counted = value(connection, "SELECT count(*) FROM ledger")?;
    match counted.parse::<u64>() {
        Ok(count) if count == rows.len() as u64 => Ok(rows),
        _ => Err(Error::corrupt(format!("the ledger counts {counted} rows, {} were read", rows.len()))),
    }
}

fn row(writer: u32, values: &[Option<String>]) -> Option<Row> {
    let [Some(number), Some(account), Some(delta), Some(sent), Some(payload)] = values else { return None };
    Some(Row {
        writer,
        number: number.parse().ok()?,
        account: account.parse().ok()?,
        delta: delta.parse().ok()?,
        sent: sent.parse().ok()?,
        payload: payload.clone(),
    })
}

fn row_sets(compared: &Comparison) -> Check {
    let Comparison { rows, missing, unexpected, different, open, .. } = compared;
    let found = format!(
        "{rows} rows, {missing} missing, {unexpected} too many, {different} different, {open} under way at the moment"
    );
    Check::new("row sets", compared.matched(), found)
}

/// Every transaction moves the same sum in four places: half of one would show.
fn balances(connection: &mut Connection) -> Result<Check> {
    let sums = value(
        connection,
        "SELECT concat_ws(' ', (SELECT coalesce(sum(abalance), 0) FROM pgbench_accounts), \
         (SELECT coalesce(sum(tbalance), 0) FROM pgbench_tellers), \
         (SELECT coalesce(sum(bbalance), 0) FROM pgbench_branches), \
         (SELECT coalesce(sum(delta), 0) FROM pgbench_history), (SELECT coalesce(sum(delta), 0) FROM ledger))",
    )?;
    let mut each = sums.split(' ');
    let first = each.next().unwrap_or_default();
    let equal = sums.split(' ').count() == 5 && each.all(|sum| sum == first);
    Ok(Check::new("sums of money", equal, format!("accounts, tellers, branches, history, ledger: {sums}")))
}

/// The visibility map and the index must tell the same as the table.
fn counts(server: &Settings, scene: &Scene, table: &str) -> Result<Check> {
    let ways = [
        ("Index Only Scan", ["enable_seqscan", "enable_bitmapscan"]),
        ("Seq Scan", ["enable_indexonlyscan", "enable_indexscan"]),
    ];
    let mut counted = Vec::new();
    for (wanted, off) in ways {
        let mut connection = Connection::connect(server, scene.clock().clone())?;
        for setting in off {
            connection.query(&format!("SET {setting} = off"))?;
        }
        let sql = format!("SELECT count(*) FROM {table}");
        let plan = connection.query(&format!("EXPLAIN (COSTS OFF) {sql}"))?;
        let mut lines = plan.rows.iter().flatten().flatten();
        if !lines.any(|line| line.contains(wanted)) {
            return Err(Error::bug(format!("{table} is not counted by {wanted}: {:?}", plan.rows)));
        }
        counted.push(value(&mut connection, &sql)?);
        connection.close();
    }
    let [by_index, by_table] = counted.as_slice() else { return Err(Error::bug("two counts were taken")) };
    let passed = by_index == by_table && by_table != "0";
    Ok(Check::new(&format!("counts of {table}"), passed, format!("by index {by_index}, by table {by_table}")))
}

/// The fork hands out new numbers.
fn identity_goes_on(connection: &mut Connection) -> Result<Check> {
    let before: i64 = value(connection, "SELECT max(id) FROM statements")?.parse().unwrap_or(i64::MAX);
    let sql = "INSERT INTO statements (line) VALUES ('written to the fork') RETURNING id";
    let number: i64 = value(connection, sql)?.parse().unwrap_or(0);
    Ok(Check::new("identity goes on", number > before, format!("{number} follows {before}")))
}

/// What `farshore vault verify` found in a store.
pub fn verified(service: &str, answer: &serde_json::Value, code: i32) -> Check {
    let findings = answer.get("findings").and_then(serde_json::Value::as_array).map_or(0, Vec::len);
    let passed = code == 0 && answer.get("matched") == Some(&serde_json::Value::Bool(true));
    let found = match answer.get("error") {
        Some(error) => error.to_string(),
        None => format!("every object of {service} decrypted, {findings} findings"),
    };
    Check::new(&format!("vault verify of {service}"), passed, found)
}

/// A folder's files for people.
pub fn size_text(bytes: u64, seconds: f64) -> String {
    format!("{} in {seconds:.1} s", units::bytes(bytes))
}

/// The line that opens a session.
pub fn psql(volume: &Path, port: u16) -> String {
    format!("psql -h {} -p {port} -U postgres {DATABASE}", volume.join("run").display())
}
