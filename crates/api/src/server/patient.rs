//! A connection with limits to patience: a request's head must be complete soon after its first byte, and whoever asks
//! must take the answer.
//!
//! Between two requests nothing is measured here; how long a connection may idle is the server's setting. When a limit
//! passes, the connection ends; a handler that has begun still runs to its end.

use std::future::Future;
use std::io::{Error, ErrorKind, IoSlice, Result};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Sleep, sleep};

const IDLE: u8 = 0;
const HEAD: u8 = 1;
const BUSY: u8 = 2;

/// Where a connection stands between its requests; shared by the stream and the service on it.
#[derive(Debug, Default)]
pub struct Turn(AtomicU8);

impl Turn {
    /// A whole head has arrived.
    pub fn begin(&self) {
        self.0.store(BUSY, Ordering::Release);
    }

    /// The answer is on its way.
    pub fn end(&self) {
        self.0.store(IDLE, Ordering::Release);
    }
}

/// A stream with limits.
pub struct Patient<S> {
    inner: S,
    turn: Arc<Turn>,
    head: Duration,
    write: Duration,
    head_timer: Option<Pin<Box<Sleep>>>,
    write_timer: Option<Pin<Box<Sleep>>>,
}

impl<S> Patient<S> {
    /// `head`: from the first byte of a request to the end of its head. `write`: without any byte being taken.
    pub fn new(inner: S, turn: Arc<Turn>, head: Duration, write: Duration) -> Self {
        Patient { inner, turn, head, write, head_timer: None, write_timer: None }
    }

    fn written<T>(&mut self, context: &mut Context<'_>, polled: Poll<Result<T>>) -> Poll<Result<T>> {
        if polled.is_ready() {
            self.write_timer = None;
            return polled;
        }
        let timer = self.write_timer.get_or_insert_with(|| Box::pin(sleep(self.write)));
        match timer.as_mut().poll(context) {
            Poll::Ready(()) => Poll::Ready(Err(Error::new(ErrorKind::TimedOut, "the client does not read"))),
            Poll::Pending => Poll::Pending,
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Patient<S> {
    fn poll_read(mut self: Pin<&mut Self>, context: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<Result<()>> {
        let before = buffer.filled().len();
        let polled = Pin::new(&mut self.inner).poll_read(context, buffer);
        let began = buffer.filled().len() > before
            && self.turn.0.compare_exchange(IDLE, HEAD, Ordering::AcqRel, Ordering::Acquire).is_ok();
        if began {
            self.head_timer = Some(Box::pin(sleep(self.head)));
        }
        if polled.is_ready() || self.turn.0.load(Ordering::Acquire) != HEAD {
            return polled;
        }
        match self.head_timer.as_mut().map(|timer| timer.as_mut().poll(context)) {
            Some(Poll::Ready(())) => Poll::Ready(Err(Error::new(ErrorKind::TimedOut, "the head came too slowly"))),
            _ => Poll::Pending,
        }
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Patient<S> {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<Result<usize>> {
        let polled = Pin::new(&mut self.inner).poll_write(context, bytes);
        self.written(context, polled)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<Result<usize>> {
        let polled = Pin::new(&mut self.inner).poll_write_vectored(context, slices);
        self.written(context, polled)
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<()>> {
        let polled = Pin::new(&mut self.inner).poll_flush(context);
        self.written(context, polled)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<()>> {
        let polled = Pin::new(&mut self.inner).poll_shutdown(context);
        self.written(context, polled)
    }
}
