//! Shipping a log: ranges are sealed in parallel and put strictly in order, so that the store always holds a prefix.
//!
//! A put that fails with a passing fault is repeated byte for byte until it succeeds or the shipper is told to stop: a dead store
//! delays, it never makes a hole. If we die, the next writer goes on where the listing ends.
//! Memory: [`SHIPMENTS_MAX`] ranges in flight, each at most [`RANGE_BYTES`] raw and about as much sealed.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Condvar, Mutex, PoisonError};
use std::time::Duration;

use crossbeam_channel::{Receiver, Sender, bounded};
use farshore_types::{Clock, Entropy, Error, ErrorKind, Position, Progress, Result, Timeline, Timestamp};

use super::object::{Range, Writer, seal_range};
use crate::format::seal::Squeeze;
use crate::repository::Vault;

/// Most raw bytes of one range.
pub const RANGE_BYTES: usize = 8 << 20;
/// Ranges that are queued, being sealed, or sealed and waiting for their turn.
pub const SHIPMENTS_MAX: usize = 5;
/// Pause before a failed put is repeated.
const PUT_PAUSE: Duration = Duration::from_millis(500);

/// A range of log to be shipped.
#[derive(Debug)]
pub struct Shipment {
    /// Which history.
    pub timeline: Timeline,
    /// Position of the first byte.
    pub from: Position,
    /// The log; none for a mark.
    pub bytes: Vec<u8>,
    /// The server's clock when everything up to the end of `bytes` was known.
    pub moment: Timestamp,
}

/// What is durable, for whoever confirms it to the server or shows it to people.
#[derive(Debug, Clone, Default)]
pub struct Durable {
    /// Everything before this position is in the store.
    pub position: Position,
    /// Of which timeline.
    pub timeline: u32,
    /// The newest restorable moment, as the names of objects tell it.
    pub moment: Timestamp,
    /// Nothing that was acknowledged before this moment is missing: on an idle server newer than what any object tells.
    pub complete: Timestamp,
    /// Somebody waits for this moment: what lies before it is shipped at once.
    pub wanted: Timestamp,
    /// Why the last put failed, if it did.
    pub trouble: Option<String>,
    /// The stream that is archived into, once it is not the one that was asked for: the server's log had parted from it.
    pub stream: Option<String>,
    /// Stored bytes put by this shipper.
    pub stored: u64,
    /// Objects put by this shipper.
    pub objects: u64,
}

impl Durable {
    /// How long ago the newest acknowledged change may have been that would be lost now, in seconds; `None` as long as nothing is known.
    pub fn at_risk_s(&self, now: Timestamp) -> Option<f64> {
        match self.moment.max(self.complete) {
            nothing if nothing == Timestamp::default() => None,
            complete => Some(now.seconds_since(complete).max(0.0)),
        }
    }
}

/// A [`Durable`] that others wait on.
#[derive(Debug, Default)]
pub struct Horizon {
    state: Mutex<Durable>,
    moved: Condvar,
}

impl Horizon {
    /// As it stands.
    pub fn now(&self) -> Durable {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Changes it and wakes everybody.
    pub fn change(&self, change: impl FnOnce(&mut Durable)) {
        change(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner));
        self.moved.notify_all();
    }

    /// Waits up to `patience` until `enough` holds; gives the state then.
    pub fn wait(&self, patience: Duration, enough: impl Fn(&Durable) -> bool) -> Durable {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let (state, _) = self
            .moved
            .wait_timeout_while(state, patience, |state| !enough(state))
            .unwrap_or_else(PoisonError::into_inner);
        state.clone()
    }
}

/// How to ship.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Which log.
    pub stream: String,
    /// Threads that compress and seal.
    pub workers: usize,
    /// Zstandard level.
    pub level: i32,
}

/// What a shipper works with.
pub struct Shipper<'a> {
    /// Where to.
    pub vault: &'a Vault,
    /// Who.
    pub writer: Writer,
    /// How.
    pub settings: Settings,
    /// What is durable.
    pub horizon: &'a Horizon,
    /// Asks to stop: then a failing put is given up.
    pub stop: &'a Progress,
    /// Waits.
    pub clock: &'a dyn Clock,
    /// Draws salts.
    pub entropy: &'a dyn Entropy,
}

/// Wakes whoever waits for room. With the mutex: else it could come between a look and the wait that follows, and be lost.
fn wake(room: &(Mutex<()>, Condvar)) {
    drop(room.0.lock().unwrap_or_else(PoisonError::into_inner));
    room.1.notify_all();
}

type Sealed = (u64, Shipment, crate::names::RangeName, Vec<u8>);

impl Shipper<'_> {
    /// A queue for [`Shipper::run`]. It is short: who fills it must not wait for it while the server waits for an answer.
    pub fn queue() -> (Sender<Shipment>, Receiver<Shipment>) {
        bounded(1)
    }

    /// Ships until the queue is closed and everything is durable, or until a put fails for good. On an error or a stop, what was not
    /// put is lost to this shipper; the server still has it.
    pub fn run(&self, inbox: Receiver<Shipment>) -> Result<()> {
        let (numbered_in, numbered) = bounded::<(u64, Shipment)>(1);
        let (sealed_in, sealed) = bounded::<Sealed>(SHIPMENTS_MAX);
        let in_flight = AtomicUsize::new(0);
        let (room, in_flight) = (&(Mutex::new(()), Condvar::new()), &in_flight);
        let failed = &AtomicU64::new(0);
        std::thread::scope(|scope| {
            let sealers: Vec<_> = (0..self.settings.workers.max(1))
                .map(|_| (numbered.clone(), sealed_in.clone()))
                .map(|(numbered, sealed_in)| scope.spawn(move || self.seal_all(&numbered, &sealed_in)))
                .collect();
            drop((numbered, sealed_in));
            let putter = scope.spawn(move || {
                let outcome = self.put_all(&sealed, in_flight, room);
                failed.store(1, Ordering::Release);
                wake(room);
                outcome
            });
            for (number, shipment) in inbox.iter().enumerate() {
                self.await_room(in_flight, room, failed);
                in_flight.fetch_add(1, Ordering::AcqRel);
                if failed.load(Ordering::Acquire) != 0 || numbered_in.send((number as u64, shipment)).is_err() {
                    break;
                }
            }
            drop((inbox, numbered_in));
            let panicked = |_| Error::bug("a thread of the shipper panicked");
            let mut outcome = putter.join().map_err(panicked).and_then(|done| done);
            for sealer in sealers {
                outcome = outcome.and(sealer.join().map_err(panicked).and_then(|done| done));
            }
            outcome
        })
    }

    fn await_room(&self, in_flight: &AtomicUsize, room: &(Mutex<()>, Condvar), failed: &AtomicU64) {
        let mut guard = room.0.lock().unwrap_or_else(PoisonError::into_inner);
        while in_flight.load(Ordering::Acquire) >= SHIPMENTS_MAX && failed.load(Ordering::Acquire) == 0 {
            guard = room.1.wait_timeout(guard, PUT_PAUSE).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    fn seal_all(&self, numbered: &Receiver<(u64, Shipment)>, sealed: &Sender<Sealed>) -> Result<()> {
        let mut squeeze = Squeeze::for_log(self.settings.level)?;
        for (number, mut shipment) in numbered {
            let Shipment { timeline, from, moment, ref bytes } = shipment;
            let range = Range { stream: &self.settings.stream, timeline, from, bytes, moment };
            let (name, object) = seal_range(self.vault, self.writer, &range, &mut squeeze, self.entropy)?;
            shipment.bytes = Vec::new();
            if sealed.send((number, shipment, name, object)).is_err() {
                break;
            }
        }
        Ok(())
    }

    fn put_all(&self, sealed: &Receiver<Sealed>, in_flight: &AtomicUsize, room: &(Mutex<()>, Condvar)) -> Result<()> {
        let mut waiting = BTreeMap::new();
        let mut next = 0;
        for (number, shipment, name, object) in sealed {
            waiting.insert(number, (shipment, name, object));
            while let Some((shipment, name, object)) = waiting.remove(&next) {
                let size = object.len() as u64;
                self.put(&name.to_string(), &object.into())?;
                next += 1;
                in_flight.fetch_sub(1, Ordering::AcqRel);
                wake(room);
                self.horizon.change(|durable| {
                    durable.position = name.to;
                    durable.timeline = shipment.timeline.0;
                    durable.moment = durable.moment.max(shipment.moment);
                    durable.trouble = None;
                    durable.stored += size;
                    durable.objects += 1;
                });
            }
        }
        Ok(())
    }

    /// Repeats the put, byte for byte, while the fault may pass.
    fn put(&self, name: &str, object: &bytes::Bytes) -> Result<()> {
        loop {
            let Err(error) = self.vault.repository.store().put_new(name, object.clone()) else { return Ok(()) };
            if !matches!(error.kind(), ErrorKind::Transient | ErrorKind::Busy) || self.stop.go_on().is_err() {
                return Err(error.context("archive", name));
            }
            self.horizon.change(|durable| durable.trouble = Some(error.brief()));
            self.clock.pause(PUT_PAUSE);
        }
    }
}
