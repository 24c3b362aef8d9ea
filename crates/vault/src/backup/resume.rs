//! Going on after a backup whose writer died: what it has put is adopted by the next one.
//!
//! The story: the dead session is fenced, so that a writer that was only stopped commits nothing any more ([`find`]); its packs are
//! listed and their indexes read; the new session names them in its `needs`, from then on no sweep deletes them; what a sweep may
//! have condemned before that is looked at once more, then the dead session is deleted ([`Found::adopt`]). Each segment that an index
//! speaks of is then judged as one of a parent that started where the dead backup started.
//!
//! Invariants: nothing is adopted from a session whose manifest is listed; a page keeps its place only if the caller believes the
//! positions of that start; an adopted segment refers only to packs that are adopted or in the parent's custody.
//!
//! If we die after the fence, the dead session is still announced and is found again. If we die after our own session is put, ours is
//! the dead one next time, and its `needs` lead to the packs of both.
//!
//! Memory: 24 bytes per adopted segment, and [`INDEXES_MAX`] indexes.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};

use farshore_types::error::ErrorContext;
use farshore_types::{Error, ErrorKind, Generation, Result, SessionId};
use serde_json::Value;

use super::capture::Before;
use crate::format::catalog::{Entry, Segment};
use crate::format::index::{self, Completed, Index};
use crate::format::map::FrameRef;
use crate::format::notes::{self, FenceNote, Purpose, SessionNote};
use crate::format::seal::{
    FRAME_HEADER_BYTES, FrameHeader, FrameKind, HEADER_BYTES, ObjectKind, Opener, Opening, Place, Unsqueeze,
};
use crate::names::{NoteName, PACKS, PackName, SESSIONS};
use crate::primitives::{Hash, damaged};
use crate::read::OpenBackup;
use crate::read::backup::{segment_length, segment_map};
use crate::read::frames::{FrameReader, PackTable};
use crate::repository::{Repository, Vault};

/// Packs that one backup adopts at most; the sweep removes the others.
pub const PACKS_MAX: usize = 50_000;
/// Bytes read first from the end of a pack: most indexes are small.
const TAIL_BYTES: u64 = 64 << 10;
/// Bytes that an index takes at most: twice `INDEX_BYTES` of the packer, and the facts.
const TAIL_BYTES_MAX: u64 = (2 << 20) + (64 << 10);
/// Decoded indexes kept for all workers: about one for each worker that the dead writer had, each at most 2 MiB.
const INDEXES_MAX: usize = 16;
/// Threads that read indexes.
const READING_THREADS: usize = 4;
/// Why a session is fenced, for people.
const REASON: &str = "its writer died, and a later backup goes on with its packs";

/// Where an index says that a segment is complete: hash of the path, number of the segment.
type Key = (u64, u32);

/// An adopted pack.
struct Pack {
    name: PackName,
    /// `None` if it is gone.
    size: Option<u64>,
    index: FrameRef,
    start: u64,
    believed: bool,
}

/// What dead writers have put, before it is ours.
pub struct Found {
    dead: Vec<NoteName>,
    packs: Vec<Pack>,
    places: HashMap<Key, u32>,
}

/// What dead writers have put and this backup may use.
pub struct Adopted {
    packs: Vec<Pack>,
    places: HashMap<Key, u32>,
    indexes: Mutex<VecDeque<(u32, Arc<Vec<Completed>>)>>,
}

/// Backups that were announced in an earlier generation and have neither committed nor taken their announcement back. Whether their writers
/// are dead the caller must know: adopting them makes sure of it.
pub fn unfinished(repository: &Repository, before: Generation) -> Result<Vec<SessionId>> {
    let committed: HashSet<_> = repository.backups()?.iter().map(|name| name.writer).collect();
    let mut found = Vec::new();
    for (name, note) in announced(repository)? {
        if note.purpose == Purpose::Backup && name.generation < before && !committed.contains(&name.session) {
            found.push(name.session);
        }
    }
    Ok(found)
}

fn announced(repository: &Repository) -> Result<Vec<(NoteName, SessionNote)>> {
    let mut found = Vec::new();
    for info in repository.listed(SESSIONS)? {
        let Ok(name) = NoteName::parse(SESSIONS, &info.name) else { continue };
        match repository.store().get(&info.name) {
            Err(error) if error.kind() == ErrorKind::Missing => {}
            bytes => found.push((name, notes::decode(&info.name, name.hash, &bytes.doing("read", "a session")?)?)),
        }
    }
    Ok(found)
}

/// Fences these sessions, whose writers are dead, and finds what they have put. `believe` is asked for each pack, with the start of its backup
/// and what its engine said then, whether page positions tell what has changed since.
pub fn find(vault: &Vault, dead: &[SessionId], believe: &mut dyn FnMut(u64, &Value) -> bool) -> Result<Found> {
    let repository = &vault.repository;
    let mut sessions = announced(repository)?;
    sessions.retain(|(name, note)| dead.contains(&name.session) && note.purpose == Purpose::Backup);
    let committed: HashSet<_> = repository.backups()?.iter().map(|name| name.writer).collect();
    // It died after its commit: there is a backup, and nothing to go on with.
    sessions.retain(|(name, _)| !committed.contains(&name.session));
    let mut found = Found { dead: Vec::new(), packs: Vec::new(), places: HashMap::new() };
    if sessions.is_empty() {
        return Ok(found);
    }
    let fenced = repository.fenced()?;
    for session in sessions.iter().map(|(name, _)| name.session).filter(|session| !fenced.contains(session)) {
        let (name, bytes) = notes::encode_fence(&FenceNote { session, reason: REASON.to_string() })?;
        repository.store().put_new(&name.to_string(), bytes.into()).doing("fence", session)?;
    }
    let mut indexed = indexes(vault, &left_by(repository, &sessions)?)?;
    // Of two that completed a segment the later one counts.
    indexed.sort_by_key(|indexed| (indexed.start, indexed.name.id));
    for Indexed { name, size, frame, start, facts, keys } in indexed {
        let place = found.packs.len() as u32;
        let believed = believe(start, &facts);
        found.packs.push(Pack { name, size: Some(size), index: frame, start, believed });
        found.places.extend(keys.into_iter().map(|key| (key, place)));
    }
    found.dead = sessions.into_iter().map(|(name, _)| name).collect();
    Ok(found)
}

/// The packs of these sessions, and those that they had adopted. Tombstones are read before the listing: one that is gone by then has
/// taken its packs with it.
fn left_by(repository: &Repository, sessions: &[(NoteName, SessionNote)]) -> Result<Vec<(PackName, u64)>> {
    let ids: HashSet<_> = sessions.iter().map(|(name, _)| name.session).collect();
    let needed: HashSet<_> =
        sessions.iter().flat_map(|(_, note)| &note.needs).filter_map(|name| PackName::parse(name).ok()).collect();
    let mut condemned = HashSet::new();
    repository.tombstones(&mut |_, tombstone| {
        condemned.extend(tombstone.packs.iter().filter_map(|name| PackName::parse(name).ok()));
        Ok(())
    })?;
    let mut packs = HashMap::new();
    let mut twice = HashSet::new();
    repository.store().list(PACKS, &mut |info| {
        let Ok(name) = PackName::parse(&info.name) else { return Ok(()) };
        let ours = ids.contains(&name.id.session) || needed.contains(&name);
        if ours
            && !condemned.contains(&name)
            && packs.len() < PACKS_MAX
            && packs.insert(name.id, (name, info.size)).is_some()
        {
            // A pack is found by its number: two of one number are of no use.
            twice.insert(name.id);
        }
        Ok(())
    })?;
    packs.retain(|id, _| !twice.contains(id));
    Ok(packs.into_values().collect())
}

/// What a pack's index says.
struct Indexed {
    name: PackName,
    size: u64,
    frame: FrameRef,
    start: u64,
    facts: Value,
    keys: Vec<Key>,
}

/// Reads the indexes of all these packs; one that does not open is left out.
fn indexes(vault: &Vault, packs: &[(PackName, u64)]) -> Result<Vec<Indexed>> {
    let share = packs.len().div_ceil(READING_THREADS).max(1);
    std::thread::scope(|scope| {
        let threads: Vec<_> = packs.chunks(share).map(|packs| scope.spawn(|| some_indexes(vault, packs))).collect();
        let mut found = Vec::new();
        for thread in threads {
            found.extend(thread.join().map_err(|_| Error::bug("a thread that reads indexes panicked"))??);
        }
        Ok(found)
    })
}

fn some_indexes(vault: &Vault, packs: &[(PackName, u64)]) -> Result<Vec<Indexed>> {
    let mut un = Unsqueeze::new()?;
    let mut found = Vec::new();
    for &(name, size) in packs {
        let Some((frame, index)) = tolerated(index_of(vault, &name, size, &mut un))? else { continue };
        let keys = index.completed.iter().flat_map(|(entry, at)| at.iter().map(|number| key(&entry.path, *number)));
        let (keys, start, facts) = (keys.collect(), index.start, index.facts);
        found.push(Indexed { name, size, frame, start, facts, keys });
    }
    Ok(found)
}

/// What is missing, damaged or sealed with another key is taken from the source again.
fn tolerated<T>(outcome: Result<T>) -> Result<Option<T>> {
    match outcome {
        Ok(value) => Ok(Some(value)),
        Err(error) if matches!(error.kind(), ErrorKind::Missing | ErrorKind::Corrupt | ErrorKind::Denied) => {
            tracing::info!(%error, "a pack of a dead backup is not adopted");
            Ok(None)
        }
        Err(error) => Err(error),
    }
}

fn key(path: &str, number: u32) -> Key {
    let [a, b, c, d, e, f, g, h, ..] = Hash::of(path.as_bytes()).0;
    (u64::from_be_bytes([a, b, c, d, e, f, g, h]), number)
}

/// Finds and opens the last frame of a pack. Nothing says where it starts: a header that makes it end where the object ends may be one, and
/// opening proves it.
fn index_of(vault: &Vault, name: &PackName, size: u64, un: &mut Unsqueeze) -> Result<(FrameRef, Index)> {
    let text = name.to_string();
    let store = vault.repository.store();
    let least = HEADER_BYTES as u64 + 4;
    if size <= least {
        return Err(damaged(&text, "it is too short"));
    }
    let start = store.get_range(&text, 0..least).doing("read", "a pack")?;
    let opening = Opening::parse(&text, &start)?;
    let (number, generation, session) = (name.id.number, name.id.generation, name.id.session);
    let place = Place { kind: ObjectKind::Pack, number, generation, session, repository: vault.repository.id() };
    let opener = opening.open(&text, &place, vault.root_of(opening.key_id(), &text)?)?;
    let mut raw = Vec::new();
    for bytes in [TAIL_BYTES, TAIL_BYTES_MAX] {
        let from = size.saturating_sub(bytes).max(least);
        let tail = store.get_range(&text, from..size).doing("read", "a pack")?;
        if let Some((at, header)) = last_frame(&opener, &tail, un, &mut raw) {
            let offset = u32::try_from(from + at as u64).map_err(|_| damaged(&text, "it is too long"))?;
            let stored = header.stored + FRAME_HEADER_BYTES as u32;
            let frame = FrameRef { pack: name.id, offset, stored, raw: header.raw, number: header.number };
            return Ok((frame, index::decode(&raw)?));
        }
        if from == least {
            break;
        }
    }
    Err(damaged(&text, "it does not end in an index"))
}

fn last_frame(opener: &Opener, tail: &[u8], un: &mut Unsqueeze, raw: &mut Vec<u8>) -> Option<(usize, FrameHeader)> {
    for at in (0..tail.len().saturating_sub(FRAME_HEADER_BYTES)).rev() {
        let stored = tail.get(at..)?;
        let header = stored.get(..FRAME_HEADER_BYTES).filter(|head| head[8] == FrameKind::Index as u8);
        let header = header.and_then(FrameHeader::decode);
        let reaches = |header: &FrameHeader| header.last && header.stored as usize + FRAME_HEADER_BYTES == stored.len();
        if let Some(header) = header.filter(reaches)
            && opener.frame(stored, un, raw).is_ok()
        {
            return Some((at, header));
        }
    }
    None
}

impl Found {
    /// What the session that adopts must announce as its `needs`.
    pub fn needs(&self) -> Vec<String> {
        self.packs.iter().map(|pack| pack.name.to_string()).collect()
    }

    /// Takes over, once the session that announces [`Found::needs`] is put. `Busy` if a sweep has condemned something meanwhile: end
    /// that session and begin again. Deletes the dead sessions last: until then they are found again.
    pub fn adopt(mut self, repository: &Repository) -> Result<Adopted> {
        if self.dead.is_empty() {
            return Ok(Adopted { packs: Vec::new(), places: HashMap::new(), indexes: Mutex::default() });
        }
        if let Some(name) = repository.condemned_of(&self.needs())? {
            return Err(Error::busy(format!("a sweep is about to delete {name}, which is needed")).hint("try again"));
        }
        let mut sizes = HashMap::new();
        let ours: HashSet<_> = self.packs.iter().map(|pack| pack.name).collect();
        repository.store().list(PACKS, &mut |info| {
            sizes.extend(
                PackName::parse(&info.name).ok().filter(|name| ours.contains(name)).map(|name| (name, info.size)),
            );
            Ok(())
        })?;
        for pack in &mut self.packs {
            pack.size = sizes.get(&pack.name).copied();
        }
        self.dead.iter().try_for_each(|name| repository.store().delete(&name.to_string()))?;
        Ok(Adopted { packs: self.packs, places: self.places, indexes: Mutex::default() })
    }
}

impl Adopted {
    /// The packs, with their sizes.
    pub fn packs(&self) -> impl Iterator<Item = (PackName, u64)> + '_ {
        self.packs.iter().filter_map(|pack| Some((pack.name, pack.size?)))
    }

    /// All that an adopted segment may refer to.
    pub(super) fn table(&self, parent: Option<&OpenBackup>) -> Result<PackTable> {
        let parents = parent.map(|parent| parent.custody.packs()).transpose()?.unwrap_or_default();
        Ok(PackTable::joined(self.packs().chain(parents)))
    }

    /// For one worker.
    pub(super) fn lookup<'a>(&'a self, vault: &'a Vault, table: &'a PackTable) -> Result<Lookup<'a>> {
        Ok(Lookup { adopted: self, table, reader: FrameReader::new(vault, table, 0)? })
    }

    fn cached(&self, place: u32) -> Option<Arc<Vec<Completed>>> {
        let mut indexes = self.indexes.lock().unwrap_or_else(PoisonError::into_inner);
        let at = indexes.iter().position(|(cached, _)| *cached == place)?;
        let index = indexes.remove(at)?;
        let completed = index.1.clone();
        indexes.push_front(index);
        Some(completed)
    }

    fn cache(&self, place: u32, completed: &Arc<Vec<Completed>>) {
        let mut indexes = self.indexes.lock().unwrap_or_else(PoisonError::into_inner);
        indexes.truncate(INDEXES_MAX - 1);
        indexes.push_front((place, completed.clone()));
    }
}

/// A segment that a dead writer has put.
pub(super) struct Earlier {
    /// Its file, with this segment only.
    pub entry: Entry,
    /// Whether page positions tell what has changed since.
    pub believed: bool,
    /// Where that backup started.
    pub since: u64,
    segment: Segment,
}

/// Looks segments up, for one worker.
pub(super) struct Lookup<'a> {
    adopted: &'a Adopted,
    table: &'a PackTable,
    reader: FrameReader<'a>,
}

impl Lookup<'_> {
    /// Segment `number` of a path.
    pub fn find(&mut self, path: &str, number: u32) -> Result<Option<Earlier>> {
        let Some(&place) = self.adopted.places.get(&key(path, number)) else { return Ok(None) };
        let Some(pack) = self.adopted.packs.get(place as usize).filter(|pack| pack.size.is_some()) else {
            return Ok(None);
        };
        let completed = match self.adopted.cached(place) {
            Some(completed) => completed,
            None => {
                let mut raw = Vec::new();
                let read = self.reader.read(&pack.index, FrameKind::Index, &mut raw);
                let Some(index) = tolerated(read.and_then(|()| index::decode(&raw)))? else { return Ok(None) };
                let completed = Arc::new(index.completed);
                self.adopted.cache(place, &completed);
                completed
            }
        };
        // Of two in one pack the later one counts; both are right.
        let of_path = completed.iter().rev().filter(|(entry, _)| entry.path == path);
        let mut segments = of_path.filter_map(|(entry, at)| {
            let place = at.iter().position(|at| *at == number)?;
            Some((entry, *entry.segments.get(place)?))
        });
        Ok(segments.next().map(|(entry, segment)| {
            let entry = Entry { segments: vec![segment], ..entry.clone() };
            Earlier { entry, believed: pack.believed, since: pack.start, segment }
        }))
    }

    /// The segment with its map, if all that it refers to is there.
    pub fn before(&mut self, earlier: &Earlier, number: u32) -> Result<Option<Before>> {
        let length = segment_length(&earlier.entry, number as usize);
        // A file that shrank while it was read has another length than its entry says.
        let map = tolerated(segment_map(&earlier.segment, length, &mut self.reader))?;
        let bad_blocks = earlier.entry.bad_blocks.clone();
        let before = map.map(|map| Before { since: earlier.since, segment: earlier.segment, map, bad_blocks });
        Ok(before.filter(|before| before.packs().iter().all(|pack| self.table.get(pack).is_ok())))
    }
}
