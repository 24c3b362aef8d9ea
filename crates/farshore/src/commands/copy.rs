//! `farshore copy`: follows a region's backups and log into another region's store. No key is needed, nothing is decrypted.
//!
//! The log is followed without pause, so that the second region is seconds behind; backups are copied beside it, the newest first, so
//! that it can be restored from soonest. What fails is tried again from the last durable position, with growing pauses. If we
//! die, the target holds a prefix of the log and whole backups, and the next run goes on.

use std::collections::HashMap;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use farshore_objects::{ObjectStore, open_or_create};
use farshore_types::{Clock, Error, Progress, Result, SystemEntropy, units};
use farshore_vault::Repository;
use farshore_vault::care::copy::{
    Copied, Order, Settings, Watermark, copy_backup, copy_journal, ensure_repository, plan_copies,
};
use farshore_vault::journal::WAL;
use serde_json::{Value, json};

use super::attach::stop_on_signal;
use crate::cli::{CopyArgs, StoreArgs};
use crate::{output, progress, stores};

/// While waiting we look this often whether we shall stop.
const LOOK: Duration = Duration::from_millis(50);
/// The longest pause after a failure.
const PAUSE_MAX: Duration = Duration::from_secs(30);
/// How often we look for services that are new in the source: that lists all of it.
const DISCOVER: Duration = Duration::from_secs(300);

/// Copies once, or until a signal comes.
pub fn run(args: &CopyArgs, as_json: bool, clock: Arc<dyn Clock>) -> Result<ExitCode> {
    let stop = Arc::new(Progress::default());
    stop_on_signal(&stop)?;
    let copying = Copying { args, as_json, clock, stop };
    match args.once {
        true => copying.once()?,
        false => copying.follow()?,
    }
    Ok(ExitCode::SUCCESS)
}

struct Copying<'a> {
    args: &'a CopyArgs,
    as_json: bool,
    clock: Arc<dyn Clock>,
    stop: Arc<Progress>,
}

/// One service on both sides.
struct Pair {
    source: Repository,
    target: Repository,
}

impl Pair {
    /// Fails where the source is gone, which an empty listing would not tell; brings new keys over.
    fn refresh(&self) -> Result<()> {
        let source = Repository::open(self.source.store().clone())?;
        ensure_repository(&source, self.target.store()).map(drop)
    }
}

impl Copying<'_> {
    fn once(&self) -> Result<()> {
        let mut services = Vec::new();
        for pair in self.pairs()? {
            let (total, backups, journal) = self.all_of(&pair)?;
            let moment = journal.newest(WAL).map(|(_, _, moment)| moment.to_string());
            let service = pair.source.service();
            services.push(json!({
                "service": service.as_str(), "backups": backups, "objects": total.objects, "bytes": total.bytes,
                "log_to": moment,
            }));
            if !self.as_json {
                let reach = moment.map_or_else(String::new, |moment| format!(", log to {moment}"));
                let bytes = units::bytes(total.bytes);
                output::say(&format!("Service {service}: {backups} backups copied, {bytes} in all{reach}."));
            }
        }
        if self.as_json {
            output::json(&json!({"services": services}));
        }
        Ok(())
    }

    /// Everything of one service: what was put, the number of backups, and how far the log goes. The log is copied beside the backups,
    /// because it waits for the disk object by object and they do not; then what has come meanwhile.
    fn all_of(&self, pair: &Pair) -> Result<(Copied, u64, Watermark)> {
        let (mut total, mut backups) = (Copied::default(), 0);
        let mark = std::thread::scope(|scope| {
            let log = scope.spawn(|| copy_journal(&pair.source, &pair.target, &Watermark::default()));
            for name in plan_copies(&pair.source, &pair.target, Order::NewestFirst)? {
                add(&mut total, self.one_backup(pair, &name)?);
                backups += 1;
            }
            log.join().map_err(|_| Error::bug("the thread that copies the log panicked"))?
        })?;
        add(&mut total, mark.copied);
        let journal = copy_journal(&pair.source, &pair.target, &mark)?;
        add(&mut total, journal.copied);
        Ok((total, backups, journal))
    }

    /// Log and backups side by side, each until asked to stop.
    fn follow(&self) -> Result<()> {
        self.event("following", &format!("Following {} into {}.", self.args.from, self.args.to), json!({}));
        std::thread::scope(|scope| {
            let backups = scope.spawn(|| self.again_and_again(&mut |pair, _| self.missing_backups(pair)));
            let mut marks: HashMap<String, Watermark> = HashMap::new();
            self.again_and_again(&mut |pair, anew| {
                if anew {
                    marks.clear();
                }
                self.new_log(pair, &mut marks)
            });
            backups.join().map_err(|_| Error::bug("the thread that copies backups panicked"))
        })?;
        self.event("stopped", "Stopped. The next run goes on from here.", json!({}));
        Ok(())
    }

    /// Does one kind of work for every service, round after round; `anew` is true in the first round after a failure.
    fn again_and_again(&self, work: &mut dyn FnMut(&Pair, bool) -> Result<()>) {
        let interval = Duration::from_millis(self.args.interval_ms);
        let (mut pairs, mut found_at, mut pause, mut trouble) = (Vec::new(), Duration::ZERO, interval, false);
        while self.stop.go_on().is_ok() {
            let now = self.clock.monotonic();
            let mut round = || -> Result<()> {
                let anew = trouble || pairs.is_empty() || now.saturating_sub(found_at) >= DISCOVER;
                if anew {
                    (pairs, found_at) = (self.pairs()?, now);
                }
                for pair in &pairs {
                    pair.refresh()?;
                    work(pair, trouble)?;
                }
                Ok(())
            };
            match round() {
                Ok(()) => (pause, trouble) = (interval, false),
                Err(_) if self.stop.go_on().is_err() => return,
                Err(error) => {
                    tracing::warn!(%error, "copying is interrupted, and tried again");
                    (pause, trouble) = ((pause * 2).min(PAUSE_MAX), true);
                }
            }
            self.wait(pause);
        }
    }

    fn wait(&self, length: Duration) {
        let until = self.clock.monotonic() + length;
        while self.stop.go_on().is_ok() && self.clock.monotonic() < until {
            self.clock.pause(LOOK.min(length));
        }
    }

    fn pairs(&self) -> Result<Vec<Pair>> {
        let from = StoreArgs { store: self.args.from.clone(), identity: None, service: self.args.service.clone() };
        let to: Arc<dyn ObjectStore> = stores::layered(open_or_create(&self.args.to)?, self.clock.clone());
        let sources = stores::repositories(&from, self.clock.clone())?;
        let pair = |source: Repository| {
            let target = ensure_repository(&source, &stores::scoped(&to, source.service())?)?;
            Ok(Pair { source, target })
        };
        sources.into_iter().map(pair).collect()
    }

    fn new_log(&self, pair: &Pair, marks: &mut HashMap<String, Watermark>) -> Result<()> {
        let mark = marks.entry(pair.source.service().to_string()).or_default();
        *mark = copy_journal(&pair.source, &pair.target, mark)?;
        Ok(())
    }

    fn missing_backups(&self, pair: &Pair) -> Result<()> {
        for name in plan_copies(&pair.source, &pair.target, Order::NewestFirst)? {
            self.stop.go_on()?;
            let began = self.clock.monotonic();
            let copied = self.one_backup(pair, &name)?;
            let seconds = (self.clock.monotonic() - began).as_secs_f64();
            let (service, sequence) = (pair.source.service(), name.id.sequence);
            let text =
                format!("Backup {sequence} of {service} copied: {} in {seconds:.1} s.", units::bytes(copied.bytes));
            let more =
                json!({"service": service.as_str(), "backup": sequence, "bytes": copied.bytes, "seconds": seconds});
            self.event("copied", &text, more);
        }
        Ok(())
    }

    fn one_backup(&self, pair: &Pair, name: &farshore_vault::names::ManifestName) -> Result<Copied> {
        let settings = Settings { workers: usize::from(self.args.workers), bytes_per_second: self.args.rate };
        let counted = Arc::new(Progress::default());
        let _shown = progress::show(&format!("copy {}", name.id.sequence), counted.clone(), self.clock.clone());
        let sources = (self.clock.clone(), &SystemEntropy as &dyn farshore_types::Entropy);
        copy_backup(&pair.source, &pair.target, name, &settings, sources, &counted)
    }

    fn event(&self, event: &str, text: &str, mut more: Value) {
        if !self.as_json {
            return output::say(text);
        }
        if let Some(members) = more.as_object_mut() {
            members.insert("event".to_string(), event.into());
        }
        output::say(&more.to_string());
    }
}

fn add(total: &mut Copied, more: Copied) {
    total.objects += more.objects;
    total.bytes += more.bytes;
    total.skipped += more.skipped;
}
