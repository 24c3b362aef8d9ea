//! Copying many objects in parallel, each hashed on its way.
//!
//! Memory: per worker one piece of at most [`PIECE_BYTES`], and the names that are to be there. Pieces that stay in the processor's
//! caches between reading, hashing and writing cost half of what whole objects do (docs/bench.md).

use std::collections::HashMap;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use farshore_objects::ObjectStore;
use farshore_types::error::ErrorContext;
use farshore_types::{Error, ErrorKind, Progress, Result};

use crate::names::{JOURNAL, PACKS};
use crate::primitives::{Hash, Hasher, check_hash, damaged, wrong_hash};

/// Larger objects are copied in pieces of this size; bytes.
const PIECE_BYTES: u64 = 512 << 10;

/// How to copy.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Threads that read and put.
    pub workers: usize,
    /// Bound on bytes read from the source per second, over all workers.
    pub bytes_per_second: Option<u64>,
}

impl Default for Settings {
    fn default() -> Self {
        Settings { workers: 4, bytes_per_second: None }
    }
}

/// What a copy did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Copied {
    /// Objects put, the manifest included.
    pub objects: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Objects that were there already.
    pub skipped: u64,
}

/// One object that has to be in the target.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted {
    /// Its full name, the same on both sides.
    pub name: String,
    /// Of its bytes.
    pub hash: Hash,
    /// Its size.
    pub size: u64,
}

/// Those that are not in the store, in the order given; one there with another size is damage.
pub fn absent(store: &dyn ObjectStore, wanted: &[Wanted]) -> Result<Vec<Wanted>> {
    let mut left: HashMap<&str, &Wanted> = wanted.iter().map(|wanted| (wanted.name.as_str(), wanted)).collect();
    for folder in [PACKS, JOURNAL] {
        if !left.keys().any(|name| name.starts_with(folder)) {
            continue;
        }
        store.list(folder, &mut |info| match left.remove(info.name.as_str()) {
            Some(wanted) if wanted.size != info.size => {
                let what = format!("it has {} bytes in the target instead of {}", info.size, wanted.size);
                Err(damaged(&info.name, &what))
            }
            _ => Ok(()),
        })?;
    }
    Ok(wanted.iter().filter(|wanted| left.contains_key(wanted.name.as_str())).cloned().collect())
}

/// Copies one object; its bytes must have the hash and size that are wanted.
pub fn copy_one(source: &dyn ObjectStore, target: &dyn ObjectStore, wanted: &Wanted) -> Result<u64> {
    match wanted.size {
        0..=PIECE_BYTES => copy_whole(source, target, wanted),
        _ => copy_in_pieces(source, target, wanted),
    }
    .doing("copy", &wanted.name)?;
    Ok(wanted.size)
}

fn copy_whole(source: &dyn ObjectStore, target: &dyn ObjectStore, wanted: &Wanted) -> Result<()> {
    let bytes = source.get(&wanted.name)?;
    check_size(wanted, bytes.len() as u64)?;
    check_hash(&wanted.name, wanted.hash, &bytes)?;
    target.put_new(&wanted.name, bytes)
}

/// The hash is known with the last piece. That piece is given only if it is right: the target has the whole object, or nothing.
fn copy_in_pieces(source: &dyn ObjectStore, target: &dyn ObjectStore, wanted: &Wanted) -> Result<()> {
    let Wanted { name, hash, size } = wanted;
    check_size(wanted, source.head(name)?.size)?;
    let (mut hasher, mut hashed) = (Hasher::new(), 0);
    target.put_pieces(name, *size, &mut |at| {
        if at == 0 {
            (hasher, hashed) = (Hasher::new(), 0);
        }
        if at != hashed {
            return Err(Error::bug(format!("a store asked for byte {at} of {name} after {hashed}")));
        }
        let piece = source.get_range(name, at..at.saturating_add(PIECE_BYTES).min(*size))?;
        hasher.update(&piece);
        hashed = hashed.saturating_add(piece.len() as u64);
        if hashed == *size && hasher.clone().finish() != *hash {
            return Err(wrong_hash(name));
        }
        Ok(piece)
    })
}

fn check_size(wanted: &Wanted, size: u64) -> Result<()> {
    match size == wanted.size {
        true => Ok(()),
        false => Err(damaged(&wanted.name, &format!("it has {size} bytes instead of {}", wanted.size))),
    }
}

/// Copies all of them in any order; stops at the first error. Gives objects and bytes that were put.
pub fn copy_all(
    source: &dyn ObjectStore,
    target: &dyn ObjectStore,
    wanted: &[Wanted],
    workers: usize,
    progress: &Progress,
) -> Result<Copied> {
    let next = Mutex::new(wanted.iter());
    let (bytes, stopped) = (AtomicU64::new(0), AtomicBool::new(false));
    let work = || -> Result<()> {
        while !stopped.load(Ordering::Relaxed) {
            progress.go_on()?;
            let Some(wanted) = next.lock().unwrap_or_else(PoisonError::into_inner).next() else { break };
            let size = copy_one(source, target, wanted)?;
            bytes.fetch_add(size, Ordering::Relaxed);
            progress.add_bytes(size);
        }
        Ok(())
    };
    let work = || work().inspect_err(|_| stopped.store(true, Ordering::Relaxed));
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..workers.clamp(1, wanted.len().max(1))).map(|_| scope.spawn(work)).collect();
        let panicked = |_| Error::bug("a thread of the copy panicked");
        let done = threads.into_iter().map(|thread| thread.join().map_err(panicked).and_then(|done| done));
        done.reduce(worse).unwrap_or(Ok(()))
    })?;
    Ok(Copied { objects: wanted.len() as u64, bytes: bytes.into_inner(), skipped: 0 })
}

/// Of two outcomes, the one that the caller must hear of: damage and absence before passing faults.
fn worse(first: Result<()>, second: Result<()>) -> Result<()> {
    let telling = |outcome: &Result<()>| match outcome {
        Ok(()) => 0,
        Err(error) if error.kind() == ErrorKind::Transient => 1,
        Err(_) => 2,
    };
    if telling(&second) > telling(&first) { second } else { first }
}
