//! `cargo xtask bench`: Farshore beside pgBackRest, restic and the floor, on one PostgreSQL, in one run (docs/bench.md).
//!
//! Every round takes a full backup, changes some pages, takes an incremental one, restores it, archives log and fetches
//! it, copies the repository into another store and follows one there, with every tool in turn; the order of the tools moves on
//! by one from case to case. Writes `report.json` beside its folder. If it is killed, the next run stops the server that was
//! left and starts anew.

mod agent;
mod case;
mod copies;
mod floor;
mod lag;
mod log;
mod meter;
mod place;
mod report;
mod server;
mod tools;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use farshore_types::{Clock, Error, Position, Result, SystemClock};

use case::{Case, Needed};
use lag::Lag;
use log::Log;
use meter::{Cost, Meter};
use place::Place;
use report::{Figures, Report};
use server::{SEGMENT_BYTES, Server};
use tools::{Tool, Tools};

/// How to call it.
pub const USAGE: &str = "cargo xtask bench [--small] [--only CASE] [--rounds N] [--farshore PROGRAM] [--dir FOLDER]";

/// What was asked for.
struct Options {
    small: bool,
    only: Option<Case>,
    rounds: u64,
    farshore: PathBuf,
    dir: PathBuf,
}

/// Sizes of a run.
struct Size {
    scale: u32,
    segments: u64,
    /// How long the lag of a copy is looked at.
    lag: Duration,
}

impl Size {
    const USUAL: Size = Size { scale: 200, segments: 96, lag: Duration::from_secs(60) };
    const SMALL: Size = Size { scale: 20, segments: 12, lag: Duration::from_secs(12) };
}

/// Runs the bench.
pub fn run(root: &Path, args: &[&str]) -> Result<()> {
    let options = Options::parse(root, args)?;
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
    let place = Place::new(&options.dir, &options.farshore)?;
    let meter = Meter::new(clock.clone())?;
    let size = if options.small { Size::SMALL } else { Size::USUAL };
    eprintln!("bench: filling a server in {}, load {:.1}", place.dir.display(), meter::load());
    let server = Server::new(&place, clock.clone(), size.scale)?;
    let mut report = Report::default();
    for round in 1..=options.rounds {
        eprintln!("bench: round {round} of {}, load {:.1}", options.rounds, meter::load());
        let (clock, only, report) = (clock.clone(), options.only, &mut report);
        Round { place: &place, meter: &meter, server: &server, clock, only, round, report }.run(&size)?;
    }
    drop(server);
    println!("{}\n{}", report.table(), report.goals());
    let path = root.join("target/bench/report.json");
    report.write(&path)?;
    println!("{} rounds; load at the end {:.1}; written to {}", options.rounds, meter::load(), path.display());
    place.remove()
}

/// Runs a part of the floor in a process of its own.
pub fn step(args: &[&str]) -> Result<()> {
    floor::step(args)
}

impl Options {
    fn parse(root: &Path, args: &[&str]) -> Result<Options> {
        let small = args.contains(&"--small");
        let mut options = Options {
            small,
            only: None,
            rounds: if small { 2 } else { 5 },
            farshore: root.join("target/release/farshore"),
            dir: root.join("target/bench/run"),
        };
        let mut words = args.iter().filter(|word| **word != "--small");
        while let Some(word) = words.next() {
            let value = words.next().ok_or_else(|| Error::invalid(format!("no value for {word}")).hint(USAGE))?;
            match *word {
                "--rounds" => {
                    options.rounds =
                        value.parse().map_err(|_| Error::invalid("--rounds wants a number").hint(USAGE))?;
                }
                "--only" => options.only = Some(Case::parse(value)?),
                "--farshore" => options.farshore = PathBuf::from(value),
                "--dir" => options.dir = PathBuf::from(value),
                _ => return Err(Error::invalid(format!("unknown option {word}")).hint(USAGE)),
            }
        }
        Ok(options)
    }
}

/// One round over all cases.
struct Round<'a> {
    place: &'a Place,
    meter: &'a Meter,
    server: &'a Server<'a>,
    clock: Arc<dyn Clock>,
    only: Option<Case>,
    round: u64,
    report: &'a mut Report,
}

impl Round<'_> {
    fn run(&mut self, size: &Size) -> Result<()> {
        let (server, place, meter) = (self.server, self.place, self.meter);
        Log::keep(server)?;
        server.settle()?;
        let mut tools = Tools { place, server, since: Position(0) };
        tools.prepare()?;
        self.backups(Case::Full, &tools)?;
        tools.since = server.position()?;
        if Case::Incremental.needed(self.only) != Needed::Nobody {
            self.churn(&tools)?;
        }
        self.backups(Case::Incremental, &tools)?;
        self.restores(&tools)?;
        if [Case::WalPush, Case::WalFetch].iter().any(|case| case.needed(self.only) != Needed::Nobody) {
            let log = Log::write(&tools, meter, self.clock.clone(), (size.segments, self.round))?;
            self.log(Case::WalPush, &log)?;
            self.log(Case::WalFetch, &log)?;
            log.discard()?;
        }
        self.copies(&tools)?;
        for tool in self.order(Case::CopyLag, &[Tool::Farshore]) {
            let figures = Lag { tools: &tools, meter, clock: self.clock.clone(), length: size.lag }.measure()?;
            self.add(Case::CopyLag, tool, figures);
        }
        Log::release(server)?;
        tools.clear()
    }

    /// The tools that are needed, each round and case beginning with another one.
    fn order(&self, case: Case, tools: &[Tool]) -> Vec<Tool> {
        let mut order = match case.needed(self.only) {
            Needed::Everybody => tools.to_vec(),
            Needed::Ourselves => vec![Tool::Farshore],
            Needed::Nobody => Vec::new(),
        };
        let first = (self.round as usize + case as usize) % order.len().max(1);
        order.rotate_left(first);
        order
    }

    fn churn(&self, tools: &Tools) -> Result<()> {
        self.server.churn(self.round)?;
        self.server.settle()?;
        let (pages, changed) = floor::changed_pages(&self.server.files()?, tools.since)?;
        let share = changed as f64 * 100.0 / pages.max(1) as f64;
        println!("round {}: {changed} of {pages} pages changed, {share:.1} %", self.round);
        Ok(())
    }

    fn backups(&mut self, case: Case, tools: &Tools) -> Result<()> {
        let gb = place::bytes_of(&self.server.files()?) as f64 / 1e9;
        for tool in self.order(case, &Tool::FOR_BACKUPS) {
            self.server.settle()?;
            let mut commands = if case == Case::Full { tools.full(tool)? } else { tools.incremental(tool)? };
            let before = tools.stored(tool)?;
            let (cost, ()) =
                self.meter.measure(|| commands.iter_mut().try_for_each(|command| self.place.run(command)))?;
            let stored_bytes = Some(tools.stored(tool)?.saturating_sub(before));
            let Cost { cpu_s, wall_s, peak_mb } = cost;
            self.add(case, tool, Figures { gb, cpu_s, wall_s, peak_mb, stored_bytes, ..Figures::default() });
        }
        Ok(())
    }

    fn restores(&mut self, tools: &Tools) -> Result<()> {
        let gb = place::bytes_of(&self.server.files()?) as f64 / 1e9;
        for tool in self.order(Case::Restore, &Tool::FOR_BACKUPS) {
            let to = self.place.private_folder("restore")?;
            self.server.settle()?;
            let mut commands = tools.restore(tool, &to);
            let (cost, ()) =
                self.meter.measure(|| commands.iter_mut().try_for_each(|command| self.place.run(command)))?;
            if let Some(restored) = tools.restored(tool, &to).filter(|_| self.round == 1) {
                let equal = floor::compare(&self.server.data, &restored)?;
                println!("{}: {equal} restored files of relations are equal to the source", tool.name());
            }
            let Cost { cpu_s, wall_s, peak_mb } = cost;
            self.add(Case::Restore, tool, Figures { gb, cpu_s, wall_s, peak_mb, ..Figures::default() });
        }
        self.place.folder("restore").map(drop)
    }

    fn log(&mut self, case: Case, log: &Log) -> Result<()> {
        let count = log.count() as f64;
        for tool in self.order(case, &Tool::WITH_LOG) {
            self.server.settle()?;
            let before = log.tools.archived(tool)?;
            let cost = if case == Case::WalPush { log.push(tool)? } else { log.fetch(tool)? };
            let stored = log.tools.archived(tool)?.saturating_sub(before);
            let figures = Figures {
                gb: count * SEGMENT_BYTES as f64 / 1e9,
                cpu_s: cost.cpu_s,
                wall_s: cost.wall_s,
                peak_mb: cost.peak_mb,
                stored_bytes: Some(stored).filter(|_| case == Case::WalPush),
                segments_per_s: Some(count / cost.wall_s.max(f64::MIN_POSITIVE)),
                ..Figures::default()
            };
            self.add(case, tool, figures);
        }
        Ok(())
    }

    /// The repository of this round into another store, while there is no server that could be read.
    fn copies(&mut self, tools: &Tools) -> Result<()> {
        let order = self.order(Case::Copy, &Tool::FOR_COPIES);
        if order.is_empty() {
            return Ok(());
        }
        self.server.halt()?;
        for tool in order {
            let to = self.place.folder("copy")?;
            rustix::fs::sync();
            let mut commands = tools.copy(tool)?;
            let (cost, ()) =
                self.meter.measure(|| commands.iter_mut().try_for_each(|command| self.place.run(command)))?;
            if self.round == 1 {
                let equal = copies::compare(&self.place.path("farshore"), &to)?;
                println!("{}: {equal} copied objects are equal to the source; the server was stopped", tool.name());
            }
            let (stored, Cost { cpu_s, wall_s, peak_mb }) = (place::bytes_below(&to)?, cost);
            let gb = stored as f64 / 1e9;
            let (stored_bytes, mb_per_s) = (Some(stored), Some(gb * 1000.0 / wall_s.max(f64::MIN_POSITIVE)));
            let figures = Figures { gb, cpu_s, wall_s, peak_mb, stored_bytes, mb_per_s, ..Figures::default() };
            self.add(Case::Copy, tool, figures);
        }
        self.place.folder("copy")?;
        self.server.start()
    }

    fn add(&mut self, case: Case, tool: Tool, figures: Figures) {
        let Figures { cpu_s, wall_s, peak_mb, .. } = figures;
        eprintln!(
            "  {:<12} {:<11} {cpu_s:>7.2} cpu s {wall_s:>7.2} wall s {peak_mb:>6.0} MiB, load {:.1}",
            case.name(),
            tool.name(),
            meter::load()
        );
        if self.only.is_none_or(|only| only == case) {
            self.report.add(case, tool, figures);
        }
    }
}
