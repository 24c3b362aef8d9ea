//! Letters on their way: what is due is handed to the mail server, and what it refuses is tried again, rarer and rarer, for a day.
//!
//! If we die between the server's yes and our note of it, the letter goes out once more under the same `Message-ID`.

use farshore_store::outbox::{self, Message};
use farshore_store::{Tx, projects};
use farshore_types::{Error, ErrorKind, Result, Timestamp};

use crate::notifications::{Letter, UNDELIVERED};
use crate::{Control, events};

/// Letters that are read at once.
const AT_ONCE: u32 = 20;
/// Minutes between a try and the next; after the last of them a letter is given up.
const PAUSES_MIN: [i64; 7] = [1, 5, 15, 60, 180, 360, 720];
/// How long ended letters are remembered, so that none is written twice, in microseconds.
const REMEMBERED_US: i64 = 30 * 24 * 3600 * 1_000_000;
const MINUTE_US: i64 = 60 * 1_000_000;

/// Sends what is due. Does nothing where no mail server is set: nothing is written then, either.
pub fn deliver(control: &Control) -> Result<()> {
    let Some(post) = &control.post else { return Ok(()) };
    let mut tried = false;
    'letters: loop {
        let due = control.store.read(|tx| outbox::due(tx, tx.now(), AT_ONCE))?;
        if due.is_empty() {
            break;
        }
        for message in due {
            let sent = Letter::read(&message).and_then(|letter| post.send(&message.id, &letter));
            let away = sent.as_ref().is_err_and(|error| !is_refusal(error));
            control.store.write(|tx| match &sent {
                Ok(()) => outbox::delivered(tx, &message.id, tx.now()).map(drop),
                Err(error) => not_sent(tx, control, &message, error),
            })?;
            tried = true;
            // Most likely the server does not answer at all: the others need not wait for it one after the other.
            if away {
                break 'letters;
            }
        }
    }
    if !tried {
        return Ok(());
    }
    let before = control.clock.now().plus_micros(-REMEMBERED_US);
    control.store.write(|tx| outbox::delete_ended(tx, before).map(drop))
}

/// Whether trying again is of no use.
fn is_refusal(error: &Error) -> bool {
    matches!(error.kind(), ErrorKind::Invalid | ErrorKind::Corrupt)
}

fn not_sent(tx: &mut Tx<'_>, control: &Control, message: &Message, error: &Error) -> Result<()> {
    match next_try(tx.now(), message.tries).filter(|_| !is_refusal(error)) {
        Some(at) => {
            tracing::info!(id = %message.id, %error, "a letter is sent later");
            outbox::put_off(tx, &message.id, at).map(drop)
        }
        None => give_up(tx, control, message, error),
    }
}

/// When a letter is tried again that was tried before so many times; `None` if not at all.
fn next_try(now: Timestamp, tries: u32) -> Option<Timestamp> {
    let minutes = PAUSES_MIN.get(usize::try_from(tries).ok()?)?;
    Some(now.plus_micros(minutes * MINUTE_US))
}

/// Those who run the project are told in its place; of a letter that told them so, only the event is left.
fn give_up(tx: &mut Tx<'_>, control: &Control, message: &Message, error: &Error) -> Result<()> {
    if !outbox::given_up(tx, &message.id, tx.now())? {
        return Ok(());
    }
    tracing::info!(id = %message.id, %error, "a letter is given up");
    let Ok(letter) = Letter::read(message) else { return Ok(()) };
    // Its project may be deleted meanwhile.
    if projects::get(tx, &letter.project_id)?.is_none() {
        return Ok(());
    }
    let text = format!("The letter {:?} to {} could not be delivered: {error}", letter.subject, letter.to);
    let recorder = match letter.event == UNDELIVERED {
        true => events::Recorder::silent(control),
        false => events::Recorder::of(control),
    };
    recorder.record(tx, &letter.project_id, "farshore", UNDELIVERED, None, &text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_letter_is_tried_eight_times_within_a_day_rarer_and_rarer() {
        let start = Timestamp::from_micros(0);
        let (mut at, mut tries, mut pause) = (start, 0, 0);
        while let Some(next) = next_try(at, tries) {
            assert!(next.micros() - at.micros() > pause);
            (pause, at, tries) = (next.micros() - at.micros(), next, tries + 1);
        }
        assert_eq!(tries + 1, 8);
        assert!((20 * 60 * MINUTE_US..24 * 60 * MINUTE_US).contains(&at.micros()), "{at}");
    }
}
