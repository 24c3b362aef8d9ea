//! Figures of a node for charts: what its processes use, what its server counts. Rates are taken between two looks.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::time::Duration;

use farshore_engines::postgresql::wire::Connection;
use farshore_types::Result;

use crate::postgres::processes;

/// Clock ticks of `/proc/PID/stat` in a second (proc(5)): 100 on every Linux that PostgreSQL supports.
const TICKS_PER_SECOND: f64 = 100.0;
const COUNTS: &str = "SELECT sum(numbackends)::text, sum(xact_commit)::text, sum(xact_rollback)::text, \
                      sum(blks_read)::text, sum(blks_hit)::text FROM pg_stat_database";

/// What was counted at the last look.
#[derive(Debug, Clone, Copy, Default)]
pub struct Counted {
    at: Duration,
    cpu_s: f64,
    commits: f64,
    rollbacks: f64,
    read: f64,
    hit: f64,
}

/// Looks, and compares with the last look.
pub fn read(
    data: &Path,
    session: &mut Connection,
    now: Duration,
    last: &mut Option<Counted>,
) -> Result<BTreeMap<String, f64>> {
    let (cpu_s, memory) = used(data)?;
    let answer = session.query(COUNTS)?;
    let column = |index: usize| -> f64 {
        let value = answer.rows.first().and_then(|row| row.get(index)?.as_ref());
        value.and_then(|text| text.parse().ok()).unwrap_or(0.0)
    };
    let counted = Counted { at: now, cpu_s, commits: column(1), rollbacks: column(2), read: column(3), hit: column(4) };
    let mut figures = BTreeMap::from([("connections".to_string(), column(0)), ("memory_bytes".to_string(), memory)]);
    if let Some(before) = last.filter(|before| now > before.at) {
        let seconds = (now - before.at).as_secs_f64();
        // Counters begin anew with the server.
        let rate = |now: f64, before: f64| if now >= before { (now - before) / seconds } else { 0.0 };
        figures.insert("cpu_percent".to_string(), 100.0 * rate(counted.cpu_s, before.cpu_s));
        figures.insert("commits_per_s".to_string(), rate(counted.commits, before.commits));
        figures.insert("rollbacks_per_s".to_string(), rate(counted.rollbacks, before.rollbacks));
        figures.insert("blocks_read_per_s".to_string(), rate(counted.read, before.read));
        figures.insert("blocks_hit_per_s".to_string(), rate(counted.hit, before.hit));
    }
    *last = Some(counted);
    Ok(figures)
}

/// Seconds of processor time and bytes of memory of all processes of a server; shared memory counts once for each that uses it, in part.
fn used(data: &Path) -> Result<(f64, f64)> {
    let (mut ticks, mut memory) = (0.0, 0.0);
    for pid in processes(data)? {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        // The name stands in parentheses and may hold anything; utime and stime are the 12th and 13th field behind it.
        let fields = stat.rsplit_once(')').map(|(_, rest)| rest.split_whitespace().skip(11).take(2));
        ticks += fields.into_iter().flatten().filter_map(|field| field.parse::<f64>().ok()).sum::<f64>();
        let rollup = fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).unwrap_or_default();
        let part =
            rollup.lines().find_map(|line| line.strip_prefix("Pss:")?.trim().strip_suffix("kB")?.trim().parse().ok());
        memory += part.unwrap_or(0.0) * 1024.0;
    }
    Ok((ticks / TICKS_PER_SECOND, memory))
}
