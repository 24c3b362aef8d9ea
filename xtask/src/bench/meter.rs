//! What a piece of work costs: processor time, wall time and anonymous memory of everything that it starts.
//!
//! This process is the reaper of all its descendants (`prctl(2)`, PR_SET_CHILD_SUBREAPER): daemons of the tools and the
//! database server itself stay below it. So the processor time of a case is the growth of one sum over all descendants,
//! exited children included, of the tool and the server together. Memory is RssAnon of all descendants but the
//! server's, sampled. If we die, nothing is lost but the figures.

use std::collections::BTreeMap;
use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use farshore_types::error::ErrorContext;
use farshore_types::{Clock, Error, Result};
use rustix::process::{Pid, WaitOptions, getpid, set_child_subreaper, wait};

/// How often memory is sampled.
const SAMPLE_PAUSE: Duration = Duration::from_millis(50);
/// Units of times in `/proc/PID/stat` per second (`USER_HZ`, proc(5)).
const TICKS_PER_SECOND: f64 = 100.0;
/// How long daemons of a tool may take to end by themselves after its work is done.
const DAEMONS_PATIENCE: Duration = Duration::from_secs(15);
/// How often we look whether they have ended.
const DAEMONS_PAUSE: Duration = Duration::from_millis(20);
/// The server's processes, which own no memory of the tool.
const SERVER: &str = "postgres";

/// What a piece of work cost.
#[derive(Debug, Clone, Copy, Default)]
pub struct Cost {
    /// Processor seconds, user and system, of the tool and the server.
    pub cpu_s: f64,
    /// Seconds from begin to end.
    pub wall_s: f64,
    /// Most anonymous memory at any sample, in MiB.
    pub peak_mb: f64,
}

/// Measures what is run through it. One piece of work at a time.
pub struct Meter {
    clock: Arc<dyn Clock>,
}

struct Process {
    parent: i32,
    name: String,
    /// Own time, and time of children that were waited for.
    ticks: u64,
    waited_ticks: u64,
}

impl Meter {
    /// Makes this process the reaper of its descendants.
    pub fn new(clock: Arc<dyn Clock>) -> Result<Meter> {
        set_child_subreaper(Some(getpid())).map_err(|error| Error::io(error.into(), "become", "the reaper"))?;
        Ok(Meter { clock })
    }

    /// Runs `work`, which must have waited for every process that it started itself.
    pub fn measure<T>(&self, work: impl FnOnce() -> Result<T>) -> Result<(Cost, T)> {
        self.await_daemons()?;
        let before = processor_ticks()?;
        let (stop, peak) = (AtomicBool::new(false), AtomicU64::new(0));
        let (wall, outcome) = std::thread::scope(|scope| {
            scope.spawn(|| {
                while !stop.load(Ordering::Relaxed) {
                    peak.fetch_max(anonymous_kib().unwrap_or(0), Ordering::Relaxed);
                    self.clock.pause(SAMPLE_PAUSE);
                }
            });
            let began = self.clock.monotonic();
            let outcome = work();
            let wall = self.clock.monotonic().saturating_sub(began);
            stop.store(true, Ordering::Relaxed);
            (wall, outcome)
        });
        let outcome = outcome?;
        self.await_daemons()?;
        let ticks = processor_ticks()?.saturating_sub(before);
        let cost = Cost {
            cpu_s: ticks as f64 / TICKS_PER_SECOND,
            wall_s: wall.as_secs_f64(),
            peak_mb: peak.load(Ordering::Relaxed) as f64 / 1024.0,
        };
        Ok((cost, outcome))
    }

    /// Waits until nothing but the server is left below us, and buries what has ended.
    fn await_daemons(&self) -> Result<()> {
        let began = self.clock.monotonic();
        loop {
            while let Ok(Some(_)) = wait(WaitOptions::NOHANG) {}
            let left: Vec<String> =
                descendants()?.into_values().map(|process| process.name).filter(|name| name != SERVER).collect();
            if left.is_empty() {
                return Ok(());
            }
            if self.clock.monotonic().saturating_sub(began) > DAEMONS_PATIENCE {
                return Err(Error::busy(format!("processes are left over: {}", left.join(", "))));
            }
            self.clock.pause(DAEMONS_PAUSE);
        }
    }
}

/// The 1-minute load of this machine.
pub fn load() -> f64 {
    let text = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    text.split(' ').next().and_then(|word| word.parse().ok()).unwrap_or(0.0)
}

fn processor_ticks() -> Result<u64> {
    let own = fs::read_to_string("/proc/self/stat").doing("read", "/proc/self/stat")?;
    let waited = parse(&own).map_or(0, |process| process.waited_ticks);
    Ok(waited + descendants()?.values().map(|process| process.ticks + process.waited_ticks).sum::<u64>())
}

fn anonymous_kib() -> Result<u64> {
    let tools = descendants()?.into_iter().filter(|(_, process)| process.name != SERVER);
    Ok(tools.map(|(pid, _)| resident_anonymous_kib(pid)).sum())
}

fn resident_anonymous_kib(pid: i32) -> u64 {
    let text = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix("RssAnon:"));
    line.and_then(|rest| rest.trim().trim_end_matches(" kB").parse().ok()).unwrap_or(0)
}

/// Every process below this one. What ends while we read is left out.
fn descendants() -> Result<BTreeMap<i32, Process>> {
    let mut all = BTreeMap::new();
    for item in fs::read_dir("/proc").doing("list", "/proc")? {
        let name = item.doing("list", "/proc")?.file_name();
        let Some(pid) = name.to_str().and_then(|name| name.parse::<i32>().ok()) else { continue };
        if let Some(process) = fs::read_to_string(format!("/proc/{pid}/stat")).ok().and_then(|text| parse(&text)) {
            all.insert(pid, process);
        }
    }
    let root = Pid::as_raw(Some(getpid()));
    let below = |pid: i32| {
        let mut at = pid;
        while let Some(process) = all.get(&at) {
            if process.parent == root {
                return true;
            }
            at = process.parent;
        }
        false
    };
    let found: Vec<i32> = all.keys().copied().filter(|pid| below(*pid)).collect();
    Ok(found.into_iter().filter_map(|pid| all.remove(&pid).map(|process| (pid, process))).collect())
}

/// One line of `/proc/PID/stat` (proc(5)); the name may hold spaces and parentheses.
fn parse(stat: &str) -> Option<Process> {
    let (head, tail) = stat.rsplit_once(") ")?;
    let name = head.split_once('(')?.1.to_string();
    let fields: Vec<&str> = tail.split(' ').collect();
    let number = |index: usize| fields.get(index).and_then(|field| field.parse::<u64>().ok());
    let parent = fields.get(1)?.parse().ok()?;
    Some(Process { parent, name, ticks: number(11)? + number(12)?, waited_ticks: number(13)? + number(14)? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_name_may_hold_anything() {
        let line = "42 (a) b (c) S 7 42 42 0 -1 4194560 1 2 3 4 100 20 3 4 20 0 1 0 5 6 7 8";
        let process = parse(line).unwrap();
        assert_eq!((process.parent, process.name.as_str()), (7, "a) b (c"));
        assert_eq!((process.ticks, process.waited_ticks), (120, 7));
        assert!(parse("42 (short) S 7").is_none());
    }
}
