//! Reading single frames out of packs, with read-ahead.
//!
//! One [`FrameReader`] per thread. Memory: at most [`WINDOWS_MAX`] windows of the read-ahead size, and [`OPENERS_MAX`] keys.

use std::collections::{HashMap, VecDeque};

use bytes::Bytes;
use farshore_types::error::ErrorContext;
use farshore_types::{Error, Result};

use crate::format::manifest::Custody;
use crate::format::map::FrameRef;
use crate::format::seal::{FrameKind, HEADER_BYTES, ObjectKind, Opener, Opening, Place, Unsqueeze};
use crate::names::{PackId, PackName};
use crate::primitives::damaged;
use crate::repository::Vault;

/// Windows of read-ahead per reader: one for each backup of a chain, until the oldest is given up.
const WINDOWS_MAX: usize = 12;
/// Keys of packs kept per reader.
const OPENERS_MAX: usize = 512;
/// Bytes read ahead while content is read in order.
pub const READ_AHEAD: u64 = 1 << 20;

/// The packs of one backup, by id.
#[derive(Debug)]
pub struct PackTable {
    packs: HashMap<PackId, (PackName, u64)>,
}

impl PackTable {
    /// Of a custody; a pack that is named twice is damage.
    pub fn of(custody: &Custody) -> Result<PackTable> {
        let mut packs = HashMap::new();
        for (name, size) in custody.packs()? {
            if packs.insert(name.id, (name, size)).is_some() {
                return Err(Error::corrupt(format!("the custody names pack {} twice", name.short())));
            }
        }
        Ok(PackTable { packs })
    }

    /// Of these packs; one that is given twice is taken once.
    pub fn joined(packs: impl IntoIterator<Item = (PackName, u64)>) -> PackTable {
        PackTable { packs: packs.into_iter().map(|pack| (pack.0.id, pack)).collect() }
    }

    /// Name and size of a pack.
    pub fn get(&self, id: &PackId) -> Result<(PackName, u64)> {
        let missing = || {
            Error::corrupt(format!(
                "the backup refers to pack {} of session {}, which its custody does not name",
                id.number, id.session
            ))
        };
        self.packs.get(id).copied().ok_or_else(missing)
    }
}

struct Window {
    pack: PackId,
    at: u64,
    bytes: Bytes,
}

/// Reads frames of one backup.
pub struct FrameReader<'a> {
    vault: &'a Vault,
    packs: &'a PackTable,
    ahead: u64,
    openers: HashMap<PackId, Opener>,
    windows: VecDeque<Window>,
    unsqueeze: Unsqueeze,
}

impl<'a> FrameReader<'a> {
    /// `ahead` bytes are read at a time, or just the frame if it is 0.
    pub fn new(vault: &'a Vault, packs: &'a PackTable, ahead: u64) -> Result<FrameReader<'a>> {
        let unsqueeze = Unsqueeze::new()?;
        Ok(FrameReader { vault, packs, ahead, openers: HashMap::new(), windows: VecDeque::new(), unsqueeze })
    }

    /// The raw bytes of a frame, into `out`.
    pub fn read(&mut self, frame: &FrameRef, kind: FrameKind, out: &mut Vec<u8>) -> Result<()> {
        let (name, size) = self.packs.get(&frame.pack)?;
        self.prepare(&name)?;
        let end = u64::from(frame.offset) + u64::from(frame.stored);
        if end > size {
            return Err(damaged(&name.to_string(), "a frame that it should hold lies past its end"));
        }
        let stored = self.stored(&name, size, u64::from(frame.offset), end)?;
        let opener = self.openers.get(&frame.pack).ok_or_else(|| Error::bug("a pack's key is not prepared"))?;
        let header = opener.frame(&stored, &mut self.unsqueeze, out)?;
        if header.kind != kind || header.raw != frame.raw || header.number != frame.number {
            return Err(damaged(&name.to_string(), "a frame is not the one that is referred to"));
        }
        Ok(())
    }

    fn prepare(&mut self, name: &PackName) -> Result<()> {
        if self.openers.contains_key(&name.id) {
            return Ok(());
        }
        if self.openers.len() >= OPENERS_MAX {
            self.openers.clear();
        }
        let text = name.to_string();
        let start =
            self.vault.repository.store().get_range(&text, 0..HEADER_BYTES as u64 + 4).doing("read", "a pack")?;
        let opening = Opening::parse(&text, &start)?;
        let (repository, id) = (self.vault.repository.id(), name.id);
        let place = Place {
            kind: ObjectKind::Pack,
            number: id.number,
            generation: id.generation,
            session: id.session,
            repository,
        };
        let opener = opening.open(&text, &place, self.vault.root_of(opening.key_id(), &text)?)?;
        self.openers.insert(id, opener);
        Ok(())
    }

    fn stored(&mut self, name: &PackName, size: u64, from: u64, to: u64) -> Result<Bytes> {
        let covers = |window: &Window| {
            window.pack == name.id && window.at <= from && to <= window.at + window.bytes.len() as u64
        };
        if let Some(window) = self.windows.iter().position(covers).and_then(|place| self.windows.remove(place)) {
            let bytes = window.bytes.slice((from - window.at) as usize..(to - window.at) as usize);
            self.windows.push_front(window);
            return Ok(bytes);
        }
        let end = to.max((from + self.ahead).min(size));
        let bytes = self.vault.repository.store().get_range(&name.to_string(), from..end).doing("read", "a pack")?;
        let slice = bytes.slice(..(to - from) as usize);
        if end > to {
            // A newer window of the same pack replaces the older one: content is read in order.
            self.windows.retain(|window| window.pack != name.id);
            self.windows.truncate(WINDOWS_MAX - 1);
            self.windows.push_front(Window { pack: name.id, at: from, bytes });
        }
        Ok(slice)
    }
}
