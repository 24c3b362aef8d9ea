//! One journal object: a sealed range, a sealed history file.

use farshore_types::{Entropy, Error, Generation, Position, Result, SessionId, Timeline, Timestamp};
use serde::{Deserialize, Serialize};

use crate::format::seal::{FrameKind, ObjectKind, Opening, Place, Sealer, Squeeze};
use crate::names::{BLOCK_BYTES, HistoryName, JournalName, RangeName};
use crate::primitives::{Hash, check_hash, damaged};
use crate::repository::{Repository, Vault};

/// Raw bytes per frame of a range.
const LOG_FRAME_BYTES: usize = 1 << 20;

#[derive(Serialize, Deserialize, PartialEq, Eq)]
struct Plain {
    stream: String,
    timeline: Timeline,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    from: Option<Position>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    to: Option<Position>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    moment: Option<Timestamp>,
}

/// A range of log, ready to be sealed.
#[derive(Debug, Clone)]
pub struct Range<'a> {
    /// Which log.
    pub stream: &'a str,
    /// Which history of it.
    pub timeline: Timeline,
    /// Position of the first byte.
    pub from: Position,
    /// Its bytes; none for a mark.
    pub bytes: &'a [u8],
    /// The server's clock when everything up to here was known.
    pub moment: Timestamp,
}

/// Who seals.
#[derive(Debug, Clone, Copy)]
pub struct Writer {
    /// The writer's generation.
    pub generation: Generation,
    /// The writer's session.
    pub session: SessionId,
}

fn place(kind: ObjectKind, vault: &Vault, generation: Generation, session: SessionId) -> Place {
    Place { kind, number: 0, generation, session, repository: vault.repository.id() }
}

/// What the plain part of the object with this name must say.
fn plain_of(name: &JournalName) -> Plain {
    match name {
        JournalName::Range(range) => {
            let (from, to, moment) = (Some(range.from), Some(range.to), Some(range.moment));
            Plain { stream: range.stream.clone(), timeline: range.timeline, from, to, moment }
        }
        JournalName::History(history) => {
            let (stream, timeline) = (history.stream.clone(), history.timeline);
            Plain { stream, timeline, from: None, to: None, moment: None }
        }
    }
}

fn check_plain(name: &str, opening: &Opening, plain: &Plain) -> Result<()> {
    let found: Plain =
        serde_json::from_slice(opening.plain).map_err(|_| damaged(name, "its plain part does not parse"))?;
    match found == *plain {
        true => Ok(()),
        false => Err(damaged(name, "its plain part does not agree with its name")),
    }
}

/// Checks a whole journal object as far as that goes without a key: hash, header, plain part.
pub fn check_without_key(repository: &Repository, name: &JournalName, bytes: &[u8]) -> Result<()> {
    let text = name.to_string();
    check_hash(&text, name.hash(), bytes)?;
    let (kind, generation, session) = match name {
        JournalName::Range(range) => (ObjectKind::Journal, range.generation, range.session),
        JournalName::History(history) => (ObjectKind::History, history.generation, history.session),
    };
    let opening = Opening::parse(&text, bytes)?;
    opening.check_place(&text, &Place { kind, number: 0, generation, session, repository: repository.id() })?;
    check_plain(&text, &opening, &plain_of(name))
}

/// Seals a range: its name and bytes. Put it as it is, however often: sealing again makes another object.
pub fn seal_range(
    vault: &Vault,
    writer: Writer,
    range: &Range,
    squeeze: &mut Squeeze,
    entropy: &dyn Entropy,
) -> Result<(RangeName, Vec<u8>)> {
    let to = Position(range.from.0 + range.bytes.len() as u64);
    if !range.bytes.is_empty() && range.from.0 / BLOCK_BYTES != (to.0 - 1) / BLOCK_BYTES {
        return Err(Error::bug(format!("the range {} to {to} crosses a block of the journal", range.from)));
    }
    let (from, moment) = (Some(range.from), Some(range.moment));
    let plain = Plain { stream: range.stream.to_string(), timeline: range.timeline, from, to: Some(to), moment };
    let bytes = seal(vault, ObjectKind::Journal, writer, &plain, range.bytes, squeeze, entropy)?;
    let name = RangeName {
        stream: range.stream.to_string(),
        timeline: range.timeline,
        from: range.from,
        to,
        moment: range.moment,
        generation: writer.generation,
        session: writer.session,
        hash: Hash::of(&bytes),
    };
    Ok((name, bytes))
}

/// Seals a timeline's history file.
pub fn seal_history(
    vault: &Vault,
    writer: Writer,
    (stream, timeline): (&str, Timeline),
    content: &[u8],
    entropy: &dyn Entropy,
) -> Result<(HistoryName, Vec<u8>)> {
    let plain = Plain { stream: stream.to_string(), timeline, from: None, to: None, moment: None };
    let bytes = seal(vault, ObjectKind::History, writer, &plain, content, &mut Squeeze::new(1)?, entropy)?;
    let Writer { generation, session } = writer;
    Ok((HistoryName { stream: stream.to_string(), timeline, generation, session, hash: Hash::of(&bytes) }, bytes))
}

#[allow(clippy::too_many_arguments, reason = "the one place where both kinds of journal object are sealed")]
fn seal(
    vault: &Vault,
    kind: ObjectKind,
    writer: Writer,
    plain: &Plain,
    content: &[u8],
    squeeze: &mut Squeeze,
    entropy: &dyn Entropy,
) -> Result<Vec<u8>> {
    let plain = crate::format::catalog::json(plain)?;
    let place = place(kind, vault, writer.generation, writer.session);
    let mut sealer = Sealer::new(vault.root()?, &place, &plain, entropy, Vec::with_capacity(content.len() / 2 + 4096))?;
    let frames = content.chunks(LOG_FRAME_BYTES).collect::<Vec<_>>();
    for (at, frame) in frames.iter().enumerate() {
        sealer.add(FrameKind::Log, frame, at + 1 == frames.len(), squeeze)?;
    }
    if frames.is_empty() {
        sealer.add(FrameKind::Log, &[], true, squeeze)?;
    }
    Ok(sealer.finish())
}

fn open(vault: &Vault, place: &Place, name: &str, plain: &Plain, bytes: &[u8], out: &mut Vec<u8>) -> Result<()> {
    let opening = Opening::parse(name, bytes)?;
    check_plain(name, &opening, plain)?;
    let opener = opening.open(name, place, vault.root_of(opening.key_id(), name)?)?;
    opener.append_all(bytes, opening.frames_at, FrameKind::Log, out)
}

/// Opens a range: its log bytes are added to `out`. `bytes` are the whole object.
pub fn open_range(vault: &Vault, name: &RangeName, bytes: &[u8], out: &mut Vec<u8>) -> Result<()> {
    let text = name.to_string();
    check_hash(&text, name.hash, bytes)?;
    let place = place(ObjectKind::Journal, vault, name.generation, name.session);
    let (from, to, moment) = (Some(name.from), Some(name.to), Some(name.moment));
    let plain = Plain { stream: name.stream.clone(), timeline: name.timeline, from, to, moment };
    let before = out.len();
    open(vault, &place, &text, &plain, bytes, out)?;
    match (out.len() - before) as u64 == name.to.0 - name.from.0 {
        true => Ok(()),
        false => Err(damaged(&text, "it holds another number of bytes than its name says")),
    }
}

/// Opens a history file.
pub fn open_history(vault: &Vault, name: &HistoryName, bytes: &[u8]) -> Result<Vec<u8>> {
    let text = name.to_string();
    check_hash(&text, name.hash, bytes)?;
    let place = place(ObjectKind::History, vault, name.generation, name.session);
    let plain = Plain { stream: name.stream.clone(), timeline: name.timeline, from: None, to: None, moment: None };
    let mut content = Vec::new();
    open(vault, &place, &text, &plain, bytes, &mut content)?;
    Ok(content)
}
