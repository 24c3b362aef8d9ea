//! The receiving half: cuts what arrives into ranges, hands them to the shipper, and tells the server what is durable.
//!
//! While the store is slow the short queue fills; then nothing more is read from the server, but status messages go on.

use std::time::Duration;

use crossbeam_channel::{SendTimeoutError, Sender};
use farshore_engines::postgresql::replication::{Event, Stream};
use farshore_engines::postgresql::server::Watermark;
use farshore_engines::postgresql::wire::Connection;
use farshore_types::{Error, Position, Result, Timeline, Timestamp};
use farshore_vault::journal::ship::{Durable, RANGE_BYTES, Shipment};
use farshore_vault::names::BLOCK_BYTES;

use super::settings::{MARK_PAUSE_MAX, STATUS_PAUSE, STORE_PATIENCE};
use super::task::{ArchiveLog, Place};

/// The receiving half: cuts what arrives into shipments.
pub struct Receiving<'a> {
    task: &'a ArchiveLog,
    timeline: Timeline,
    outbox: Sender<Shipment>,
    until: Option<Position>,
    chunk: Vec<u8>,
    chunk_from: Position,
    chunk_since: Duration,
    /// Asks the server for its clock and the end of its log; made when first needed.
    clock_session: Option<Connection>,
    /// Commits acknowledged before this moment lie before that position; it counts once we have come that far.
    watermark: Option<Watermark>,
    /// Why it was not told the last time, if it was not.
    untold: Option<String>,
    /// When the server was last asked.
    asked: Duration,
    /// Commits acknowledged before this moment have been received.
    caught_up: Timestamp,
    shipped_moment: Timestamp,
    mark_pause: Duration,
    marked: Duration,
    status_sent: Duration,
    confirmed: Position,
    /// Since when the store has not taken anything although it should, and how far it had come.
    waiting: (Position, Duration),
}

impl<'a> Receiving<'a> {
    /// From a place on; `until` ends it early.
    pub fn new(task: &'a ArchiveLog, place: Place, outbox: Sender<Shipment>, until: Option<Position>) -> Self {
        let now = task.clock.monotonic();
        Receiving {
            task,
            timeline: place.timeline,
            outbox,
            until,
            chunk: Vec::new(),
            chunk_from: place.from,
            chunk_since: now,
            clock_session: None,
            watermark: None,
            untold: None,
            asked: Duration::ZERO,
            caught_up: Timestamp::default(),
            shipped_moment: Timestamp::default(),
            mark_pause: task.interval,
            marked: now,
            status_sent: now,
            confirmed: place.from,
            waiting: (place.from, now),
        }
    }

    /// Receives until the timeline ends (gives where), or until we are done.
    pub fn run(&mut self, stream: &mut Stream) -> Result<Option<(Timeline, Position)>> {
        loop {
            if self.task.stop.go_on().is_err() || self.until.is_some_and(|until| self.end() >= until) {
                self.ship(stream)?;
                return Ok(None);
            }
            if let Some(next) = self.receive(stream)? {
                self.ship(stream)?;
                return Ok(Some(next));
            }
            let now = self.task.clock.monotonic();
            self.watch(now);
            let due = now.saturating_sub(self.chunk_since) >= self.task.interval || self.is_waited_for();
            if !self.chunk.is_empty() && due {
                self.ship(stream)?;
            }
            self.mark(stream, now)?;
            self.status(stream, now)?;
        }
    }

    fn end(&self) -> Position {
        Position(self.chunk_from.0 + self.chunk.len() as u64)
    }

    /// Keeps the newest restorable moment true: what a stream carries does not prove that a commit is not still under way.
    fn watch(&mut self, now: Duration) {
        if let Some(reached) = self.watermark.filter(|watermark| self.end() >= watermark.position) {
            self.caught_up = self.caught_up.max(reached.time);
            self.watermark = None;
            self.tell_complete(&reached);
        }
        if self.until.is_some() || self.watermark.is_some() || now.saturating_sub(self.asked) < self.task.interval / 4 {
            return;
        }
        self.asked = now;
        let asked = match self.clock_session.take() {
            Some(session) => Ok(session),
            None => Connection::connect(&self.task.server, self.task.clock.clone()),
        };
        let asked = asked.and_then(|mut session| Ok((Watermark::read(&mut session)?, session)));
        // A server that shuts down ends its sessions first, and sends the rest of its log after that: the stream goes on.
        let trouble = asked.as_ref().err().map(|error| format!("the server does not tell its time: {error}"));
        if trouble != self.untold {
            self.task.horizon.change(|durable| durable.trouble.clone_from(&trouble));
            self.untold = trouble;
        }
        if let Ok((watermark, session)) = asked {
            (self.watermark, self.clock_session) = (Some(watermark), Some(session));
        }
    }

    /// What the store holds up to a watermark's position lacks nothing that was acknowledged before its time. On an idle server that is so
    /// at once, without an object; on a busy one the objects themselves tell as much.
    fn tell_complete(&self, reached: &Watermark) {
        let durable = self.task.horizon.now();
        if durable.timeline == self.timeline.0 && durable.position >= reached.position {
            self.task.horizon.change(|durable| durable.complete = durable.complete.max(reached.time));
        }
    }

    fn receive(&mut self, stream: &mut Stream) -> Result<Option<(Timeline, Position)>> {
        let wait = match self.chunk.is_empty() {
            true => self.task.interval.min(STATUS_PAUSE) / 2,
            false => self.task.interval / 4,
        };
        let (mut full, mut reply) = (false, false);
        match stream.next(wait)? {
            Event::Wal { start, bytes, .. } => {
                if self.chunk.is_empty() {
                    self.chunk_since = self.task.clock.monotonic();
                    self.chunk.reserve(if bytes.len() > 64 << 10 { RANGE_BYTES } else { bytes.len() });
                }
                let mut rest = bytes;
                if start != self.end() {
                    return Err(Error::bug(format!("the log goes on at {start}, expected {}", self.end())));
                }
                // A message may cross a block: the part before it is shipped on its own.
                let mut parts = Vec::new();
                while !rest.is_empty() {
                    let room = RANGE_BYTES - self.chunk.len();
                    let block = (BLOCK_BYTES - self.end().0 % BLOCK_BYTES) as usize;
                    let (now, later) = rest.split_at(rest.len().min(room).min(block));
                    self.chunk.extend_from_slice(now);
                    rest = later;
                    if self.chunk.len() == RANGE_BYTES || self.end().0.is_multiple_of(BLOCK_BYTES) {
                        parts.push(self.cut());
                    }
                }
                for part in parts {
                    self.send(stream, part)?;
                }
                full = self.chunk.len() >= RANGE_BYTES;
            }
            Event::KeepAlive { reply: wanted, .. } => reply = wanted,
            Event::EndOfTimeline { next, switch } => return Ok(Some((next, switch))),
            Event::Nothing => {}
        }
        if full {
            self.ship(stream)?;
        }
        if reply {
            self.confirm(stream)?;
        }
        Ok(None)
    }

    fn cut(&mut self) -> Shipment {
        let from = self.chunk_from;
        let bytes = std::mem::take(&mut self.chunk);
        self.chunk_from = Position(from.0 + bytes.len() as u64);
        self.chunk_since = self.task.clock.monotonic();
        Shipment { timeline: self.timeline, from, bytes, moment: self.caught_up }
    }

    /// Hands over what was received so far.
    fn ship(&mut self, stream: &mut Stream) -> Result<()> {
        if self.chunk.is_empty() {
            return Ok(());
        }
        self.mark_pause = self.task.interval;
        let shipment = self.cut();
        self.send(stream, shipment)
    }

    /// Waits for room in the queue, but never longer than a status message may.
    fn send(&mut self, stream: &mut Stream, mut shipment: Shipment) -> Result<()> {
        self.shipped_moment = shipment.moment;
        self.marked = self.task.clock.monotonic();
        loop {
            match self.outbox.send_timeout(shipment, STATUS_PAUSE / 5) {
                Ok(()) => return Ok(()),
                Err(SendTimeoutError::Disconnected(_)) => return Err(Error::transient("the shipper has stopped")),
                Err(SendTimeoutError::Timeout(back)) => shipment = back,
            }
            self.status(stream, self.task.clock.monotonic())?;
            if self.task.stop.go_on().is_err() {
                return Err(Error::busy("stopped while the store was not taking the log"));
            }
        }
    }

    /// On an idle server: says from time to time that there is still nothing newer.
    fn mark(&mut self, stream: &mut Stream, now: Duration) -> Result<()> {
        let due = now.saturating_sub(self.marked) >= self.mark_pause || self.is_waited_for();
        if !due || !self.chunk.is_empty() || self.caught_up <= self.shipped_moment || self.until.is_some() {
            return Ok(());
        }
        if self.task.horizon.now().position < self.chunk_from {
            return Ok(());
        }
        self.mark_pause = (self.mark_pause * 2).min(MARK_PAUSE_MAX);
        let mark =
            Shipment { timeline: self.timeline, from: self.chunk_from, bytes: Vec::new(), moment: self.caught_up };
        self.send(stream, mark)
    }

    /// Whether somebody waits for a moment that was reached and is not told by any object yet.
    fn is_waited_for(&self) -> bool {
        let wanted = self.task.horizon.now().wanted;
        wanted > self.shipped_moment && self.caught_up >= wanted
    }

    fn status(&mut self, stream: &mut Stream, now: Duration) -> Result<()> {
        let durable = self.task.horizon.now();
        self.watch_store(&durable, now);
        let moved = durable.position > self.confirmed && durable.timeline == self.timeline.0;
        if moved || now.saturating_sub(self.status_sent) >= STATUS_PAUSE {
            self.confirm(stream)?;
        }
        Ok(())
    }

    /// A store that hangs gives no error: that it takes nothing must be seen all the same.
    fn watch_store(&mut self, durable: &Durable, now: Duration) {
        if durable.position != self.waiting.0 || durable.position >= self.chunk_from {
            self.waiting = (durable.position, now);
            return;
        }
        let waited = now.saturating_sub(self.waiting.1);
        if waited >= STORE_PATIENCE && durable.trouble.is_none() {
            let what = format!("the store has taken nothing for {} s", waited.as_secs());
            self.task.horizon.change(|durable| durable.trouble = Some(what));
        }
    }

    fn confirm(&mut self, stream: &mut Stream) -> Result<()> {
        let Durable { position, timeline, .. } = self.task.horizon.now();
        if timeline == self.timeline.0 {
            self.confirmed = self.confirmed.max(position);
        }
        self.status_sent = self.task.clock.monotonic();
        stream.confirm(self.end(), self.confirmed)
    }
}
