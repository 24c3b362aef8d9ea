//! One stored object against its name: hash, header, signature, shape; with the keys, every frame too.

use farshore_types::Result;

use crate::format::manifest;
use crate::format::notes::{self, FenceNote, SessionNote, Tombstone};
use crate::format::seal::{ObjectKind, Opening, Place, Unsqueeze};
use crate::journal::object;
use crate::names::{
    BACKUPS, FENCES, FORMAT, FenceName, JOURNAL, JournalName, KEYS, ManifestName, NoteName, PACKS, PackName, SESSIONS,
    TOMBSTONES, WrapName,
};
use crate::primitives::{check_hash, damaged};
use crate::repository::{Repository, Vault};

/// Most bytes of a pack and of a journal object (docs/format.md, section 4).
pub const SEALED_BYTES_MAX: u64 = 20 << 20;

/// Most bytes that an object of this name can have; a larger one is not read.
pub fn bytes_max(name: &str) -> u64 {
    match name.starts_with(PACKS) || name.starts_with(JOURNAL) {
        true => SEALED_BYTES_MAX,
        false => manifest::MANIFEST_BYTES_MAX as u64,
    }
}

/// Checks stored bytes. `Ok` for a name that is not of this format: the listing has named it.
pub fn check(repository: &Repository, vault: Option<&Vault>, name: &str, bytes: &[u8]) -> Result<()> {
    let folder = name.split_inclusive('/').next().unwrap_or_default();
    match folder {
        FORMAT => {
            let again = Repository::open(repository.store().clone())?;
            match again.id() == repository.id() {
                true => Ok(()),
                false => Err(damaged(name, "it names another repository than before")),
            }
        }
        KEYS => check_hash(name, WrapName::parse(name)?.hash, bytes),
        PACKS => pack(repository, vault, &PackName::parse(name)?, bytes),
        BACKUPS => {
            let manifest = ManifestName::parse(name)?;
            manifest::open_custody(&manifest, bytes, repository.signing_key())?.packs()?;
            vault.map_or(Ok(()), |vault| vault.body(&manifest, bytes).map(drop))
        }
        JOURNAL => journal(repository, vault, &JournalName::parse(name)?, bytes),
        SESSIONS => notes::decode::<SessionNote>(name, NoteName::parse(SESSIONS, name)?.hash, bytes).map(drop),
        TOMBSTONES => notes::decode::<Tombstone>(name, NoteName::parse(TOMBSTONES, name)?.hash, bytes).map(drop),
        FENCES => {
            let fence = FenceName::parse(name)?;
            let note: FenceNote = notes::decode(name, fence.hash, bytes)?;
            match note.session == fence.session {
                true => Ok(()),
                false => Err(damaged(name, "it names another session than its name")),
            }
        }
        _ => Ok(()),
    }
}

fn pack(repository: &Repository, vault: Option<&Vault>, name: &PackName, bytes: &[u8]) -> Result<()> {
    let text = name.to_string();
    check_hash(&text, name.hash, bytes)?;
    let opening = Opening::parse(&text, bytes)?;
    let place = Place {
        kind: ObjectKind::Pack,
        number: name.id.number,
        generation: name.id.generation,
        session: name.id.session,
        repository: repository.id(),
    };
    let Some(vault) = vault else { return opening.check_place(&text, &place) };
    let opener = opening.open(&text, &place, vault.root_of(opening.key_id(), &text)?)?;
    opener.all(bytes, opening.frames_at, &mut Unsqueeze::new()?, &mut |_, _, _| Ok(()))
}

fn journal(repository: &Repository, vault: Option<&Vault>, name: &JournalName, bytes: &[u8]) -> Result<()> {
    match (vault, name) {
        (None, name) => object::check_without_key(repository, name, bytes),
        (Some(vault), JournalName::Range(range)) => object::open_range(vault, range, bytes, &mut Vec::new()),
        (Some(vault), JournalName::History(history)) => object::open_history(vault, history, bytes).map(drop),
    }
}
