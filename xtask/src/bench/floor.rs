//! The floor: what the same work costs when it is a loop and nothing else. Also the two small helpers that run as
//! processes of their own: making a restored tree durable, and comparing one with the source.
//!
//! Pack: read, check every page, drop pages that are older (incremental), zstd level 1, AES-256-GCM, write, fsync.
//! Unpack: the reverse. One thread per core. The key is thrown away with the process that packed... so it is fixed: this
//! protects nothing and is no format. Runs as `xtask bench-step …`, so that it is measured like any other tool.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use farshore_engines::postgresql::page::PAGE_8K;
use farshore_types::error::ErrorContext;
use farshore_types::{Error, PageState, Position, Result};

/// Raw bytes that are compressed and sealed together.
const CHUNK_BYTES: usize = 256 << 10;
/// Bytes of an output file before the next one is begun.
const PACK_BYTES: usize = 16 << 20;
/// Blocks in one file of a relation.
const FILE_BLOCKS: u64 = 131_072;
/// Bytes before each sealed chunk: number of the file, offset in it, raw and stored length.
const HEAD_BYTES: usize = 32;

/// Runs one step; `args` follow `bench-step`.
pub fn step(args: &[&str]) -> Result<()> {
    match args {
        ["pack", list, out, since] => pack(&paths(list)?, Path::new(out), since.parse()?),
        ["unpack", list, from, to] => unpack(&paths(list)?, Path::new(from), Path::new(to)),
        ["sync", folder] => sync(Path::new(folder)),
        _ => Err(Error::invalid(format!("no such step: {}", args.join(" ")))),
    }
}

fn paths(list: &str) -> Result<Vec<PathBuf>> {
    Ok(fs::read_to_string(list).doing("read", list)?.lines().map(PathBuf::from).collect())
}

fn threads() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

/// Runs `work` in one thread per core; the first error wins.
fn in_parallel(work: impl Fn() -> Result<()> + Sync) -> Result<()> {
    std::thread::scope(|scope| {
        let running: Vec<_> = (0..threads()).map(|_| scope.spawn(&work)).collect();
        let panicked = |_| Error::bug("a thread of the floor panicked");
        running.into_iter().try_for_each(|thread| thread.join().map_err(panicked).and_then(|done| done))
    })
}

fn key() -> Result<LessSafeKey> {
    let key = UnboundKey::new(&AES_256_GCM, &[7; 32]).map_err(|_| Error::bug("AES-256-GCM refused a 32-byte key"))?;
    Ok(LessSafeKey::new(key))
}

fn nonce(file: u64, at: u64) -> Nonce {
    let mut bytes = [0; 12];
    for (to, from) in bytes.iter_mut().zip((file << 40 | at).to_be_bytes().iter().rev()) {
        *to = *from;
    }
    Nonce::assume_unique_for_key(bytes)
}

/// What all packing threads share.
struct Packing<'a> {
    files: &'a [PathBuf],
    out: &'a Path,
    since: Position,
    next: AtomicUsize,
    packs: AtomicU64,
    bad: AtomicU64,
}

fn pack(files: &[PathBuf], out: &Path, since: Position) -> Result<()> {
    let (next, packs, bad) = (AtomicUsize::new(0), AtomicU64::new(0), AtomicU64::new(0));
    let packing = Packing { files, out, since, next, packs, bad };
    in_parallel(|| packing.work())?;
    match packing.bad.into_inner() {
        0 => sync_folder(out),
        bad => Err(Error::corrupt(format!("{bad} pages have a wrong checksum"))),
    }
}

impl Packing<'_> {
    fn work(&self) -> Result<()> {
        let mut zstd = zstd::bulk::Compressor::new(1).doing("start", "zstd")?;
        let (key, mut pack, mut raw) = (key()?, Vec::with_capacity(PACK_BYTES + 2 * CHUNK_BYTES), vec![0; CHUNK_BYTES]);
        loop {
            let number = self.next.fetch_add(1, Ordering::Relaxed);
            let Some(path) = self.files.get(number) else { break };
            let mut file = File::open(path).doing("open", path.display())?;
            let (first_block, mut at) = (first_block(path), 0);
            loop {
                let length = read_some(&mut file, &mut raw).doing("read", path.display())?;
                let taken = self.filter(&mut raw[..length], first_block, at);
                if taken > 0 {
                    append(&mut pack, &mut zstd, &key, (number as u64, at), &raw[..taken])?;
                }
                at += length as u64;
                if pack.len() >= PACK_BYTES {
                    self.put(&mut pack)?;
                }
                if length < raw.len() {
                    break;
                }
            }
        }
        self.put(&mut pack)
    }

    /// Checks the pages and moves those that are new enough to the front; gives how many bytes are taken.
    fn filter(&self, raw: &mut [u8], first_block: Option<u64>, at: u64) -> usize {
        let Some(first) = first_block.filter(|_| raw.len().is_multiple_of(PAGE_8K.size)) else { return raw.len() };
        let mut taken = 0;
        for index in 0..raw.len() / PAGE_8K.size {
            let (from, block) = (index * PAGE_8K.size, first + at / PAGE_8K.size as u64 + index as u64);
            let page = &raw[from..from + PAGE_8K.size];
            if (PAGE_8K.check)(page, u32::try_from(block).unwrap_or(u32::MAX)) == PageState::Bad {
                self.bad.fetch_add(1, Ordering::Relaxed);
            }
            if (PAGE_8K.changed_at)(page) >= self.since.0 {
                raw.copy_within(from..from + PAGE_8K.size, taken);
                taken += PAGE_8K.size;
            }
        }
        taken
    }

    fn put(&self, pack: &mut Vec<u8>) -> Result<()> {
        if pack.is_empty() {
            return Ok(());
        }
        let path = self.out.join(format!("{:08}", self.packs.fetch_add(1, Ordering::Relaxed)));
        let mut file = File::create(&path).doing("make", path.display())?;
        file.write_all(pack).and_then(|()| file.sync_all()).doing("write", path.display())?;
        pack.clear();
        Ok(())
    }
}

fn append(
    pack: &mut Vec<u8>,
    zstd: &mut zstd::bulk::Compressor<'_>,
    key: &LessSafeKey,
    (file, at): (u64, u64),
    raw: &[u8],
) -> Result<()> {
    let mut packed = zstd.compress(raw).doing("compress", "a chunk")?;
    key.seal_in_place_append_tag(nonce(file, at), Aad::empty(), &mut packed)
        .map_err(|_| Error::bug("AES-256-GCM refused to seal"))?;
    for number in [file, at, raw.len() as u64, packed.len() as u64] {
        pack.extend_from_slice(&number.to_be_bytes());
    }
    pack.extend_from_slice(&packed);
    Ok(())
}

/// The relation's block at which a file begins, if it is a file of pages (documentation, "Database File Layout").
fn first_block(path: &Path) -> Option<u64> {
    let text = path.to_str()?;
    let (_, name) = text.rsplit_once('/')?;
    let inside = ["/base/", "/global/"].iter().any(|folder| text.contains(folder));
    let (relation, part) = name.split_once('.').unwrap_or((name, "0"));
    let number = relation.split('_').next().is_some_and(|word| word.bytes().all(|byte| byte.is_ascii_digit()));
    part.parse::<u64>().ok().filter(|_| inside && number).map(|part| part * FILE_BLOCKS)
}

fn read_some(file: &mut File, buffer: &mut [u8]) -> std::io::Result<usize> {
    let mut filled = 0;
    while filled < buffer.len() {
        match file.read(&mut buffer[filled..])? {
            0 => break,
            count => filled += count,
        }
    }
    Ok(filled)
}

/// Opens a full pack again: chunks may come in any order, so files are written at offsets.
fn unpack(files: &[PathBuf], from: &Path, to: &Path) -> Result<()> {
    let packs = super::place::files_below(from)?;
    let (next, touched) = (AtomicUsize::new(0), Mutex::new(BTreeSet::new()));
    in_parallel(|| {
        let mut zstd = zstd::bulk::Decompressor::new().doing("start", "zstd")?;
        let key = key()?;
        while let Some(path) = packs.get(next.fetch_add(1, Ordering::Relaxed)) {
            let mut pack = fs::read(path).doing("read", path.display())?;
            let mut rest = pack.as_mut_slice();
            while !rest.is_empty() {
                let (file, after) = open_chunk(rest, &mut zstd, &key, files, to)?;
                rest = after;
                touched.lock().map_err(|_| Error::bug("a thread of the floor panicked"))?.insert(file);
            }
        }
        Ok(())
    })?;
    sync(to)
}

fn open_chunk<'a>(
    bytes: &'a mut [u8],
    zstd: &mut zstd::bulk::Decompressor<'_>,
    key: &LessSafeKey,
    files: &[PathBuf],
    to: &Path,
) -> Result<(u64, &'a mut [u8])> {
    use std::os::unix::fs::FileExt;
    let damaged = || Error::corrupt("a chunk of the floor is damaged");
    let (head, rest) = bytes.split_at_mut_checked(HEAD_BYTES).ok_or_else(damaged)?;
    let mut words = head.as_chunks::<8>().0.iter().map(|word| u64::from_be_bytes(*word));
    let mut word = || words.next().ok_or_else(damaged);
    let (file, at, raw, stored) = (word()?, word()?, word()? as usize, word()? as usize);
    let (sealed, rest) = rest.split_at_mut_checked(stored).ok_or_else(damaged)?;
    let packed = key.open_in_place(nonce(file, at), Aad::empty(), sealed).map_err(|_| damaged())?;
    let opened = zstd.decompress(packed, raw).doing("decompress", "a chunk")?;
    let name = files.get(file as usize).and_then(|path| path.to_str()).ok_or_else(damaged)?.replace('/', "_");
    let path = to.join(name);
    let out = File::options().create(true).truncate(false).write(true).open(&path).doing("make", path.display())?;
    out.write_all_at(&opened, at).doing("write", path.display())?;
    Ok((file, rest))
}

/// Makes every file and folder of a tree durable, for tools that do not do it themselves.
fn sync(folder: &Path) -> Result<()> {
    let files = super::place::files_below(folder)?;
    let next = AtomicUsize::new(0);
    in_parallel(|| {
        while let Some(path) = files.get(next.fetch_add(1, Ordering::Relaxed)) {
            File::open(path).and_then(|file| file.sync_all()).doing("make durable", path.display())?;
        }
        Ok(())
    })?;
    let inside = |file| Path::ancestors(file).skip(1).take_while(|above| above.starts_with(folder));
    let folders: BTreeSet<&Path> = files.iter().flat_map(|file| inside(file)).collect();
    folders.into_iter().try_for_each(sync_folder)
}

fn sync_folder(folder: &Path) -> Result<()> {
    File::open(folder).and_then(|folder| folder.sync_all()).doing("make durable", folder.display())
}

/// Pages of the given files, and how many of them changed at or after a position.
pub fn changed_pages(files: &[PathBuf], since: Position) -> Result<(u64, u64)> {
    let (mut pages, mut changed, mut raw) = (0, 0, vec![0; CHUNK_BYTES]);
    for path in files.iter().filter(|path| first_block(path).is_some()) {
        let mut file = File::open(path).doing("open", path.display())?;
        loop {
            let length = read_some(&mut file, &mut raw).doing("read", path.display())?;
            for page in raw[..length].chunks_exact(PAGE_8K.size) {
                pages += 1;
                changed += u64::from((PAGE_8K.changed_at)(page) >= since.0);
            }
            if length < raw.len() {
                break;
            }
        }
    }
    Ok((pages, changed))
}

/// Compares the relations of a restored tree with the source's: how many files are equal. The first that differs is an error.
pub fn compare(source: &Path, restored: &Path) -> Result<usize> {
    let (mut equal, mut ours, mut theirs) = (0, vec![0; CHUNK_BYTES], vec![0; CHUNK_BYTES]);
    for path in super::place::files_below(&source.join("base"))?.iter().filter(|path| first_block(path).is_some()) {
        let inside = path.strip_prefix(source).map_err(|_| Error::bug("a listing left its folder"))?;
        let other = restored.join(inside);
        let (mut left, mut right) =
            (File::open(path).doing("open", path.display())?, File::open(&other).doing("open", other.display())?);
        loop {
            let length = read_some(&mut left, &mut ours).doing("read", path.display())?;
            let other_length = read_some(&mut right, &mut theirs).doing("read", other.display())?;
            if ours[..length] != theirs[..other_length] {
                return Err(Error::corrupt(format!("{} differs from the source", other.display())));
            }
            if length < ours.len() {
                break;
            }
        }
        equal += 1;
    }
    Ok(equal)
}
