//! Taking a backup: files in, packs and one manifest out.
//!
//! Order: session, packs, (the engine closes its snapshot and the log is durable), manifest, session deleted. If we die anywhere
//! before the manifest, there is no backup, only packs that the next backup adopts or the sweep removes. The manifest is put only after the last check of
//! the session. Nothing is overwritten.

mod capture;
mod collect;
mod parent;
pub mod resume;
mod scan;
mod throttle;
mod worker;

use std::sync::Arc;
use std::time::Duration;

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, bounded};
use farshore_types::error::ErrorContext;
use farshore_types::snapshot::{ClosingFile, SourceFile, SourceKind};
use farshore_types::{Clock, Entropy, Error, Position, Progress, Result, Timestamp};

pub use capture::Bounds;
pub use parent::{DEPTH_MAX, must_be_full};

use self::capture::Capturing;
use self::collect::{Collected, Collector};
use self::resume::Adopted;
use self::throttle::Throttle;
use self::worker::{Report, Task, Worker, usable};
use crate::format::index::Origin;
use crate::format::manifest::{self, BackupKind, Body, Custody, Needs, Sizes};
use crate::names::{BackupId, ManifestName, PackId, PackName};
use crate::pack::{Packer, Packing, Putting};
use crate::read::OpenBackup;
use crate::read::restore::MARKER;
use crate::repository::Vault;
use crate::session::Session;

/// Segments that may wait for a worker.
const QUEUE_SEGMENTS: usize = 128;
/// Reports that may wait for the collector.
const QUEUE_REPORTS: usize = 8192;
/// How long the listing waits in one go, so that it notices when a worker fails.
const STEP: Duration = Duration::from_millis(20);
/// Files that may be in flight before the listing waits.
const IN_FLIGHT_MAX: usize = 8192;

/// How to take a backup.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Threads that read, compress and seal.
    pub workers: usize,
    /// Zstandard level of content.
    pub level: i32,
    /// Bound on bytes read per second.
    pub bytes_per_second: Option<u64>,
}

impl Default for Settings {
    fn default() -> Self {
        Settings { workers: 2, level: 1, bytes_per_second: None }
    }
}

/// What a backup is made of.
pub struct Request<'a> {
    /// The announced writer.
    pub session: &'a Session,
    /// Name of the engine.
    pub engine: &'a str,
    /// Whose packs may be shared; the session pins it.
    pub parent: Option<&'a OpenBackup>,
    /// Which page positions are believed.
    pub bounds: Bounds,
    /// The log position at which the backup started.
    pub start: Position,
    /// What the engine says of the source at the start: a backup that goes on with this one's packs compares itself with it.
    pub facts: serde_json::Value,
    /// What writers that died have put.
    pub adopted: Option<&'a Adopted>,
    /// How.
    pub settings: Settings,
    /// Counts bytes read; may ask to stop.
    pub progress: &'a Progress,
}

/// What the engine says when all files were read.
pub struct Closing {
    /// Small files, in the order in which they are restored.
    pub files: Vec<ClosingFile>,
    /// What the engine needs at restore.
    pub engine: serde_json::Value,
    /// Start of the backup, by the server's clock.
    pub started: Timestamp,
    /// End of the backup, by the server's clock.
    pub finished: Timestamp,
    /// The log position at which the backup stopped: no page may be newer.
    pub stop: Position,
    /// The log that the backup needs.
    pub needs: Option<Needs>,
    /// The journal objects that hold it, with sizes; all are durable.
    pub journal: Vec<(String, u64)>,
}

/// A backup that was taken.
#[derive(Debug, Clone)]
pub struct Taken {
    /// Its manifest.
    pub name: ManifestName,
    /// Its custody.
    pub custody: Custody,
    /// Damaged pages of the source.
    pub bad_pages: Vec<(String, u32)>,
}

/// Takes a backup of `files`, which come in path order. `close` is called once all of them were read.
pub fn take(
    vault: &Vault,
    request: &Request,
    files: &mut dyn Iterator<Item = Result<SourceFile>>,
    close: &mut dyn FnMut() -> Result<Closing>,
    (clock, entropy): (Arc<dyn Clock>, &dyn Entropy),
) -> Result<Taken> {
    let session = request.session;
    let place = (vault.repository.id(), session.generation(), session.id());
    let origin = Origin { start: request.start.0, facts: &request.facts };
    let packing = Packing::new(vault.root()?, place, entropy, request.settings.level, origin);
    let (collected, put) = capture_all(vault, request, files, &packing, clock)?;
    let closing = close()?;
    let id = vault.backup_id(session.generation(), session.id())?;
    let custody = custody_of(vault, request, &id, &collected, &put, &closing)?;
    let bad_pages = collected.totals.bad_pages.clone();
    let body = Body {
        catalogs: collected.catalogs,
        closing: closing.files,
        engine: closing.engine,
        bad_pages: bad_pages.clone(),
    };
    let (name, bytes) = manifest::seal(&id, &custody, &body, vault.root()?, vault.repository.id(), entropy)?;
    session.check()?;
    // If we are stopped here for longer than the deadline, a sweep fences the session and readers ignore the manifest.
    vault.repository.store().put_new(&name.to_string(), bytes.into()).doing("commit", "a backup")?;
    session.confirm()?;
    Ok(Taken { name, custody, bad_pages })
}

/// A segment of a file, to be captured.
type Segment = (Arc<Task>, u32);

/// The catalog of a backup, and the packs that were put with their sizes.
type Captures = (Collected, Vec<(PackName, u64)>);

/// Runs lister, workers and putting threads; gives the catalog and the packs that were put.
fn capture_all(
    vault: &Vault,
    request: &Request,
    files: &mut dyn Iterator<Item = Result<SourceFile>>,
    packing: &Packing,
    clock: Arc<dyn Clock>,
) -> Result<Captures> {
    let Settings { workers, bytes_per_second, .. } = request.settings;
    let throttle = Throttle::new(bytes_per_second, clock.clone());
    let capturing = Capturing { bounds: request.bounds, clock, throttle, progress: request.progress };
    let (outbox, putting) = Putting::new(vault.repository.store().clone());
    let (tasks, inbox): (Sender<Segment>, Receiver<Segment>) = bounded(QUEUE_SEGMENTS);
    let (reports_in, reports) = bounded(QUEUE_REPORTS);
    let (capturing, putting_ref) = (&capturing, &putting);
    let table = request.adopted.map(|adopted| adopted.table(request.parent)).transpose()?;
    let collected = std::thread::scope(|scope| {
        let mut threads: Vec<_> =
            (0..Putting::threads()).map(|_| scope.spawn(move || putting_ref.run(packing))).collect();
        for _ in 0..workers.max(1) {
            let packer = Packer::new(packing, outbox.clone())?;
            let parent = request.parent.map(|parent| (vault, parent));
            let adopted = request.adopted.zip(table.as_ref());
            let adopted = adopted.map(|(adopted, table)| adopted.lookup(vault, table)).transpose()?;
            let worker = Worker::new(capturing, packer, (parent, adopted), reports_in.clone())?;
            let inbox = inbox.clone();
            threads.push(scope.spawn(move || worker.run(&inbox)));
        }
        drop((inbox, reports_in));
        let collector = Collector::new(Packer::new(packing, outbox)?);
        let listed = list(vault, request, files, collector, (tasks, &reports, packing));
        let listed = listed.map_err(|error| packing.give_up(error)).ok();
        for thread in threads {
            if thread.join().is_err() {
                packing.give_up(Error::bug("a thread of the backup panicked"));
            }
        }
        match (packing.failure(), listed) {
            (None, Some(collected)) => Ok(collected),
            (failure, _) => Err(failure.unwrap_or_else(|| Error::bug("a backup failed without an error"))),
        }
    })?;
    Ok((collected, putting.finish()?))
}

fn list<'a>(
    vault: &'a Vault,
    request: &Request<'a>,
    files: &mut dyn Iterator<Item = Result<SourceFile>>,
    mut collector: Collector,
    (tasks, reports, packing): (Sender<Segment>, &Receiver<Report>, &Packing),
) -> Result<Collected> {
    let mut lookup = parent::Lookup::new(vault, request.parent)?;
    let stopped = || Error::transient("the workers of the backup have stopped");
    for (order, source) in files.enumerate() {
        let source = listed(source?)?;
        packing.go_on()?;
        request.progress.expect_bytes(source.size);
        let before = lookup.find(&source.path)?.filter(|before| usable(before, &source));
        let task = Arc::new(Task { order: order as u64, way: Task::way(&source), source, before });
        let segments = match task.source.kind {
            SourceKind::Directory | SourceKind::Link(_) => 0,
            _ => task.segments(),
        };
        collector.expect(&task, segments)?;
        for segment in 0..segments {
            // Reports are taken while we wait, so that no queue can fill up on both sides.
            let mut next = (task.clone(), segment);
            while let Err(full) = tasks.send_timeout(next, STEP) {
                if full.is_disconnected() {
                    return Err(stopped());
                }
                next = full.into_inner();
                reports.try_iter().try_for_each(|report| collector.take(report))?;
            }
        }
        reports.try_iter().try_for_each(|report| collector.take(report))?;
        while collector.in_flight() > IN_FLIGHT_MAX {
            match reports.recv_timeout(STEP) {
                Ok(report) => collector.take(report)?,
                // What a failed worker held is never reported: the others may be idle by now.
                Err(RecvTimeoutError::Timeout) => packing.go_on()?,
                Err(RecvTimeoutError::Disconnected) => return Err(stopped()),
            }
        }
    }
    drop(tasks);
    reports.iter().try_for_each(|report| collector.take(report))?;
    if collector.in_flight() > 0 {
        return Err(stopped());
    }
    collector.finish()
}

/// Refuses a folder that is being restored: it is not a database yet, and its marker would be taken for ours at restore.
fn listed(source: SourceFile) -> Result<SourceFile> {
    match source.path == MARKER {
        true => Err(Error::conflict(format!("{} marks an unfinished restore", source.location.display()))
            .hint("finish the restore, then take the backup")),
        false => Ok(source),
    }
}

fn custody_of(
    vault: &Vault,
    request: &Request,
    id: &BackupId,
    collected: &Collected,
    put: &[(PackName, u64)],
    closing: &Closing,
) -> Result<Custody> {
    let mut known: std::collections::HashMap<PackId, (PackName, u64)> =
        put.iter().map(|pack| (pack.0.id, *pack)).collect();
    if let Some(parent) = request.parent {
        known.extend(parent.custody.packs()?.into_iter().map(|pack| (pack.0.id, pack)));
    }
    known.extend(request.adopted.into_iter().flat_map(Adopted::packs).map(|pack| (pack.0.id, pack)));
    let unknown =
        || Error::bug("the catalog refers to a pack that was neither put, nor adopted, nor in the parent's custody");
    let packs: Vec<_> =
        collected.packs.iter().map(|id| known.get(id).copied().ok_or_else(unknown)).collect::<Result<_>>()?;
    let service = vault.repository.service().as_str();
    let mut custody = Custody::draft(service, request.engine, *id);
    if let Some(parent) = request.parent {
        custody.kind = BackupKind::Incremental;
        custody.parent = Some(parent.name.id);
        custody.full = parent.custody.full;
        custody.depth = parent.custody.depth + 1;
    }
    custody.set_packs(&packs);
    custody.sizes = Sizes {
        raw: collected.totals.raw,
        stored: packs.iter().map(|pack| pack.1).sum(),
        new: put.iter().map(|pack| pack.1).sum(),
        files: collected.totals.files,
    };
    (custody.started, custody.finished) = (closing.started, closing.finished);
    (custody.journal, custody.needs) = (closing.journal.clone(), closing.needs.clone());
    if !collected.totals.bad_pages.is_empty() {
        custody.flags.push("bad_pages".to_string());
    }
    if collected.totals.newest.0 > closing.stop.0 && closing.stop.0 > 0 {
        let (newest, path) = &collected.totals.newest;
        tracing::warn!(path, position = %Position(*newest), "a page is newer than the end of the backup");
        custody.flags.push("future_pages".to_string());
    }
    Ok(custody)
}
