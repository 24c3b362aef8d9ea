//! Archiving the log: from a physical replication slot into the journal, within seconds.
//!
//! One thread receives and cuts ranges; a [`Shipper`] seals and puts them in order. The server is told "flushed" only for what is
//! durable in the store, so after a crash of any side it still has what the store lacks. A dead store fills the short queue; then
//! we stop reading, go on sending status messages, and the slot's bound (`max_slot_wal_keep_size`) decides, not we.
//! If we die, the next run goes on where the listing ends. If the server has thrown away what we need, the journal is broken there:
//! it is said in the horizon and counted in `breaks`, and a new full backup is due. The same if the server's log turns out not to be
//! the one that was archived; then a new stream is begun, so that no position ever has two contents.

mod receive;
mod settings;
mod task;

use std::sync::atomic::Ordering;
use std::time::Duration;

use farshore_engines::postgresql::history::History;
use farshore_engines::postgresql::replication::{Event, Identity, Replication, Stream};
use farshore_engines::postgresql::slot::{self, WalStatus};
use farshore_engines::postgresql::wire::{Connection, sqlstate};
use farshore_types::{Error, ErrorKind, Position, Result, Timeline};
use farshore_vault::journal::chains::{self, Chains};
use farshore_vault::journal::object::seal_history;
use farshore_vault::journal::ship::{Durable, Horizon, Settings as Shipping, Shipper};

use self::receive::Receiving;
use self::settings::STATUS_PAUSE;
pub use self::task::{ArchiveLog, Place};

/// A range is shipped at least this often while there is log.
pub const INTERVAL: Duration = Duration::from_secs(2);
/// Bytes of log that are compared before the journal is continued.
const PROOF_BYTES: u64 = 64 << 10;
/// How long the server may take to send them.
const PROOF_PATIENCE: Duration = Duration::from_secs(60);
/// Pause before a broken connection is made again.
const RECONNECT_PAUSE: Duration = Duration::from_secs(1);

/// Pause before something is tried again that somebody must mend first.
const MENDING_PAUSE: Duration = Duration::from_secs(5);
/// How often a pause looks whether we are asked to stop.
const STOP_LOOK: Duration = Duration::from_millis(200);
/// SQLSTATE: the role lacks a right (PostgreSQL documentation, "PostgreSQL Error Codes").
const INSUFFICIENT_PRIVILEGE: &str = "42501";

/// Where the next stream starts.
enum Next {
    /// Where the journal ends.
    Found,
    /// Here.
    At(Place),
    /// After a break: where the server's log ends.
    Anew,
}

/// How one stream ended.
enum Ended {
    /// We were asked to stop, or the wanted position is reached.
    Done,
    /// The server went on to another timeline.
    Timeline(Place),
}

impl ArchiveLog {
    /// Archives until asked to stop, through restarts of the server and its timelines, and through every error that somebody may mend
    /// meanwhile: it is shown as trouble until then. Fails only for what no retry can mend, see [`is_final`].
    pub fn run(&self) -> Result<()> {
        let mut next = Next::Found;
        while self.stop.go_on().is_ok() {
            let pause = match self.attempt(&mut next) {
                Ok(()) => return Ok(()),
                Err(error) if matches!(error.kind(), ErrorKind::Transient | ErrorKind::Busy) => {
                    tracing::info!(%error, "the log stream is interrupted");
                    self.horizon.change(|durable| durable.trouble = Some(error.to_string()));
                    RECONNECT_PAUSE
                }
                Err(error) if error.kind() == ErrorKind::Missing => {
                    tracing::warn!(%error, "the journal is broken: the server no longer has the log that is missing");
                    self.broken(&error);
                    next = Next::Anew;
                    RECONNECT_PAUSE
                }
                Err(error) if error.kind() == ErrorKind::Corrupt => {
                    tracing::warn!(%error, "the journal is broken: a new one is begun");
                    let begun = chains::next_stream(&self.stream, &self.stream())?;
                    self.horizon.change(|durable| durable.stream = Some(begun));
                    self.broken(&error);
                    next = Next::Anew;
                    RECONNECT_PAUSE
                }
                Err(error) => {
                    let text = error.to_string();
                    let told = self.horizon.now().trouble.as_ref() == Some(&text);
                    self.horizon.change(|durable| durable.trouble = Some(text));
                    if is_final(&error) {
                        return Err(error);
                    }
                    if !told {
                        tracing::error!(%error, "the log is not archived; this is tried again until it is mended");
                    }
                    MENDING_PAUSE
                }
            };
            self.rest(pause);
        }
        Ok(())
    }

    /// Pauses, but not longer than until we are asked to stop.
    fn rest(&self, pause: Duration) {
        let until = self.clock.monotonic().saturating_add(pause);
        while self.stop.go_on().is_ok() && self.clock.monotonic() < until {
            self.clock.pause(STOP_LOOK.min(pause));
        }
    }

    fn broken(&self, error: &Error) {
        self.horizon.change(|durable| durable.trouble = Some(format!("the journal is broken: {error}")));
        self.breaks.fetch_add(1, Ordering::Relaxed);
    }

    /// The stream that is archived into.
    fn stream(&self) -> String {
        self.horizon.now().stream.unwrap_or_else(|| self.stream.clone())
    }

    /// Archives one stretch on one timeline, up to a position that is already flushed on the server.
    pub fn stretch(&self, place: Place, until: Position) -> Result<()> {
        match self.receive(place, Some(until))? {
            Ended::Done => Ok(()),
            Ended::Timeline(_) => Err(Error::conflict("the server changed its timeline").hint("take a new backup")),
        }
    }

    fn attempt(&self, next: &mut Next) -> Result<()> {
        loop {
            let from = match *next {
                Next::At(place) => place,
                Next::Anew => self.anew()?,
                Next::Found => self.find_place()?,
            };
            *next = Next::Found;
            match self.receive(from, None)? {
                Ended::Done => return Ok(()),
                Ended::Timeline(place) => *next = Next::At(place),
            }
        }
    }

    fn replication(&self) -> Result<(Replication, Identity)> {
        let mut replication = Replication::connect(&self.server, self.clock.clone())?;
        let identity = replication.identify()?;
        Ok((replication, identity))
    }

    /// Where the journal ends, if the server's history goes on from there; else the oldest log that the server keeps for us.
    fn find_place(&self) -> Result<Place> {
        let kept = self.keep_log()?;
        let (mut replication, identity) = self.replication()?;
        let found = chains::list(&self.vault.repository, &self.stream())?;
        let history = match identity.timeline {
            Timeline(1) => History::first(),
            timeline => History::parse(timeline, &replication.timeline_history(timeline)?.content)?,
        };
        replication.close();
        if let Some(place) = goes_on(&found, &history, &identity)? {
            self.prove(place)?;
            return Ok(place);
        }
        let oldest = kept.unwrap_or(identity.flushed).min(identity.flushed);
        let size = self.segment_bytes()?;
        let from = oldest.aligned_down(size);
        // A segment in which timelines began is sure to be there under the newest of them only.
        Ok(Place { timeline: history.timeline_at(Position(from.0.saturating_add(size - 1))), from })
    }

    /// No server recovers along a timeline whose history it cannot read: it is kept before any log of that timeline.
    fn keep_history(&self, replication: &mut Replication, timeline: Timeline) -> Result<()> {
        let stream = self.stream();
        if timeline == Timeline(1) || self.vault.history(&stream, timeline)?.is_some() {
            return Ok(());
        }
        let history = replication.timeline_history(timeline)?;
        let about = (stream.as_str(), timeline);
        let sealed = seal_history(&self.vault, self.writer, about, &history.content, self.entropy.as_ref())?;
        self.vault.repository.store().put_new(&sealed.0.to_string(), sealed.1.into())
    }

    /// Proves that the server's log is the one that was archived, by its last bytes: data that was put back to an older state repeats
    /// positions with other content. Nothing is proven at the beginning of a segment, or if the server no longer has those bytes.
    fn prove(&self, place: Place) -> Result<()> {
        let size = self.segment_bytes()?;
        let start = place.from.aligned_down(size);
        if start == place.from {
            return Ok(());
        }
        let Ok(archived) = self.vault.log_segment(&self.stream(), place.timeline, start, size)? else { return Ok(()) };
        let from = Position(start.0.max(place.from.0.saturating_sub(PROOF_BYTES)));
        let (replication, _) = self.replication()?;
        let mut stream = match replication.start(None, from, place.timeline) {
            Err(error) if error.kind() == ErrorKind::Missing => return Ok(()),
            started => started?,
        };
        let until = self.clock.monotonic() + PROOF_PATIENCE;
        while self.clock.monotonic() < until && self.stop.go_on().is_ok() {
            let Event::Wal { start: at, bytes, .. } = stream.next(STATUS_PAUSE)? else { continue };
            let known = (place.from.0 - at.0).min(bytes.len() as u64) as usize;
            let offset = (at.0 - start.0) as usize;
            if archived.bytes.get(offset..offset + known) != bytes.get(..known) {
                return Err(parted(&format!("its bytes before {} are others", place.from)));
            }
            if at.0 + bytes.len() as u64 >= place.from.0 {
                return stream.stop().map(Replication::close);
            }
        }
        Err(Error::transient("the server does not send the log that it should have"))
    }

    /// Makes the slot if it is missing. Gives the oldest position that the server keeps because of it.
    fn keep_log(&self) -> Result<Option<Position>> {
        let Some(name) = &self.slot else { return Ok(None) };
        let mut connection = Connection::connect(&self.server, self.clock.clone())?;
        let kept = match slot::read(&mut connection, name)? {
            Some(slot) if slot.status == WalStatus::Lost => {
                slot::remove(&mut connection, name)?;
                slot::create(&mut connection, name)?;
                return Err(Error::missing(format!("the server has given up slot {name} and thrown its log away")));
            }
            Some(slot) => slot.restart,
            None => Some(slot::create(&mut connection, name)?),
        };
        connection.close();
        Ok(kept)
    }

    /// After a break: from the beginning of the current block of log.
    fn anew(&self) -> Result<Place> {
        self.keep_log().or_else(|error| if error.kind() == ErrorKind::Missing { Ok(None) } else { Err(error) })?;
        let (replication, identity) = self.replication()?;
        replication.close();
        Ok(Place { timeline: identity.timeline, from: identity.flushed.aligned_down(self.segment_bytes()?) })
    }

    /// Recovery reads whole segments: a stretch starts at the beginning of one. The server has no log before its oldest segment, so
    /// no other unit of ours may be aligned down to.
    fn segment_bytes(&self) -> Result<u64> {
        let mut connection = Connection::connect(&self.server, self.clock.clone())?;
        let text = connection.one_value("SELECT setting FROM pg_settings WHERE name = 'wal_segment_size'")?;
        connection.close();
        let bytes: Option<u64> = text.and_then(|text| text.parse().ok()).filter(|bytes: &u64| bytes.is_power_of_two());
        bytes.ok_or_else(|| Error::invalid("the server does not say wal_segment_size"))
    }

    /// Streams one timeline until it ends, `until` is durable, or we are asked to stop.
    fn receive(&self, place: Place, until: Option<Position>) -> Result<Ended> {
        let (mut replication, _) = self.replication()?;
        self.keep_history(&mut replication, place.timeline)?;
        let started = replication.start(self.slot.as_deref(), place.from, place.timeline);
        let mut stream = started.map_err(in_use)?;
        self.horizon.change(|durable| {
            (durable.position, durable.timeline, durable.trouble) = (place.from, place.timeline.0, None);
        });
        let shipper = Shipper {
            vault: &self.vault,
            writer: self.writer,
            settings: Shipping { stream: self.stream(), workers: self.workers, level: 1 },
            horizon: &self.horizon,
            stop: &self.stop,
            clock: self.clock.as_ref(),
            entropy: self.entropy.as_ref(),
        };
        let (sender, inbox) = Shipper::queue();
        std::thread::scope(|scope| {
            let shipping = scope.spawn(|| shipper.run(inbox));
            let mut receiver = Receiving::new(self, place, sender, until);
            let received = receiver.run(&mut stream);
            drop(receiver);
            let shipped = shipping.join().map_err(|_| Error::bug("the shipper panicked")).and_then(|done| done);
            let ended = shipped.and(received)?;
            self.leave(stream, ended)
        })
    }

    /// Everything received is durable: tell the server, and learn what comes next.
    fn leave(&self, mut stream: Stream, ended: Option<(Timeline, Position)>) -> Result<Ended> {
        let durable = self.horizon.now();
        let Some((timeline, switch)) = ended else {
            if self.slot.is_some() {
                stream.confirm(durable.position, durable.position)?;
            }
            return Ok(Ended::Done);
        };
        stream.stop()?.close();
        // Recovery along the new timeline reads the segment of the switch from its beginning.
        Ok(Ended::Timeline(Place { timeline, from: switch.aligned_down(self.segment_bytes()?) }))
    }
}

/// What stays as it is however often it is tried: our role lacks a right, or the program is wrong.
/// A password that is refused is none of these: it may have been changed for a while.
fn is_final(error: &Error) -> bool {
    match error.kind() {
        ErrorKind::Bug => true,
        ErrorKind::Denied => sqlstate(error) == Some(INSUFFICIENT_PRIVILEGE),
        _ => false,
    }
}

/// A slot that is in use is perhaps held by a stream of ours that broke off and that the server has not given up yet: it passes.
fn in_use(error: Error) -> Error {
    match error.kind() {
        ErrorKind::Conflict => error.with_kind(ErrorKind::Busy),
        _ => error,
    }
}

/// The server's log and the journal are two different logs from somewhere on, under the same positions of the same timeline.
fn parted(what: &str) -> Error {
    Error::corrupt(format!("the server's log has parted from the journal: {what}"))
        .hint("its data was put back to an older state without a new timeline")
}

/// Where to go on from what is archived: at the end of the newest stretch that lies in the server's past, or where the server left a
/// timeline of which more is archived (it was put back, and promoted).
fn goes_on(found: &Chains, history: &History, identity: &Identity) -> Result<Option<Place>> {
    let past = |timeline, position| timeline == history.timeline() || history.contains(timeline, position);
    let ended = found.chains.iter().rev().find(|chain| past(chain.timeline, chain.to));
    let ended = ended.map(|chain| Place { timeline: chain.timeline, from: chain.to });
    let left = history.switches().iter().rev().find(|switch| found.covering(switch.timeline, switch.at).is_some());
    let left = left.map(|switch| Place { timeline: switch.timeline, from: switch.at });
    let newest = ended.into_iter().chain(left).max_by_key(|place| (place.timeline, place.from));
    match newest {
        Some(place) if place.timeline == identity.timeline && place.from > identity.flushed => {
            let what = format!("the server stands at {}, behind the journal's end {}", identity.flushed, place.from);
            Err(parted(&what))
        }
        newest => Ok(newest),
    }
}

impl ArchiveLog {
    /// Waits until everything before `position` of `timeline` is durable.
    pub fn await_durable(horizon: &Horizon, timeline: Timeline, position: Position, patience: Duration) -> Result<()> {
        let reached = |durable: &Durable| {
            durable.timeline > timeline.0 || (durable.timeline == timeline.0 && durable.position >= position)
        };
        let durable = horizon.wait(patience, reached);
        if reached(&durable) {
            return Ok(());
        }
        let trouble = durable.trouble.map(|trouble| format!(": {trouble}")).unwrap_or_default();
        let what = format!("the log is archived up to {}, not yet up to {position}{trouble}", durable.position);
        Err(Error::transient(what).hint("the backup is not kept: without that log it would not be consistent"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use farshore_types::{Generation, Timestamp};
    use farshore_vault::journal::chains::Chain;

    fn archived(stretches: &[(u32, u64, u64)]) -> Chains {
        let chain = |&(timeline, from, to): &(u32, u64, u64)| {
            let (timeline, moment, generation) = (Timeline(timeline), Timestamp::default(), Generation(1));
            Chain { timeline, from: Position(from), to: Position(to), moment, generation }
        };
        Chains { chains: stretches.iter().map(chain).collect(), ..Chains::default() }
    }

    #[test]
    fn the_journal_goes_on_where_the_servers_past_leaves_it() {
        // The server left timeline 1 at 0/50, and stands on timeline 2 at 0/90.
        let history = History::parse(Timeline(2), b"1\t0/50\tput back\n").unwrap();
        let identity = Identity { system_identifier: 1, timeline: Timeline(2), flushed: Position(0x90) };
        type Case<'a> = (&'a [(u32, u64, u64)], Option<(u32, u64)>);
        let table: [Case; 6] = [
            (&[], None),
            (&[(1, 0, 0x40)], Some((1, 0x40))),
            (&[(1, 0, 0x70)], Some((1, 0x50))),
            (&[(1, 0, 0x20), (1, 0x30, 0x70)], Some((1, 0x50))),
            (&[(1, 0, 0x70), (2, 0x40, 0x80)], Some((2, 0x80))),
            (&[(1, 0x60, 0x70)], None),
        ];
        for (stretches, expected) in table {
            let found = goes_on(&archived(stretches), &history, &identity).unwrap();
            assert_eq!(found.map(|place| (place.timeline.0, place.from.0)), expected, "{stretches:x?}");
        }
        let error = goes_on(&archived(&[(2, 0x40, 0xa0)]), &history, &identity).unwrap_err();
        assert!(error.kind() == ErrorKind::Corrupt && error.to_string().contains("parted"), "{error}");
    }
}
