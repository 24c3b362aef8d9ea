//! A log whose bytes follow from their positions, put into a repository range by range.

use std::collections::BTreeMap;

use farshore_objects::ObjectStore;
use farshore_types::{Entropy, Generation, Position, Result, SessionId, Timeline, Timestamp};
use farshore_vault::Vault;
use farshore_vault::backup::{Closing, Taken};
use farshore_vault::format::manifest::Needs;
use farshore_vault::format::seal::Squeeze;
use farshore_vault::journal::WAL;
use farshore_vault::names::ManifestName;

use super::Bench;
use farshore_vault::journal::object::{Range, Writer, seal_history, seal_range};

pub const WRITER: Writer = Writer { generation: Generation(1), session: SessionId([0xaa; 16]) };

/// The log's bytes from a position on.
pub fn bytes(timeline: u32, from: u64, count: u64) -> Vec<u8> {
    (from..from + count).map(|at| (at.wrapping_mul(2_654_435_761 + u64::from(timeline)) >> 11) as u8).collect()
}

/// Puts one range (a mark if `from` equals `to`); gives its name and size.
pub fn put(vault: &Vault, timeline: u32, range: (u64, u64), entropy: &dyn Entropy) -> (String, u64) {
    try_put(vault, timeline, range, entropy).unwrap()
}

/// As [`put`], into a store that may fail.
pub fn try_put(vault: &Vault, timeline: u32, (from, to): (u64, u64), entropy: &dyn Entropy) -> Result<(String, u64)> {
    let bytes = bytes(timeline, from, to - from);
    let moment = Timestamp::from_micros(to as i64 * 10);
    let range = Range { stream: WAL, timeline: Timeline(timeline), from: Position(from), bytes: &bytes, moment };
    let (name, sealed) = seal_range(vault, WRITER, &range, &mut Squeeze::new(1)?, entropy)?;
    let size = sealed.len() as u64;
    vault.repository.store().put_new(&name.to_string(), sealed.into())?;
    Ok((name.to_string(), size))
}

/// Puts the history file of a timeline.
pub fn put_history(vault: &Vault, timeline: u32, entropy: &dyn Entropy) -> (String, u64) {
    let content = format!("{timeline}");
    let (name, sealed) = seal_history(vault, WRITER, (WAL, Timeline(timeline)), content.as_bytes(), entropy).unwrap();
    let size = sealed.len() as u64;
    vault.repository.store().put_new(&name.to_string(), sealed.into()).unwrap();
    (name.to_string(), size)
}

/// A closing of a backup that needs this range, held by these objects.
pub fn closing(timeline: u32, (from, to): (u64, u64), journal: Vec<(String, u64)>) -> Closing {
    let (from, to) = (Position(from), Position(to));
    let needs = Some(Needs { stream: WAL.to_string(), timeline: Timeline(timeline), from, to });
    Closing { needs, journal, finished: Timestamp::from_micros(to.0 as i64 * 10), ..super::closing(to.0) }
}

/// Takes a backup that ends with this closing.
pub fn backup(bench: &Bench, start: u64, parent: Option<(&ManifestName, u64)>, closing: Closing) -> Taken {
    let mut closing = Some(closing);
    let mut files = bench.list().into_iter().map(Ok);
    bench.try_backup_of(&mut files, start, parent, &mut || Ok(closing.take().unwrap())).unwrap()
}

/// Every object of a store with its bytes.
pub fn objects(store: &dyn ObjectStore) -> BTreeMap<String, Vec<u8>> {
    let mut names = Vec::new();
    store
        .list("", &mut |info| {
            names.push(info.name);
            Ok(())
        })
        .unwrap();
    names.into_iter().map(|name| (name.clone(), store.get(&name).unwrap().to_vec())).collect()
}
