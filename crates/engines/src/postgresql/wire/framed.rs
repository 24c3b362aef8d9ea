//! A socket that carries messages: one tag byte, four bytes of length, a body (PostgreSQL documentation, "Message Flow").
//!
//! Reads are as large as the buffer allows, messages are handed out where they lie. Every wait has a deadline on the
//! injected clock. After an IO error the connection is of no further use.

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::ops::Range;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use farshore_types::error::ErrorContext;
use farshore_types::{Clock, Error, Result};
use rustix::io::Errno;
use rustix::net::sockopt::{self, Timeout};
use rustix::net::{self, AddressFamily, SocketAddrUnix, SocketFlags, SocketType};

use super::settings::{Address, socket_path};

/// Largest message accepted; log data comes in 128 KiB, rows of ours are small.
const MESSAGE_BYTES_MAX: usize = 64 << 20;
/// Buffer of a connection that answers queries.
const BUFFER_BYTES: usize = 32 << 10;
/// Buffer of a connection that streams the log: some eight full messages.
pub(crate) const STREAM_BUFFER_BYTES: usize = 1 << 20;
/// Tag and length.
const HEADER_BYTES: usize = 5;
/// The shortest wait given to the kernel, which takes zero for "for ever".
const WAIT_MIN: Duration = Duration::from_millis(1);

/// One message of the server, borrowed from the buffer.
#[derive(Debug)]
pub(crate) struct Message<'a> {
    pub(crate) tag: u8,
    pub(crate) body: &'a [u8],
}

enum Socket {
    Unix(UnixStream),
    Tcp(TcpStream),
}

/// A socket with its read buffer.
pub(crate) struct Framed {
    socket: Socket,
    address: Address,
    clock: Arc<dyn Clock>,
    buffer: Vec<u8>,
    filled: Range<usize>,
    read_timeout: Option<Duration>,
}

impl Framed {
    /// Connects. A server that is not there is a transient error.
    pub(crate) fn connect(address: &Address, deadline: Duration, clock: Arc<dyn Clock>) -> Result<Framed> {
        let connected = match (address, address.tcp()) {
            (Address::Socket { directory, port }, _) => {
                connect_unix(&socket_path(directory, *port)?, deadline).map(Socket::Unix)
            }
            (Address::Loopback { .. }, Some(tcp)) => {
                TcpStream::connect_timeout(&tcp, deadline.max(WAIT_MIN)).map(Socket::Tcp)
            }
            (Address::Loopback { .. }, None) => Err(io::ErrorKind::AddrNotAvailable.into()),
        };
        let socket = connected.map_err(|error| no_server(&error)).doing("connect to", address)?;
        if let Socket::Tcp(tcp) = &socket {
            tcp.set_nodelay(true).doing("connect to", address)?;
        }
        let (buffer, filled) = (vec![0; BUFFER_BYTES], 0..0);
        Ok(Framed { socket, address: address.clone(), clock, buffer, filled, read_timeout: None })
    }

    /// The clock's monotonic time after `length`, for deadlines.
    pub(crate) fn after(&self, length: Duration) -> Duration {
        self.clock.monotonic().saturating_add(length)
    }

    /// The injected clock.
    pub(crate) fn clock(&self) -> &dyn Clock {
        self.clock.as_ref()
    }

    /// Where this is connected to.
    pub(crate) fn address(&self) -> &Address {
        &self.address
    }

    /// Makes the buffer at least this large.
    pub(crate) fn enlarge(&mut self, bytes: usize) {
        if self.buffer.len() < bytes {
            self.buffer.resize(bytes, 0);
        }
    }

    /// Sends all bytes, or fails at the deadline.
    pub(crate) fn send(&mut self, mut bytes: &[u8], until: Duration) -> Result<()> {
        while !bytes.is_empty() {
            let left = self.left(until).ok_or_else(|| Error::transient("the server takes no more data"));
            let wait = left.doing("send to", &self.address)?;
            let sent = match &mut self.socket {
                Socket::Unix(socket) => socket.set_write_timeout(Some(wait)).and_then(|()| send_some(socket, bytes)),
                Socket::Tcp(socket) => socket.set_write_timeout(Some(wait)).and_then(|()| send_some(socket, bytes)),
            };
            let sent = sent.doing("send to", &self.address)?;
            bytes = bytes.get(sent..).unwrap_or_default();
        }
        Ok(())
    }

    /// The next message, or `None` when the deadline passes first.
    pub(crate) fn receive(&mut self, until: Duration) -> Result<Option<Message<'_>>> {
        match self.peek(until)? {
            Some(_) => self.take(),
            None => Ok(None),
        }
    }

    /// Waits until a whole message is in the buffer and tells its tag; `None` when the deadline passes first. A message
    /// that is there already needs no system call.
    pub(crate) fn peek(&mut self, until: Duration) -> Result<Option<u8>> {
        loop {
            if let Some((tag, _)) = self.whole_message()? {
                return Ok(Some(tag));
            }
            let Some(wait) = self.left(until) else { return Ok(None) };
            if !self.fill(wait)? && self.left(until).is_none() {
                return Ok(None);
            }
        }
    }

    /// The message that [`Framed::peek`] found.
    pub(crate) fn take(&mut self) -> Result<Option<Message<'_>>> {
        let Some((tag, body)) = self.whole_message()? else { return Ok(None) };
        self.filled.start = body.end;
        let body = self.buffer.get(body).unwrap_or_default();
        Ok(Some(Message { tag, body }))
    }

    /// Throws the message away that [`Framed::peek`] found.
    pub(crate) fn skip(&mut self) -> Result<()> {
        self.take().map(|_| ())
    }

    fn left(&self, until: Duration) -> Option<Duration> {
        until.checked_sub(self.clock.monotonic()).filter(|left| !left.is_zero()).map(|left| left.max(WAIT_MIN))
    }

    fn whole_message(&mut self) -> Result<Option<(u8, Range<usize>)>> {
        let Some(&[tag, a, b, c, d]) = self.buffer.get(self.filled.clone()).and_then(|bytes| bytes.first_chunk())
        else {
            return Ok(None);
        };
        let length = usize::try_from(u32::from_be_bytes([a, b, c, d])).unwrap_or(usize::MAX);
        if !(4..=MESSAGE_BYTES_MAX).contains(&length) {
            return Err(Error::invalid(format!("a message of {length} bytes")).context("receive from", &self.address))
                .map_err(|error| error.hint("check that this is a PostgreSQL server"));
        }
        let (start, end) = (self.filled.start + HEADER_BYTES, self.filled.start + 1 + length);
        if end > self.filled.end {
            self.make_room(1 + length);
            return Ok(None);
        }
        Ok(Some((tag, start..end)))
    }

    /// Makes room for a message of `needed` bytes that begins at the start of the filled part.
    fn make_room(&mut self, needed: usize) {
        if self.filled.start + needed > self.buffer.len() {
            self.buffer.copy_within(self.filled.clone(), 0);
            self.filled = 0..self.filled.len();
            self.enlarge(needed);
        }
    }

    /// Reads once; false if nothing came in time.
    fn fill(&mut self, wait: Duration) -> Result<bool> {
        if self.filled.is_empty() {
            self.filled = 0..0;
        }
        if self.buffer.len() - self.filled.end < HEADER_BYTES {
            self.make_room(self.buffer.len());
        }
        self.set_read_timeout(wait).doing("receive from", &self.address)?;
        let space = self.buffer.get_mut(self.filled.end..).unwrap_or_default();
        let received = match &mut self.socket {
            Socket::Unix(socket) => socket.read(space),
            Socket::Tcp(socket) => socket.read(space),
        };
        match received {
            Ok(0) => Err(Error::transient("the server closed the connection").context("receive from", &self.address)),
            Ok(count) => {
                self.filled.end += count;
                Ok(true)
            }
            Err(error) if is_timeout(&error) => Ok(false),
            Err(error) => Err(error).doing("receive from", &self.address),
        }
    }

    /// Never sets a longer wait than asked for. One that is somewhat shorter is left as it is, which saves a system call
    /// per read; the caller waits again.
    fn set_read_timeout(&mut self, wait: Duration) -> io::Result<()> {
        if self.read_timeout.is_some_and(|set| set <= wait && set.saturating_mul(2) >= wait) {
            return Ok(());
        }
        match &self.socket {
            Socket::Unix(socket) => socket.set_read_timeout(Some(wait))?,
            Socket::Tcp(socket) => socket.set_read_timeout(Some(wait))?,
        }
        self.read_timeout = Some(wait);
        Ok(())
    }
}

/// A server that hangs lets its queue fill: the kernel then waits for room, for as long as it may wait to send (socket(7), `SO_SNDTIMEO`).
/// A socket that does not block would fail at once, and could not be waited for (connect(2), `EAGAIN`).
fn connect_unix(path: &Path, deadline: Duration) -> io::Result<UnixStream> {
    let socket = net::socket_with(AddressFamily::UNIX, SocketType::STREAM, SocketFlags::CLOEXEC, None)?;
    sockopt::set_socket_timeout(&socket, Timeout::Send, Some(deadline.max(WAIT_MIN)))?;
    match net::connect(&socket, &SocketAddrUnix::new(path)?) {
        Err(Errno::AGAIN) => Err(io::Error::new(
            io::ErrorKind::TimedOut,
            format!("it takes no connection within {} ms", deadline.as_millis()),
        )),
        connected => connected.map(|()| UnixStream::from(socket)).map_err(io::Error::from),
    }
}

fn send_some(socket: &mut impl Write, bytes: &[u8]) -> io::Result<usize> {
    match socket.write(bytes) {
        Ok(0) => Err(io::ErrorKind::BrokenPipe.into()),
        Err(error) if is_timeout(&error) => Ok(0),
        other => other,
    }
}

fn is_timeout(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut | io::ErrorKind::Interrupted)
}

fn no_server(error: &io::Error) -> Error {
    match error.kind() {
        io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused => Error::transient("no server listens there"),
        io::ErrorKind::PermissionDenied => Error::denied(error.to_string()),
        _ => Error::transient(error.to_string()),
    }
}
