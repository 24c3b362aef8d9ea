//! The log as it is written: physical streaming replication (PostgreSQL documentation, "Streaming Replication Protocol").
//!
//! [`Replication`] sends commands, [`Stream`] receives the log. Log bytes are handed out where they lie in the buffer;
//! they are contiguous from the position asked for, which is checked. What is confirmed as flushed may be thrown away by
//! the server, so confirm only what is durable elsewhere. If this process dies, the slot keeps the log from the last
//! confirmed position.

use std::sync::Arc;
use std::time::Duration;

use bytes::{BufMut, BytesMut};
use farshore_types::error::ErrorContext;
use farshore_types::{Clock, Error, ErrorKind, Position, Result, Timeline, Timestamp};
use postgres_protocol::message::frontend;

use super::history;
use super::slot;
use super::wire::{Connection, Framed, QUERY_DEADLINE, Reader, STREAM_BUFFER_BYTES, ServerError, Settings, sqlstate};

/// The server counts time from 2000-01-01.
const EPOCH_MICROS: i64 = 946_684_800_000_000;
/// Sending a status message of some forty bytes.
const SEND_DEADLINE: Duration = Duration::from_secs(10);
/// Shortest wait for an event.
const WAIT_MIN: Duration = Duration::from_millis(1);
/// Ending a stream: what is under way is still received and thrown away.
const STOP_DEADLINE: Duration = Duration::from_secs(10);

/// A replication connection that waits for a command.
pub struct Replication {
    connection: Connection,
    /// Whether the server was asked who it is.
    identified: bool,
}

/// Who the server is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Identity {
    /// Shared by all copies of a cluster.
    pub system_identifier: u64,
    /// The current timeline.
    pub timeline: Timeline,
    /// End of the log that is safely on the server's disk.
    pub flushed: Position,
}

/// A history file as the server keeps it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HistoryFile {
    /// `00000002.history`.
    pub name: String,
    /// Its bytes.
    pub content: Vec<u8>,
}

impl Replication {
    /// Connects and logs in; the role needs REPLICATION, and `pg_hba.conf` a line for the database `replication`.
    pub fn connect(settings: &Settings, clock: Arc<dyn Clock>) -> Result<Replication> {
        let connection = Connection::connect(&settings.clone().for_replication(), clock)?;
        Ok(Replication { connection, identified: false })
    }

    /// IDENTIFY_SYSTEM.
    pub fn identify(&mut self) -> Result<Identity> {
        let answer = self.connection.query("IDENTIFY_SYSTEM")?;
        self.identified = true;
        let read = || {
            Some(Identity {
                system_identifier: answer.value(0, "systemid")?.parse().ok()?,
                timeline: Timeline(answer.value(0, "timeline")?.parse().ok()?),
                flushed: answer.value(0, "xlogpos")?.parse().ok()?,
            })
        };
        read().ok_or_else(|| Error::invalid("the server does not say who it is"))
    }

    /// TIMELINE_HISTORY. Timeline 1 has none.
    pub fn timeline_history(&mut self, timeline: Timeline) -> Result<HistoryFile> {
        let name = history::file_name(timeline);
        let (_, rows) = self.connection.query_raw(&format!("TIMELINE_HISTORY {}", timeline.0), QUERY_DEADLINE)?;
        let content = rows.into_iter().next().and_then(|row| row.into_iter().nth(1)).flatten();
        let content = content.ok_or_else(|| Error::missing(format!("the server returned no {name}")))?;
        Ok(HistoryFile { name, content })
    }

    /// START_REPLICATION. The log arrives from exactly `from` on; begin at a segment's start to get whole segments.
    ///
    /// Errors: `Missing`, the log from there is gone (a gap: take a new full backup; some versions say so only in
    /// [`Stream::next`]); `Conflict`, the slot is in use,
    /// perhaps still by a session that broke off; `Invalid`, the position is not in the past of this server.
    pub fn start(mut self, slot: Option<&str>, from: Position, timeline: Timeline) -> Result<Stream> {
        if !self.identified {
            // Servers before 15 refuse to stream to somebody who has not asked who they are.
            self.identify()?;
        }
        let slot = slot.map(slot::quoted_name).transpose()?.map(|name| format!("SLOT {name} ")).unwrap_or_default();
        let about = format!("{from} on timeline {timeline}");
        self.connection.framed().enlarge(STREAM_BUFFER_BYTES);
        let command = format!("START_REPLICATION {slot}PHYSICAL {from} TIMELINE {}", timeline.0);
        self.connection.send_query(&command, SEND_DEADLINE)?;
        let mut stream = Stream { replication: self, timeline, received: from, phase: Phase::Streaming };
        stream.begin().map_err(lost_log).doing("stream the log from", about)?;
        Ok(stream)
    }

    /// Says goodbye and closes.
    pub fn close(self) {
        self.connection.close();
    }
}

/// What a stream brought.
#[derive(Debug, PartialEq, Eq)]
pub enum Event<'a> {
    /// A piece of the log.
    Wal {
        /// Position of its first byte; where the piece before ended.
        start: Position,
        /// End of the server's log when it sent this.
        server_end: Position,
        /// The server's clock when it sent this.
        server_clock: Timestamp,
        /// The bytes, valid until the next call.
        bytes: &'a [u8],
    },
    /// A sign of life, or the answer to [`Stream::confirm_and_ask`]. It says what was sent, not what was written: which
    /// moment the log reaches is told by [`super::server::Watermark`].
    KeepAlive {
        /// End of what the server has sent.
        server_end: Position,
        /// The server's clock when it sent this.
        server_clock: Timestamp,
        /// Whether the server wants a [`Stream::confirm`] soon, or else will close the connection.
        reply: bool,
    },
    /// The timeline ended; the log goes on with `next` from `switch`, in a new stream. Repeated on every further call.
    EndOfTimeline {
        /// The timeline that follows.
        next: Timeline,
        /// Its first position: everything before it has been received.
        switch: Position,
    },
    /// Nothing came in time.
    Nothing,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Streaming,
    Ended { next: Timeline, switch: Position },
}

/// A running stream of the log.
pub struct Stream {
    replication: Replication,
    timeline: Timeline,
    received: Position,
    phase: Phase,
}

impl Stream {
    /// The next event, waiting at most this long (at least a millisecond).
    ///
    /// Errors are final: connect again and start from what is durable. `Transient` when the server went away, `Missing` when the log that
    /// was asked for is gone.
    pub fn next(&mut self, wait: Duration) -> Result<Event<'_>> {
        if let Phase::Ended { next, switch } = self.phase {
            return Ok(Event::EndOfTimeline { next, switch });
        }
        let until = self.framed().after(wait.max(WAIT_MIN));
        match self.framed().peek(until)? {
            None => Ok(Event::Nothing),
            Some(b'd') => self.data(),
            // A notice, or a setting that was changed and read anew: allowed at any time ("Message Flow", "Asynchronous Operations").
            Some(b'N' | b'S' | b'A') => {
                self.framed().skip()?;
                Ok(Event::Nothing)
            }
            Some(b'c') => {
                let mut done = BytesMut::new();
                frontend::copy_done(&mut done);
                let until = self.framed().after(SEND_DEADLINE);
                self.framed().send(&done, until)?;
                let (next, switch) = self.end_of_timeline()?;
                Ok(Event::EndOfTimeline { next, switch })
            }
            Some(_) => {
                let about = self.place();
                Err(unexpected(self.framed())).doing("stream the log", about)
            }
        }
    }

    /// Tells the server what was received and what is durable. Also the sign of life that it waits for: send one at
    /// least every few seconds, whatever the store does.
    pub fn confirm(&mut self, written: Position, flushed: Position) -> Result<()> {
        self.send_status(written, flushed, 0)
    }

    /// The same, and asks for an [`Event::KeepAlive`] in return. An idle server that gets confirmations sends none by
    /// itself; this tells a broken connection from a quiet one.
    pub fn confirm_and_ask(&mut self, written: Position, flushed: Position) -> Result<()> {
        self.send_status(written, flushed, 1)
    }

    fn send_status(&mut self, written: Position, flushed: Position, reply: u8) -> Result<()> {
        if self.phase != Phase::Streaming {
            return Ok(());
        }
        let now = self.framed().clock().now().micros().saturating_sub(EPOCH_MICROS);
        let mut status = BytesMut::with_capacity(64);
        status.put_u8(b'd');
        status.put_u32(4 + 34);
        status.put_u8(b'r');
        status.put_u64(written.0);
        status.put_u64(flushed.0);
        // Nothing is applied here: 0 is "unknown".
        status.put_u64(0);
        status.put_i64(now);
        status.put_u8(reply);
        let (until, about) = (self.framed().after(SEND_DEADLINE), self.place());
        self.framed().send(&status, until).doing("confirm the log", about)
    }

    /// Up to where the log was received.
    pub fn received(&self) -> Position {
        self.received
    }

    /// The timeline that is streamed.
    pub fn timeline(&self) -> Timeline {
        self.timeline
    }

    /// Ends the stream and gives the connection back. What is under way is thrown away; the slot keeps it.
    pub fn stop(mut self) -> Result<Replication> {
        if self.phase == Phase::Streaming {
            let mut done = BytesMut::new();
            frontend::copy_done(&mut done);
            let until = self.framed().after(STOP_DEADLINE);
            self.framed().send(&done, until)?;
            loop {
                let late = || Error::transient("the server does not end the stream");
                match self.framed().peek(until)?.ok_or_else(late)? {
                    b'Z' => break,
                    b'E' => return Err(unexpected(self.framed())),
                    _ => self.framed().skip()?,
                }
            }
            self.framed().skip()?;
            self.replication.connection.mend();
        }
        Ok(self.replication)
    }

    fn framed(&mut self) -> &mut Framed {
        self.replication.connection.framed()
    }

    fn place(&self) -> String {
        format!("at {} on timeline {}", self.received, self.timeline)
    }

    /// Waits for the server to begin; a timeline that ends exactly here has no stream.
    fn begin(&mut self) -> Result<()> {
        let until = self.framed().after(QUERY_DEADLINE);
        loop {
            let late = || Error::transient("the server does not begin");
            match self.framed().peek(until)?.ok_or_else(late)? {
                b'W' => {
                    self.framed().skip()?;
                    return Ok(());
                }
                b'T' => return self.end_of_timeline().map(|_| ()),
                b'N' | b'S' => self.framed().skip()?,
                _ => {
                    let error = unexpected(self.framed());
                    return Err(error);
                }
            }
        }
    }

    fn data(&mut self) -> Result<Event<'_>> {
        let (received, timeline) = (self.received, self.timeline);
        let garbled = || Error::invalid(format!("a message at {received} on timeline {timeline} cannot be understood"));
        let moved = |start: Position| {
            let what = format!("the log goes on at {start} instead of {received} on timeline {timeline}");
            Error::corrupt(what)
        };
        let message = self.replication.connection.framed().take()?.ok_or_else(garbled)?;
        let mut reader = Reader::new(message.body);
        match reader.byte() {
            Some(b'w') => {
                let head = (reader.u64(), reader.u64(), reader.i64());
                let (Some(start), Some(end), Some(clock)) = head else { return Err(garbled()) };
                let (start, bytes) = (Position(start), reader.rest());
                if start != received {
                    return Err(moved(start));
                }
                let length = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
                self.received = Position(start.0.checked_add(length).ok_or_else(garbled)?);
                Ok(Event::Wal { start, server_end: Position(end), server_clock: server_time(clock), bytes })
            }
            Some(b'k') => {
                let (Some(end), Some(clock), Some(reply)) = (reader.u64(), reader.i64(), reader.byte()) else {
                    return Err(garbled());
                };
                Ok(Event::KeepAlive { server_end: Position(end), server_clock: server_time(clock), reply: reply != 0 })
            }
            _ => Err(garbled()),
        }
    }

    /// Reads the result set that follows the end of a timeline: which one is next, and from where.
    fn end_of_timeline(&mut self) -> Result<(Timeline, Position)> {
        let until = self.framed().after(QUERY_DEADLINE);
        let mut follows = None;
        loop {
            let late = || Error::transient("the server does not say which timeline follows");
            match self.framed().peek(until)?.ok_or_else(late)? {
                b'D' => follows = self.framed().take()?.and_then(|message| successor(message.body)),
                b'Z' => break,
                b'E' => return Err(unexpected(self.framed())),
                _ => self.framed().skip()?,
            }
        }
        self.framed().skip()?;
        self.replication.connection.mend();
        let stopped = || Error::transient("the server ended the stream without a following timeline");
        let (next, switch) = follows.ok_or_else(stopped)?;
        if switch != self.received {
            let what = format!("timeline {} ended at {switch}, received up to {}", self.timeline, self.received);
            return Err(Error::corrupt(what));
        }
        self.phase = Phase::Ended { next, switch };
        Ok((next, switch))
    }
}

/// The two values of the result set: timeline and position, as text.
fn successor(row: &[u8]) -> Option<(Timeline, Position)> {
    let mut reader = Reader::new(row);
    let _columns = reader.u16()?;
    let mut value = || {
        let length = usize::try_from(reader.u32()?).ok()?;
        std::str::from_utf8(reader.bytes(length)?).ok()
    };
    Some((Timeline(value()?.parse().ok()?), value()?.parse().ok()?))
}

/// The error behind a message that does not belong in a stream.
fn unexpected(framed: &mut Framed) -> Error {
    match framed.take() {
        Ok(Some(message)) if message.tag == b'E' => lost_log(ServerError::parse(message.body).into_error()),
        Ok(Some(message)) if message.tag == b'C' => Error::transient("the server is shutting down"),
        Ok(_) => Error::invalid("an unexpected message in the stream of the log"),
        Err(error) => error,
    }
}

/// A slot whose log was removed is reported as "not in prerequisite state": for us the log is missing.
fn lost_log(error: Error) -> Error {
    let lost = matches!(sqlstate(&error), Some("55000" | "58P01"));
    if !lost {
        return error;
    }
    error.with_kind(ErrorKind::Missing).hint("the log from there is gone: take a new full backup")
}

fn server_time(micros: i64) -> Timestamp {
    Timestamp::from_micros(micros.saturating_add(EPOCH_MICROS))
}
