//! A put in pieces whose pieces are made in its caller's thread: the store has its patience for each of them, its caller takes as
//! long as it needs.
//!
//! A store that asks for a second piece has taken the first: it answers. When the caller goes away the put ends at the next piece, and
//! nothing has been put.

use std::sync::Arc;
use std::sync::mpsc::{RecvTimeoutError, sync_channel};

use farshore_types::{Error, Result};

use crate::layers::deadline::books::{Left, Sort};
use crate::layers::deadline::desk::Desk;
use crate::pieces::PieceOf;
use crate::store::ObjectStore;

/// How a put in pieces came to its end.
pub(super) enum Put {
    /// By the store, well or badly.
    Ended(Result<()>),
    /// By an error of the caller's own.
    Stopped(Error),
}

/// Puts into `inner` in a thread of `desk` and calls `piece` here. The error is ours; the store's and the caller's are values.
pub(super) fn put(
    desk: &Arc<Desk>,
    inner: &Arc<dyn ObjectStore>,
    (name, size): (&str, u64),
    piece: &mut PieceOf<'_>,
) -> Result<Put> {
    // One question and one piece at most wait in these.
    let (ask, questions) = sync_channel(1);
    let (give, pieces) = sync_channel(1);
    let (inner, name) = (inner.clone(), name.to_string());
    let ticket = desk.hand_over(Sort::Call, move || {
        let gone = || Error::transient("nobody gives the pieces of this object any more");
        inner.put_pieces(&name, size, &mut |at| {
            ask.send(at).map_err(|_| gone())?;
            pieces.recv().map_err(|_| gone())
        })
    })?;
    loop {
        match questions.recv_timeout(desk.patience) {
            Ok(at) => {
                if at > 0 {
                    desk.answered(ticket.id);
                }
                match piece(at) {
                    // Nobody takes it where the put has just ended: its answer says how.
                    Ok(piece) => drop(give.send(piece)),
                    Err(error) => {
                        drop(give);
                        // What the store says of it is of no interest, only that it has let go.
                        let _ = desk.wait_for(&ticket);
                        return Ok(Put::Stopped(error));
                    }
                }
            }
            Err(RecvTimeoutError::Disconnected) => return desk.wait_for(&ticket).map(Put::Ended),
            Err(RecvTimeoutError::Timeout) if desk.leave(ticket.id) == Left::Behind => return Err(desk.too_late()),
            // It had just ended: its answer is there.
            Err(RecvTimeoutError::Timeout) => {}
        }
    }
}
