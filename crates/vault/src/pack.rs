//! Packs: frames gathered into objects of about 16 MiB, put by a few threads behind a short queue.
//!
//! Every worker fills a pack of its own. Memory: one pack per worker, one per putting thread, one waiting.
//! If we die before a manifest refers to them, packs are garbage that the sweep removes, or that a resumed backup adopts.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use crossbeam_channel::{Receiver, Sender, bounded};
use farshore_objects::ObjectStore;
use farshore_types::error::ErrorContext;
use farshore_types::{Entropy, Error, Generation, RepositoryId, Result, SessionId};

use crate::format::catalog;
use crate::format::index::{self, Completed, Origin};
use crate::format::map::FrameRef;
use crate::format::seal::{FrameKind, ObjectKind, Place, Sealer, Squeeze};
use crate::keys::RootKey;
use crate::names::{PackId, PackName};
use crate::primitives::Hash;

/// A pack is closed when it holds this much.
pub const PACK_BYTES: usize = 16 << 20;
/// A pack is closed when its index reaches this many bytes of JSON. What one frame completes comes on top, at most as much again.
pub const INDEX_BYTES: usize = 1 << 20;
/// Finished packs that may wait: none, a worker hands its pack to a putting thread that is free.
const QUEUE_PACKS: usize = 0;
/// Threads that put packs.
const PUTTING_THREADS: usize = 2;

/// What every pack of one session shares.
pub struct Packing<'a> {
    /// Seals them.
    pub root: &'a RootKey,
    /// Where they belong.
    pub repository: RepositoryId,
    /// The writer's generation.
    pub generation: Generation,
    /// The writer's session.
    pub session: SessionId,
    /// Draws salts.
    pub entropy: &'a dyn Entropy,
    /// Zstandard level.
    pub level: i32,
    /// Where the backup started; stands in every index.
    pub origin: Origin<'a>,
    numbers: AtomicU32,
    spares: Mutex<Vec<Vec<u8>>>,
    failed: AtomicBool,
    failure: Mutex<Option<Error>>,
}

impl<'a> Packing<'a> {
    /// For one session; the packs' numbers start at 0.
    pub fn new(
        root: &'a RootKey,
        (repository, generation, session): (RepositoryId, Generation, SessionId),
        entropy: &'a dyn Entropy,
        level: i32,
        origin: Origin<'a>,
    ) -> Self {
        Packing {
            root,
            repository,
            generation,
            session,
            entropy,
            level,
            origin,
            numbers: AtomicU32::new(0),
            spares: Mutex::default(),
            failed: AtomicBool::new(false),
            failure: Mutex::new(None),
        }
    }

    /// A buffer for a pack: one that was put already, or a new one. Packs are large: the allocator would keep freed ones for long.
    fn buffer(&self) -> Vec<u8> {
        let spare = self.spares.lock().ok().and_then(|mut spares| spares.pop());
        spare.unwrap_or_else(|| Vec::with_capacity(PACK_BYTES + 2 * INDEX_BYTES))
    }

    fn give_back(&self, buffer: Vec<u8>) {
        match self.spares.lock() {
            Ok(mut spares) if spares.len() < PUTTING_THREADS => spares.push(buffer),
            _ => {}
        }
    }

    /// Makes every part of the session stop at its next step. The first error is the one that is told: later ones follow from it.
    pub fn give_up(&self, error: Error) {
        self.failure.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(error);
        self.failed.store(true, Ordering::Release);
    }

    /// Fails once any part of the session has given up; called between steps.
    pub fn go_on(&self) -> Result<()> {
        match self.failed.load(Ordering::Acquire) {
            true => Err(Error::transient("another part of this backup has failed")),
            false => Ok(()),
        }
    }

    /// The error of the part that gave up first.
    pub fn failure(&self) -> Option<Error> {
        self.failure.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

struct Open {
    id: PackId,
    sealer: Sealer,
    completed: Vec<Completed>,
    index_bytes: usize,
}

/// Fills packs, one after the other.
pub struct Packer<'a> {
    packing: &'a Packing<'a>,
    outbox: Sender<(PackId, Vec<u8>)>,
    squeeze: Squeeze,
    open: Option<Open>,
}

impl<'a> Packer<'a> {
    /// A packer that hands finished packs to the putting threads.
    pub fn new(packing: &'a Packing<'a>, outbox: Sender<(PackId, Vec<u8>)>) -> Result<Packer<'a>> {
        Ok(Packer { packing, outbox, squeeze: Squeeze::new(packing.level)?, open: None })
    }

    /// What every part of the session shares.
    pub fn packing(&self) -> &'a Packing<'a> {
        self.packing
    }

    fn new_pack(&self) -> Result<Open> {
        let Packing { root, repository, generation, session, entropy, .. } = *self.packing;
        let number = self.packing.numbers.fetch_add(1, Ordering::Relaxed);
        let place = Place { kind: ObjectKind::Pack, number, generation, session, repository };
        let sealer = Sealer::new(root, &place, &[], entropy, self.packing.buffer())?;
        let id = PackId { generation, session, number };
        Ok(Open { id, sealer, completed: Vec::new(), index_bytes: 0 })
    }

    /// Seals one frame and says where it lies.
    pub fn add(&mut self, kind: FrameKind, raw: &[u8]) -> Result<FrameRef> {
        let full = |open: &Open| open.sealer.len() + raw.len() > PACK_BYTES || open.index_bytes > INDEX_BYTES;
        if self.open.as_ref().is_some_and(full) {
            self.close()?;
        }
        let mut open = match self.open.take() {
            Some(open) => open,
            None => self.new_pack()?,
        };
        let offset = open.sealer.len() as u32;
        let header = open.sealer.add(kind, raw, false, &mut self.squeeze)?;
        let stored = open.sealer.len() as u32 - offset;
        let frame = FrameRef { pack: open.id, offset, stored, raw: header.raw, number: header.number };
        self.open = Some(open);
        Ok(frame)
    }

    /// Notes in the pack's index that these segments of a file are complete, by the frame that was added last.
    pub fn completed(&mut self, completed: Completed) {
        if let Some(open) = &mut self.open {
            open.index_bytes += catalog::json_bytes(&completed.0);
            open.completed.push(completed);
        }
    }

    /// Closes the open pack, if any, and hands it over. Blocks while the queue is full.
    pub fn close(&mut self) -> Result<()> {
        let Some(mut open) = self.open.take() else { return Ok(()) };
        self.packing.go_on()?;
        let index = index::encode(&self.packing.origin, &open.completed)?;
        open.sealer.add(FrameKind::Index, &index, true, &mut self.squeeze)?;
        let gone = |_| Error::transient("the putting threads have stopped");
        self.outbox.send((open.id, open.sealer.finish())).map_err(gone)
    }
}

impl Drop for Packer<'_> {
    /// A part that panics must not leave the others waiting for it.
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.packing.give_up(Error::bug("a thread of the backup panicked"));
        }
    }
}

/// The putting threads' shared state.
pub struct Putting {
    store: Arc<dyn ObjectStore>,
    inbox: Receiver<(PackId, Vec<u8>)>,
    done: Mutex<Vec<(PackName, u64)>>,
}

impl Putting {
    /// A queue of finished packs and what empties it.
    pub fn new(store: Arc<dyn ObjectStore>) -> (Sender<(PackId, Vec<u8>)>, Putting) {
        let (outbox, inbox) = bounded(QUEUE_PACKS);
        (outbox, Putting { store, inbox, done: Mutex::new(Vec::new()) })
    }

    /// How many threads should call [`Putting::run`].
    pub fn threads() -> usize {
        PUTTING_THREADS
    }

    /// Puts packs until every sender is gone. After an error the senders are told to give up, and what they still send is dropped,
    /// so that none of them waits for ever.
    pub fn run(&self, packing: &Packing) {
        for (id, bytes) in &self.inbox {
            if let Err(error) = packing.go_on().and_then(|()| self.put(packing, id, bytes)) {
                packing.give_up(error);
            }
        }
    }

    fn put(&self, packing: &Packing, id: PackId, bytes: Vec<u8>) -> Result<()> {
        let name = PackName { id, hash: Hash::of(&bytes) };
        let size = bytes.len() as u64;
        let body = Bytes::from(bytes);
        self.store.put_new(&name.to_string(), body.clone()).doing("put", "a pack")?;
        if let Ok(mut buffer) = body.try_into_mut() {
            buffer.clear();
            packing.give_back(buffer.into());
        }
        self.done.lock().map_err(|_| Error::bug("a putting thread panicked"))?.push((name, size));
        Ok(())
    }

    /// The packs that were put, with their sizes.
    pub fn finish(self) -> Result<Vec<(PackName, u64)>> {
        self.done.into_inner().map_err(|_| Error::bug("a putting thread panicked"))
    }
}
